/** Connects a remote command to our own stdin, stdout and stderr, and its result to our exit code. */
import { FAULTS, NegotiatorError } from "../../errors.ts";
import type { ExecuteResult } from "../../methods/execute.ts";
import type { RemoteCommand } from "../../peers/remote-command.ts";
import { signalNumber } from "../../signals.ts";
import type { StreamWriter } from "../../wire/calls/stream-writer.ts";
import { readInput, writeOutput } from "./streams.ts";
import type { Outcome } from "./subcommand.ts";

/** Shells give a command that a signal ended this number plus the signal's. */
const SIGNAL_BASE = 128;

const CLOCK_DIFFERENCE_MS = 50;

/** The caller's deadline, and the part of it that was left for the command. In milliseconds, 0 for none. */
export type Deadline = { timeoutMs: number; givenMs: number };

/**
 * Carries the streams until the command has ended and its output is written. Returns the command's exit code,
 * with an error if a deadline ended the command: ours, or a shorter one of the peer.
 *
 * The first SIGINT or SIGTERM cancels the command. A second one returns at once. The outcome then has the
 * signal.
 */
export async function waitForCommand(remote: RemoteCommand, deadline: Deadline): Promise<Outcome> {
  const { promise: aborted, resolve: abort } = Promise.withResolvers<Outcome>();
  const over = new AbortController();
  let interruptedBy: NodeJS.Signals | undefined;
  const interrupt = (signal: NodeJS.Signals): void => {
    if (interruptedBy !== undefined) abort({ exitCode: exitCodeOfSignal(signal), signal });
    else remote.cancel(`interrupted by ${signal}`);
    interruptedBy = signal;
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  try {
    if (remote.stdin !== undefined) void sendInput(remote.stdin, over.signal);
    const outputs = [takeOutput(remote, "stdout", abort), takeOutput(remote, "stderr", abort)];
    const finished = remote.ended.then(async (result): Promise<Outcome> => {
      await Promise.all(outputs);
      const error = explainDeadline(result, deadline);
      const signal = result.cancelled ? interruptedBy : undefined;
      return {
        exitCode: exitCodeOf(result),
        ...(error === undefined ? {} : { error }),
        ...(signal === undefined ? {} : { signal }),
      };
    });
    return await Promise.race([finished, aborted]);
  } catch (thrown) {
    const error = NegotiatorError.from(thrown);
    if (interruptedBy === undefined || error.code !== "CANCELLED") throw error;
    return { exitCode: exitCodeOfSignal(interruptedBy), error, signal: interruptedBy };
  } finally {
    over.abort();
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}

function exitCodeOfSignal(name: string): number {
  const number = signalNumber(name);
  return number === undefined ? FAULTS.INTERNAL.exitCode : SIGNAL_BASE + number;
}

/**
 * The exit code of a command line for a command's result: 124 for a passed deadline, 128 + n for signal n,
 * otherwise the command's own.
 */
export function exitCodeOf({ exitCode, signal, timedOut }: ExecuteResult): number {
  if (timedOut) return FAULTS.TIMEOUT.exitCode;
  return exitCode ?? exitCodeOfSignal(signal ?? "");
}

/** The error for a command that a deadline ended; undefined for any other end. */
export function explainDeadline(
  { timedOut, durationMs }: ExecuteResult,
  { timeoutMs, givenMs }: Deadline,
): NegotiatorError | undefined {
  if (!timedOut) return undefined;
  if (timeoutMs > 0 && durationMs >= givenMs - CLOCK_DIFFERENCE_MS) {
    const passed = `its deadline of ${timeoutMs / 1000} s has passed`;
    return new NegotiatorError("TIMEOUT", `The command was ended: ${passed}`, {
      remedy: "Give it more time with --timeout SECONDS; the other side may allow less",
    });
  }
  const spent = `after ${Math.round(durationMs / 100) / 10} s`;
  return new NegotiatorError(
    "TIMEOUT",
    `The command was ended ${spent}: the other side allows no more time`,
    {
      remedy:
        "Raise timeoutSeconds there, in the policy or the command's NAME.toml; --timeout can only shorten it",
    },
  );
}

async function sendInput(stdin: StreamWriter, signal: AbortSignal): Promise<void> {
  try {
    for await (const bytes of readInput(signal)) await stdin.write(bytes);
  } catch {
    // The command has stopped reading or its call has ended, so the rest of the input is dropped.
  }
  stdin.end();
}

/** A closed stdout or stderr of ours cancels the remote command, as SIGPIPE would end a local one. */
async function takeOutput(
  remote: RemoteCommand,
  stream: "stdout" | "stderr",
  abort: (outcome: Outcome) => void,
): Promise<void> {
  try {
    for await (const bytes of remote[stream]) {
      if (await writeOutput(stream, bytes)) continue;
      abort({ exitCode: exitCodeOfSignal("SIGPIPE") });
      remote.cancel(`the caller closed its ${stream}`);
      return;
    }
  } catch {
    // `ended` rejects with the cause, so it is ignored here.
  }
}
