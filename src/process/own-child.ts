/** Asks a child of this program, which may hang in our place. */
import { NegotiatorError } from "../errors.ts";
import { startChildClock } from "../trust/child-clock.ts";
import { ANSWER_WORD, OWN_ENVIRONMENT, ownCommandLine } from "../trust/own-program.ts";
import { createBoundedOutput } from "./bounded-output.ts";
import { run } from "./run.ts";

/**
 * `timeoutMs` counts from the moment at which the child has started. More bytes of answer than `answerBytes`
 * are an error. Tests pass another child as `argv`.
 */
export type AskOptions = {
  timeoutMs: number;
  answerBytes: number;
  signal?: AbortSignal;
  argv?: readonly [string, ...string[]];
};

/**
 * Resolves with the answer of a child to `question`; both are JSON. Rejects with `TIMEOUT`, `CANCELLED`,
 * `TOO_LARGE`, the errors of a start, and `INTERNAL` if the child failed.
 */
export async function askOwnChild(question: object, options: AskOptions): Promise<unknown> {
  const { timeoutMs, answerBytes, signal, argv = ownCommandLine([ANSWER_WORD]) } = options;
  const output = createBoundedOutput(answerBytes);
  const late = new AbortController();
  const clock = startChildClock(timeoutMs, () => late.abort());
  const ended = await run({
    calledAs: "a child of negotiator",
    argv,
    env: OWN_ENVIRONMENT,
    cwd: "/",
    stdin: inOnePiece(JSON.stringify(question)),
    stdout: {
      write(bytes) {
        clock.begun();
        return output.write(bytes);
      },
    },
    stderr: null,
    signal: signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]),
  }).finally(() => clock.stop());
  if (late.signal.aborted) throw failure("TIMEOUT", `it took longer than ${timeoutMs} ms`);
  if (ended.endedBy === "cancel") throw failure("CANCELLED", "it was cancelled");
  if (output.isFull) throw failure("TOO_LARGE", `its answer has more than ${answerBytes} bytes`);
  if (ended.exitCode !== 0) throw failure("INTERNAL", `it ended with ${ended.exitCode ?? ended.signal}`);
  return JSON.parse(output.bytes().toString());
}

/** Yields the text as the standard input of a child. */
export async function* inOnePiece(text: string): AsyncGenerator<Uint8Array, void, undefined> {
  yield await Promise.resolve(Buffer.from(text));
}

function failure(code: "TIMEOUT" | "CANCELLED" | "TOO_LARGE" | "INTERNAL", problem: string): NegotiatorError {
  return new NegotiatorError(code, `Cannot ask a child of negotiator: ${problem}`);
}
