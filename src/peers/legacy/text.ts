/**
 * The texts in which python-negotiator reports the end of a command. Its clients get exit code and output
 * only in this form.
 */
import { constants } from "node:os";
import { NegotiatorError } from "../../errors.ts";
import type { ExecuteResult } from "../../methods/execute-schemas.ts";
import { printable } from "../../printable.ts";
import { signalName, signalNumber } from "../../signals.ts";
import { clipText } from "../../wire/message.ts";

/** The words in front of the output, in the failure text for a command that ran. `words` are its own. */
export function toLegacyFailure(
  { exitCode, signal, endedBy }: ExecuteResult,
  words: readonly string[],
): string {
  const command = `\n\nCommand:\n${quoteWords(words)}`;
  if (endedBy === "deadline" || endedBy === "limit")
    return `External command was ended at its deadline!${command}`;
  const code = exitCode ?? -(signalNumber(signal ?? "") ?? 0);
  return `External command failed with exit code ${code}!${command}`;
}

/** The text between these words and the output. */
export const OUTPUT_MARKER = "\n\nStandard output:\n";

/** The failure text for a command that was not started. `words` are its name and arguments. */
export function toLegacyRefusal({ code, message }: NegotiatorError, words: readonly string[]): string {
  const command = `\n\nCommand:\n${quoteWords(words)}`;
  if (code === "NO_COMMAND") return `External command isn't available!${command}`;
  if (code === "NOT_EXECUTABLE") return `External command failed with exit code 126!${command}`;
  return message;
}

/** The exit of a command. */
export type LegacyExit = Pick<ExecuteResult, "exitCode" | "signal">;

/**
 * The exit of a command, from the failure text of an old server. `hasOutput`: the command wrote something.
 * Throws `NO_COMMAND` or `NOT_EXECUTABLE` if the command was not started, or perhaps not. Throws `INTERNAL`
 * for any other text. `remedy` is for a missing command.
 */
export function readLegacyFailure(
  { text, hasOutput }: { text: string; hasOutput: boolean },
  command: string,
  remedy = "List its commands with list-commands",
): LegacyExit {
  const exit = fromLegacyFailure(text);
  const name = printable(command);
  if (exit === undefined) throw notStarted(legacyFault(text), name, text, remedy);
  if (!hasOutput && AMBIGUOUS.some((form) => form.test(text)))
    throw perhapsNotStarted(exit.exitCode, name, text, remedy);
  return exit;
}

function fromLegacyFailure(text: string): LegacyExit | undefined {
  if (text.startsWith("External command isn't available!")) return { exitCode: 127, signal: null };
  const [, number] = /^External command failed with exit code (-?\d+)!/.exec(text) ?? [];
  if (number === undefined) return undefined;
  const code = Number(number);
  // A failure has another exit code, so this text says nothing about the end.
  if (code === 0) return undefined;
  return code < 0 ? { exitCode: null, signal: signalName(-code) } : { exitCode: code, signal: null };
}

/**
 * `subprocess` of Python 2 raises an `OSError` without a file name if the kernel cannot start the command.
 */
function legacyFault(text: string): "NO_COMMAND" | "NOT_EXECUTABLE" | "INTERNAL" {
  const [, errno] = /^\[Errno (\d+)\] [^:]*$/.exec(text) ?? [];
  if (Number(errno) === constants.errno.ENOENT) return "NO_COMMAND";
  const isRefused = [constants.errno.EACCES, constants.errno.ENOEXEC].includes(Number(errno));
  return isRefused ? "NOT_EXECUTABLE" : "INTERNAL";
}

// Not starting a command and its own exit code 126 or 127 look alike: both codes come from the original's
// shell. Executor 7.4 and later writes "isn't available" for any 127, and before 19.0 uses the parentheses.
const AMBIGUOUS = [
  /^External command isn't available!/,
  /^External command failed with exit code 12[67]!(?:\n\nCommand:\n| \(command: )bash -c /,
];

function perhapsNotStarted(
  exitCode: number | null,
  name: string,
  text: string,
  remedy: string,
): NegotiatorError {
  const words = `The command "${name}" failed with exit code ${exitCode}: the old agent`;
  const itself = "or it chose that exit code itself";
  return exitCode === 127
    ? noCommand(`${words} did not find it or its interpreter, ${itself}`, text, remedy)
    : new NegotiatorError("NOT_EXECUTABLE", `${words} could not execute it, ${itself}`, quoting(text));
}

function notStarted(
  code: ReturnType<typeof legacyFault>,
  name: string,
  text: string,
  remedy: string,
): NegotiatorError {
  if (code === "INTERNAL") return new NegotiatorError(code, `The old agent reports: ${clipText(text)}`);
  const words = `Cannot run "${name}": the old agent`;
  return code === "NO_COMMAND"
    ? noCommand(`${words} did not find it, or what starts it, such as its interpreter`, text, remedy)
    : new NegotiatorError(code, `${words} could not execute it`, quoting(text));
}

function noCommand(message: string, text: string, remedy: string): NegotiatorError {
  return new NegotiatorError("NO_COMMAND", message, {
    remedy: `${remedy}; the old agent reports: ${clipText(text)}`,
  });
}

function quoting(text: string): { remedy: string } {
  return { remedy: `The old agent reports: ${clipText(text)}` };
}

/** `trim` removes other characters than `unicode.strip` of Python 2.7: U+FEFF, but not U+0085. */
const BLANKS =
  "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007" +
  "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000";

/** Strips the blanks that `unicode.strip` of Python 2.7 strips. */
export function strip(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && BLANKS.includes(text.charAt(start))) start++;
  while (end > start && BLANKS.includes(text.charAt(end - 1))) end--;
  return text.slice(start, end);
}

/** Whether there is a line end in the text of these pieces once the blanks around it are stripped. */
export function hasInnerLineEnd(pieces: Iterable<string>): boolean {
  let state: "before" | "in" | "after line end" = "before";
  for (const piece of pieces) {
    for (const [index, line] of piece.split("\n").entries()) {
      if (index > 0 && state === "in") state = "after line end";
      if (strip(line) === "") continue;
      if (state === "after line end") return true;
      state = "in";
    }
  }
  return false;
}

/**
 * Python's error for output that is not UTF-8. `piece` has the first invalid byte, and begins at `offset` in
 * the output.
 */
export function notUtf8(piece: Uint8Array, offset: number): NegotiatorError {
  const position = findInvalidByte(piece);
  const byte = piece[position] ?? 0;
  const isLead = byte >= 0xc2 && byte <= 0xf4;
  const reason = isLead ? "invalid continuation byte" : "invalid start byte";
  const shown = `0x${byte.toString(16).padStart(2, "0")}`;
  const message = `'utf8' codec can't decode byte ${shown} in position ${offset + position}: ${reason}`;
  return new NegotiatorError("BAD_REQUEST", message);
}

function findInvalidByte(bytes: Uint8Array): number {
  // Lenient decoding replaces invalid bytes, so the text encoded again differs first where they begin.
  const again = new TextEncoder().encode(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
  let position = 0;
  while (again[position] === bytes[position]) position++;
  while (isContinuation(again[position])) position--;
  return position;
}

function isContinuation(byte = 0): boolean {
  return byte >= 0x80 && byte < 0xc0;
}

/** Old clients get the quotes of Python's `pipes.quote`. */
function quoteWords(words: readonly string[]): string {
  return words.map(quoteWord).join(" ");
}

function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}
