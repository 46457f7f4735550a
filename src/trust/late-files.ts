/** Reads trusted files for a daemon: in a child, where a look could hang. */
import { resolve } from "node:path";
import { NegotiatorError } from "../errors.ts";
import type { FaultCode } from "../errors.ts";
import { printable } from "../printable.ts";
import { shellWord } from "../shell-word.ts";
import { ask, QUESTION_MS } from "./late-answer.ts";
import { judgeHereOrThere } from "./look.ts";
import type { Looks } from "./look.ts";
import { readTrustedFile } from "./trusted-file.ts";

/** The question of a child that reads a file. */
export type FileQuestion = { kind: "file"; path: string };

/** The answer to a question about files. `problem` is the message of an error. */
export type FilesAnswer<Value> = { value: Value } | { problem: string; code: FaultCode };

/**
 * Resolves as `readTrustedFile` returns. Rejects as it throws, and with `TIMEOUT` if the file system does not
 * answer in `limitMs`.
 */
export async function readTrustedFileLate(path: string, limitMs?: number): Promise<string | undefined> {
  const question: FileQuestion = { kind: "file", path: resolve(path) };
  const value = await judgeHereOrThere(
    (looks) => readTrustedFile(path, undefined, looks) ?? null,
    () => askForFiles<string | null>(question, limitMs),
  );
  return value ?? undefined;
}

/** Resolves with the value of the answer. Rejects with its problem, and with `TIMEOUT` for none. */
export async function askForFiles<Value>(
  question: { kind: string; path: string },
  limitMs = QUESTION_MS,
): Promise<Value> {
  // Our own program wrote it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const answer = (await ask(question, limitMs)) as FilesAnswer<Value> | undefined;
  if (answer === undefined) throw silent(question.path, limitMs);
  if ("problem" in answer) throw new NegotiatorError(answer.code, answer.problem);
  return answer.value;
}

/** Answers the question, and may wait. */
export function answerFile({ path }: FileQuestion, looks: Looks): FilesAnswer<string | null> {
  return answerForFiles(() => readTrustedFile(path, undefined, looks) ?? null);
}

/** Returns the answer with what `read` returns, or with the problem that it throws. */
export function answerForFiles<Value>(read: () => Value): FilesAnswer<Value> {
  try {
    return { value: read() };
  } catch (thrown) {
    const { code, message } = NegotiatorError.from(thrown);
    return { problem: message, code };
  }
}

function silent(path: string, limitMs: number): NegotiatorError {
  const problem = `does not answer within ${limitMs / 1000} s`;
  return new NegotiatorError("TIMEOUT", `The file system of "${printable(path)}" ${problem}`, {
    remedy: `See whether it does: ls -ld ${shellWord(path)}`,
  });
}
