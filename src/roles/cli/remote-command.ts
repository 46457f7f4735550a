/**
 * A remote command at our own terminal or pipe: its streams become ours, and its end becomes our exit code.
 */
import { FAULTS, NegotiatorError } from "../../errors.ts";
import type { ExecuteResult } from "../../methods/execute.ts";
import type { RemoteCommand } from "../../peers/remote-command.ts";
import { signalNumber } from "../../signals.ts";
import type { StreamWriter } from "../../wire/calls/stream-writer.ts";
import { readInput, writeOutput } from "./streams.ts";
import type { Outcome } from "./subcommand.ts";

/** A shell adds this to the number of the signal that ended a command. */
const SIGNAL_BASE = 128;

/** The other side's clock may run this much ahead of ours, in milliseconds. */
const TOLERANCE_MS = 50;

/** The caller's deadline, and how much of it was left for the command; in milliseconds, 0 is none. */
export type Deadline = { timeoutMs: number; givenMs: number };

/**
 * Carries the streams until the command has ended and all its output is written. The outcome has the
 * command's exit code, and an error that names the deadline if one ended it: ours, or a shorter one of the
 * other side.
 *
 * The first INT or TERM cancels the command at the other end; a second one ends the waiting. The outcome then
 * has the signal.
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
 * 124 for a passed deadline, 128 + n for signal n (`SIGn` for a real-time signal), else the command's own
 * exit code.
 */
export function exitCodeOf({ exitCode, signal, timedOut }: ExecuteResult): number {
  if (timedOut) return FAULTS.TIMEOUT.exitCode;
  return exitCode ?? exitCodeOfSignal(signal ?? "");
}

/** The deadline that ended a command, as an error for the user; undefined when no deadline did. */
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

async function sendInput(stdin: StreamWriter, signal: AbortSignal): Promise<void> {
  try {
    for await (const bytes of readInput(signal)) await stdin.write(bytes);
  } catch {
    // The command reads no more, or its call has ended: the rest of the input is dropped.
  }
  stdin.end();
}

/** When our own stdout or stderr is closed, the command is cancelled, as SIGPIPE would end it locally. */
async function takeOutput(
  remote: RemoteCommand,
  stream: "stdout" | "stderr",
  abort: (outcome: Outcome) => void,
): Promise<void> {
  try {
    for await (const bytes of remote[stream]) {
      if (await writeOutput(stream, bytes)) continue;
      abort({ exitCode: exitCodeOfSignal("SIGPIPE") });
      remote.cancel(`nobody reads its ${stream}`);
      return;
    }
  } catch {
    // `ended` rejects with the reason why the stream broke off.
  }
}
