/** Shows findings as lines, with the exit code of the worst one. */
import { printable, printableJson } from "../../printable.ts";
import { shellLine } from "../../shell-word.ts";
import { CANNOT_TELL } from "./finding.ts";
import type { Finding, Level } from "./finding.ts";

/** Returns one object of JSON for a finding. */
export function formatFinding({ check, level, text, remedy, fix }: Finding): string {
  const fixed = fix === undefined ? null : shellLine(fix);
  return printableJson(JSON.stringify({ check, level, message: text, remedy: remedy ?? null, fix: fixed }));
}

/**
 * Returns the lines of a finding. On a terminal of `columns`, the text is wrapped at blanks. Lines of
 * remedies have commands to copy, so they are not.
 */
export function describeFinding({ check, level, text, remedy, fix }: Finding, columns?: number): string {
  const head = `${level.padEnd(LEVEL_WIDTH)}${check}: `;
  const lines = wrap(printable(text), columns, head.length);
  const hints = (remedy ?? "").split("\n").filter((line) => line !== "");
  const mark = fix === undefined ? "" : ` (--fix does it)`;
  return [
    `${head}${lines.join(`\n${INDENT}`)}`,
    ...hints.map((line, index) => `${INDENT}${printable(line)}${index === 0 ? mark : ""}`),
  ].join("\n");
}

const LEVEL_WIDTH = 9;
const INDENT = " ".repeat(LEVEL_WIDTH);

function wrap(text: string, columns: number | undefined, headLength: number): string[] {
  if (columns === undefined) return [text];
  const lines = [""];
  let room = columns - headLength;
  for (const word of text.split(" ")) {
    const last = lines.at(-1) ?? "";
    const joined = last === "" ? word : `${last} ${word}`;
    if (joined.length <= room || (last === "" && lines.length > 1)) lines[lines.length - 1] = joined;
    else {
      lines.push(word);
      room = columns - LEVEL_WIDTH;
    }
  }
  return lines;
}

/** Returns how many findings of each level there are. */
export function summarize(findings: readonly Finding[]): string {
  const countOf = (level: Level): number => findings.filter((finding) => finding.level === level).length;
  const counts = (["problem", "warning", "unknown", "ok"] as const).map((level) => {
    const count = countOf(level);
    return count === 0 ? [] : `${count} ${count > 1 ? PLURALS[level] : level}`;
  });
  return counts.flat().join(", ");
}

const PLURALS = { problem: "problems", warning: "warnings", unknown: "unknown", ok: "ok" } as const;

/** Returns the exit code: 2 for a problem, else 1 for a warning, else 3 if a check could not look. */
export function worstExitCode(findings: readonly Finding[]): number {
  const levels = new Set(findings.map(({ level }) => level));
  if (levels.has("problem")) return 2;
  if (levels.has("warning")) return 1;
  return levels.has("unknown") ? CANNOT_TELL : 0;
}
