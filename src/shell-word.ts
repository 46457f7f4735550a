/** Quotes words of a command line that a person copies from a message. */
import { printable } from "./printable.ts";

/** Returns a word as a shell takes it: quoted, unless it has only harmless characters. */
export function shellWord(word: string): string {
  const shown = printable(word);
  return /^[\w@%+=:,./-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", `'\\''`)}'`;
}

/** Returns the arguments after a command, with a blank before each. `ARG...` stands for long ones. */
export function shellArguments(args: readonly string[]): string {
  if (args.length === 0) return "";
  const line = shellLine(args);
  return line.length > LONGEST_SHOWN ? " ARG..." : ` ${line}`;
}

const LONGEST_SHOWN = 200;

/** Returns a command line of these words. */
export function shellLine(words: readonly string[]): string {
  return words.map(shellWord).join(" ");
}
