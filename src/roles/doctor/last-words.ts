/** Finds the error with which a service ended, in its log. */
import { printable } from "../../printable.ts";
import { shorten } from "../../shorten.ts";
import { askTool } from "./tool.ts";

const LINES = "30";
const WORDS_LENGTH = 300;

/** Resolves with the last error of a unit of systemd; undefined without one in the journal. */
export async function askLastWords(name: string, signal: AbortSignal): Promise<string | undefined> {
  const argv = ["journalctl", "--unit", name, "--lines", LINES, "--output", "cat", "--no-pager", "--quiet"];
  return readLastWords((await askTool(argv, signal))?.stdout ?? "");
}

/** Returns the last line of a log that says why the daemon ended, or why systemd could not start it. */
export function readLastWords(log: string): string | undefined {
  const words = log.split("\n").flatMap((line) => ENDING.exec(line)?.[1] ?? []);
  const last = words.at(-1);
  return last === undefined ? undefined : printable(shorten(last, WORDS_LENGTH));
}

/** An error of the command line, and what systemd says of a step before the program. */
const ENDING = /^(?:negotiator: |\S+\.service: (?=Failed at step ))(.+)$/;
