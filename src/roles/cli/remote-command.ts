/** A remote command at our own terminal or pipe: its streams are ours, its end is our exit code. */
import { constants } from "node:os";
import { FAULTS, NegotiatorError } from "../../errors.ts";
import type { ExecuteResult } from "../../methods/execute.ts";
import type { RemoteCommand } from "../../peers/peer.ts";
import type { StreamWriter } from "../../wire/calls/stream-writer.ts";
import { readInput, writeOutput } from "./streams.ts";
import type { Outcome } from "./subcommand.ts";

/** What a shell gives a command that a signal of this number ended. */
const SIGNAL_BASE = 128;

/** A timer of the other side may be so much early, by our clock. */
const TOLERANCE_MS = 50;

/** The caller's deadline, and what of it was left for the command; in milliseconds, 0 is none. */
type Deadline = { timeoutMs: number; givenMs: number };

/**
 * Carries the streams until the command has ended and all its output is written; the outcome has the exit code that it
 * gives us, and says so if it ended at a deadline: at ours, or earlier at one of the other side.
 * The first interrupt cancels it at the other end, a second one gives up waiting; the outcome then has its signal.
 */
export async function waitForCommand(remote: RemoteCommand, deadline: Deadline): Promise<Outcome> {
  const { promise: abandoned, resolve: abandon } = Promise.withResolvers<Outcome>();
  const over = new AbortController();
  let interruptedBy: NodeJS.Signals | undefined;
  const interrupt = (signal: NodeJS.Signals): void => {
    if (interruptedBy !== undefined) abandon({ exitCode: codeOfSignal(signal), signal });
    else remote.cancel(`interrupted by ${signal}`);
    interruptedBy = signal;
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  try {
    if (remote.stdin !== undefined) void feed(remote.stdin, over.signal);
    const outputs = [drain(remote, "stdout", abandon), drain(remote, "stderr", abandon)];
    const finished = remote.ended.then(async (result) => {
      await Promise.all(outputs);
      const error = explainDeadline(result, deadline);
      const signal = result.cancelled ? interruptedBy : undefined;
      return {
        exitCode: exitCodeOf(result),
        ...(error === undefined ? {} : { error }),
        ...(signal === undefined ? {} : { signal }),
      };
    });
    return await Promise.race([finished, abandoned]);
  } catch (thrown) {
    const error = NegotiatorError.from(thrown);
    if (interruptedBy === undefined || error.code !== "CANCELLED") throw error;
    return { exitCode: codeOfSignal(interruptedBy), error, signal: interruptedBy };
  } finally {
    over.abort();
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}

function codeOfSignal(signal: NodeJS.Signals): number {
  return SIGNAL_BASE + constants.signals[signal];
}

/** 124 for a passed deadline, 128 + n for signal n (real-time ones are `SIGn`), else the command's own. */
export function exitCodeOf({ exitCode, signal, timedOut }: ExecuteResult): number {
  if (timedOut) return FAULTS.TIMEOUT.exitCode;
  if (exitCode !== null) return exitCode;
  const named = Object.entries(constants.signals).find(([name]) => name === signal)?.[1];
  const number = named ?? Number(/^SIG(\d{1,2})$/.exec(signal ?? "")?.[1]);
  return Number.isNaN(number) ? FAULTS.INTERNAL.exitCode : SIGNAL_BASE + number;
}

/** Which deadline a command was ended at; undefined when it was none. */
export function explainDeadline(
  { timedOut, durationMs }: ExecuteResult,
  { timeoutMs, givenMs }: Deadline,
): NegotiatorError | undefined {
  if (!timedOut) return undefined;
  if (timeoutMs > 0 && durationMs >= givenMs - TOLERANCE_MS) {
    const passed = `its deadline of ${timeoutMs / 1000} s has passed`;
    return new NegotiatorError("TIMEOUT", `The command was ended: ${passed}`, {
      remedy: "Give it more time with --timeout SECONDS, as far as the other side allows",
    });
  }
  const spent = `after ${Math.round(durationMs / 100) / 10} s`;
  return new NegotiatorError("TIMEOUT", `The command was ended ${spent}: the other side gives it no more`, {
    remedy: "There, the policy or the command's NAME.toml sets timeoutSeconds; --timeout can only shorten it",
  });
}

async function feed(stdin: StreamWriter, signal: AbortSignal): Promise<void> {
  try {
    for await (const bytes of readInput(signal)) await stdin.write(bytes);
  } catch {
    // The command reads no more, or its call has ended: what is left of the input is nobody's.
  }
  stdin.end();
}

/** A reader of ours that is gone ends the command, as a broken pipe would where it runs. */
async function drain(
  remote: RemoteCommand,
  stream: "stdout" | "stderr",
  abandon: (outcome: Outcome) => void,
): Promise<void> {
  try {
    for await (const bytes of remote[stream]) {
      if (await writeOutput(stream, bytes)) continue;
      abandon({ exitCode: codeOfSignal("SIGPIPE") });
      remote.cancel(`nobody reads its ${stream}`);
      return;
    }
  } catch {
    // Why the stream broke off is what `ended` rejects with.
  }
}
