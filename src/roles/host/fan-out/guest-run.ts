/** Runs the command of a fan-out in one guest. */
import { FAULTS, NegotiatorError } from "../../../errors.ts";
import type { ExecuteResult } from "../../../methods/execute-schemas.ts";
import type { CallLimits } from "../../../peers/call-time.ts";
import type { Peer } from "../../../peers/peer.ts";
import { executeOn } from "../../../peers/remote-command.ts";
import type { RemoteCommand } from "../../../peers/remote-command.ts";
import type { OutputName } from "../../../standard-output.ts";
import { deadlinePassed, startOwnClock } from "../../cli/own-deadline.ts";
import { exitCodeOf, explainDeadline } from "../../cli/remote-command.ts";
import type { GuestSink } from "./guest-sink.ts";
import type { Interruption } from "./interruption.ts";
import type { SharedInput } from "./shared-input.ts";

/** How the command ended in one guest. `exitCode` is that of `execute` for one guest. */
export type GuestResult = {
  guest: string;
  exitCode: number;
  signal: string | null;
  endedBy: ExecuteResult["endedBy"] | null;
  durationMs: number;
  error?: NegotiatorError | undefined;
};

/** The command, and what all guests share. */
export type GuestCommand = {
  command: string;
  args: readonly string[];
  limits: CallLimits;
  input: SharedInput | undefined;
  interruption: Interruption;
};

/** Never rejects: a failure is in the result. */
export async function runOnGuest(
  guest: string,
  peer: Peer,
  { command, args, limits, input, interruption }: GuestCommand,
  sink: GuestSink,
): Promise<GuestResult> {
  const startMs = performance.now();
  const since = (): number => Math.round(performance.now() - startMs);
  try {
    const remote = executeOn(peer, { command, args, hasInput: input !== undefined, ...limits });
    using _ = interruption.follow(remote);
    using clock = startOwnClock(limits.timeoutMs);
    const late = clock.passed.then((): never => {
      throw deadlinePassed(limits.timeoutMs, []);
    });
    const ended = carry(remote, sink, { input, interruption });
    const result = await Promise.race([ended, late, interruption.left]).catch((thrown: unknown) => {
      remote.cancel("its caller gives up");
      throw thrown;
    });
    const { signal, endedBy } = result;
    const error = explainDeadline(result, limits.timeoutMs);
    return { guest, exitCode: exitCodeOf(result), signal, endedBy, durationMs: since(), error };
  } catch (thrown) {
    return failedResult(guest, NegotiatorError.from(thrown), since());
  }
}

/** The result of a guest in which nothing ran, or whose end is not known. */
export function failedResult(guest: string, error: NegotiatorError, durationMs = 0): GuestResult {
  return { guest, exitCode: FAULTS[error.code].exitCode, signal: null, endedBy: null, durationMs, error };
}

/** Resolves with the result when all output is taken. Rejects if it cannot be taken. */
async function carry(
  remote: RemoteCommand,
  sink: GuestSink,
  { input, interruption }: Pick<GuestCommand, "input" | "interruption">,
): Promise<ExecuteResult> {
  const { promise: broken, reject } = Promise.withResolvers<never>();
  const { stdin } = remote;
  if (stdin !== undefined) input?.send(stdin).catch(reject);
  const outputs = (["stdout", "stderr"] as const).map(async (stream) => {
    try {
      if (!(await take(remote, stream, sink))) interruption.stop(`the reader of our ${stream} is gone`);
    } catch (thrown) {
      reject(thrown);
    }
  });
  const whole = remote.ended.then(async (result) => {
    await Promise.all(outputs);
    return result;
  });
  return Promise.race([whole, broken]);
}

/** Resolves to false when our own reader is gone. */
async function take(remote: RemoteCommand, stream: OutputName, sink: GuestSink): Promise<boolean> {
  const reader = remote[stream][Symbol.asyncIterator]();
  for (;;) {
    // A stream that breaks ends the call too, and the call has the cause.
    const next = await reader.next().catch(() => undefined);
    if (next === undefined || next.done === true) return true;
    if (!(await sink.write(stream, next.value))) return false;
  }
}
