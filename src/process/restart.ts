/** Replaces this process: by the same program without some variables, or by the next version of it. */
import { readFileSync } from "node:fs";
import { splitEnvironment } from "../config/runtime-variables.ts";
import { NegotiatorError } from "../errors.ts";
import { logFor } from "../log.ts";
import { shellLine } from "../shell-word.ts";
import { replaceProgram } from "./libc-process.ts";
import type { ReplaceOptions } from "./libc-process.ts";

const log = logFor("daemon");

/**
 * Replaces this process by the same program with the same words, if its environment has such variables, and
 * logs which. Does nothing without them. Process id and open files 0, 1 and 2 stay, so a service manager
 * notices nothing. Throws `BAD_CONFIG` if the system refuses it: the variables have had their effect.
 */
export function restartWithoutRuntimeVariables(): void {
  const { kept, removed } = splitEnvironment(readFileSync("/proc/self/environ"));
  if (removed.length === 0) return;
  log.warn(`Starting again without variables that change the program: ${removed.join(", ")}`);
  const words = splitWords(readFileSync("/proc/self/cmdline"));
  const errno = replaceProgram(process.execPath, words, kept);
  const without = removed.flatMap((name) => ["-u", name]);
  throw new NegotiatorError(
    "BAD_CONFIG",
    `Cannot start the daemon without the variables ${removed.join(", ")}: execve has errno ${errno}`,
    { remedy: `Start it without them: ${shellLine(["env", ...without])} negotiator` },
  );
}

/**
 * Replaces this process by the program at `path`, with the same words and environment. Returns the errno; on
 * success it does not return.
 */
export function replaceOurselves(path: string, options: ReplaceOptions = {}): number {
  const { kept } = splitEnvironment(readFileSync("/proc/self/environ"));
  return replaceProgram(path, splitWords(readFileSync("/proc/self/cmdline")), kept, options);
}

/** Returns the first of our own words, by which the program was called. */
export function ownName(): string {
  return Buffer.from(splitWords(readFileSync("/proc/self/cmdline"))[0] ?? []).toString();
}

function splitWords(cmdline: Buffer): Uint8Array[] {
  const words: Uint8Array[] = [];
  for (let start = 0; start < cmdline.length;) {
    const end = cmdline.indexOf(0, start);
    words.push(cmdline.subarray(start, end === -1 ? cmdline.length : end));
    start += (words.at(-1)?.length ?? 0) + 1;
  }
  return words;
}
