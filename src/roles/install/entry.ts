/** Files, links, directories and commands: the parts of an installation. */
import { dirname } from "node:path";
import { shellLine, shellWord } from "../../shell-word.ts";

/**
 * The text of a file, or the file that it is a copy of. `printedBy`: the words with which this program prints
 * the text.
 */
export type Content = { text: string; printedBy?: readonly string[] } | { copyOf: string };

/**
 * A part of the installation in the file system. `path` is that on the installed machine. `why` follows the
 * path in reports.
 * - `isOptional`: left out if something else is there.
 * - `isFirst`: only written if nothing is there, or `earlier`, a text of an installation. It belongs to the
 *   administrator from then on.
 * - `oneOf`: the name of many such entries, which are reported in one line.
 * - `appended`: the file is one of the system, and gets this line more.
 */
export type Entry = { path: string; why: string; isOptional?: true; oneOf?: string } & (
  | { kind: "file"; mode: number; content: Content; isFirst?: true; earlier?: string; appended?: string }
  | { kind: "link"; to: string }
  | { kind: "directory"; mode: number }
);

/**
 * A program to run, with its words. `mayFail`: a failure is reported, and the rest goes on. `otherwise`: runs
 * if the first one fails.
 */
export type CommandStep = {
  kind: "command";
  argv: readonly string[];
  why: string;
  mayFail?: true;
  otherwise?: readonly string[];
};

/** Returns lines of shell that make the entry at `place`, its path under the root of the image. */
export function formatEntry(entry: Entry, place: string): string[] {
  const path = shellWord(place);
  if (entry.kind === "directory") return [`install -d -m ${octal(entry.mode)} ${path}`];
  if (entry.kind === "link")
    return [`mkdir -p ${shellWord(dirname(place))}`, `ln -sfn ${shellWord(entry.to)} ${path}`];
  const { content, mode, appended } = entry;
  if (appended !== undefined) return [`echo ${shellWord(appended)} >>${path}`];
  if ("copyOf" in content) return [`install -D -m ${octal(mode)} ${shellWord(content.copyOf)} ${path}`];
  if (content.printedBy !== undefined) {
    const line = shellLine([process.execPath, ...content.printedBy]);
    return [`mkdir -p ${shellWord(dirname(place))}`, `${line} >${path}`, `chmod ${octal(mode)} ${path}`];
  }
  return [`install -D -m ${octal(mode)} /dev/stdin ${path} <<'END'`, content.text.trimEnd(), "END"];
}

/** Returns the line of shell that runs the command. */
export function formatCommand({ argv, otherwise }: Pick<CommandStep, "argv" | "otherwise">): string {
  return otherwise === undefined ? shellLine(argv) : `${shellLine(argv)} || ${shellLine(otherwise)}`;
}

function octal(mode: number): string {
  return mode.toString(8);
}
