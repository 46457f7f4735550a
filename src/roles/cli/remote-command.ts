/** Connects a remote command to our own stdin, stdout and stderr, and its result to our exit code. */
import { FAULTS, NegotiatorError } from "../../errors.ts";
import type { ExecuteResult } from "../../methods/execute-schemas.ts";
import type { RemoteCommand } from "../../peers/remote-command.ts";
import { signalNumber } from "../../signals.ts";
import { keepRunningWithoutTerminal } from "../../process/terminal-output.ts";
import { forwardSignals } from "./forward-signals.ts";
import type { Exit, ForwardedSignals } from "./forward-signals.ts";
import { deadlinePassed, startOwnClock } from "./own-deadline.ts";
import type { OwnClock } from "./own-deadline.ts";
import { sendInput } from "./send-input.ts";
import { isOutputLost, openOutput } from "./streams.ts";
import type { OutputForm } from "./streams.ts";
import type { Outcome } from "./subcommand.ts";

/** Shells give a command that a signal ended this number plus the signal's. */
const SIGNAL_BASE = 128;

/**
 * Carries the streams until the command has ended and its output is written. Returns the command's exit code,
 * with an error if our deadline, or a shorter one of the peer, ended the command. The deadline is `timeoutMs`
 * (0 for none), of which `leftMs` are left. Returns within a second of it, though the peer does not answer or
 * our reader takes no output. `isRaw`: a terminal gets the bytes as they are.
 *
 * SIGINT, SIGTERM, SIGHUP and SIGQUIT go to the command, and its end is ours. If it goes on for five seconds,
 * or cannot be reached within one, it is cancelled and the outcome has the signal; a second SIGINT or SIGTERM
 * does that at once. SIGUSR1 and SIGUSR2 go to the command and do nothing else.
 */
export async function waitForCommand(
  remote: RemoteCommand,
  timeoutMs: number,
  { leftMs = timeoutMs, ...form }: OutputForm & { leftMs?: number } = {},
): Promise<Outcome> {
  keepRunningWithoutTerminal();
  const { promise: aborted, resolve: abort } = Promise.withResolvers<Outcome>();
  let end: ExecuteResult | NegotiatorError | undefined;
  remote.ended.then(
    (result) => (end = result),
    (thrown: unknown) => (end = NegotiatorError.from(thrown)),
  );
  const input =
    remote.stdin === undefined
      ? undefined
      : sendInput(remote.stdin, (error) => {
          abort(outcomeOfError(error));
          remote.cancel("the caller cannot read its input");
        });
  using clock = startOwnClock(leftMs);
  const ending = waitForEnd(remote, timeoutMs, { aborted, abort, clock, form });
  await ending.catch(() => undefined);
  const isFree = (await input?.stop(end)) ?? true;
  return isFree ? ending : { ...(await ending.catch(outcomeOfError)), isStuck: true };
}

/** `abort` makes `aborted` resolve. */
type Abortion = {
  aborted: Promise<Outcome>;
  abort: (outcome: Outcome) => void;
  clock: OwnClock;
  form: OutputForm;
};

async function waitForEnd(
  remote: RemoteCommand,
  timeoutMs: number,
  { aborted, abort, clock, form }: Abortion,
): Promise<Outcome> {
  using signals = forwardSignals(remote);
  const blocked = new Set<string>();
  try {
    const outputs = [
      takeOutput(remote, "stdout", { abort, blocked, ...form }),
      takeOutput(remote, "stderr", { abort, blocked, ...form }),
    ];
    const finished = remote.ended.then(async (result): Promise<Outcome> => {
      await Promise.all(outputs);
      const error = explainDeadline(result, timeoutMs);
      return { ...outcomeOf(result, signals), exitCode: exitCodeOf(result), ...(error && { error }) };
    });
    const givenUp = signals.givenUp.then((how) =>
      "exitCode" in how ? outcomeOf(how, signals) : outcomeOfSignal(how.signal),
    );
    const late = clock.passed.then((): Outcome => {
      remote.cancel("its deadline has passed");
      return {
        exitCode: FAULTS.TIMEOUT.exitCode,
        error: deadlinePassed(timeoutMs, [...blocked].sort().reverse()),
      };
    });
    return await Promise.race([finished, givenUp, aborted, late]);
  } catch (thrown) {
    const failure = NegotiatorError.from(thrown);
    // Our own reader is the reason why the rest of the output did not come.
    const isOurs = failure.code === "TIMEOUT" && timeoutMs > 0 && blocked.size > 0;
    const error = isOurs ? deadlinePassed(timeoutMs, [...blocked].sort().reverse()) : failure;
    const { endingSignal } = signals;
    if (endingSignal === undefined || error.code !== "CANCELLED") throw error;
    return { ...outcomeOfSignal(endingSignal), error };
  }
}

function outcomeOfError(thrown: unknown): Outcome {
  const error = NegotiatorError.from(thrown);
  return { exitCode: FAULTS[error.code].exitCode, error };
}

/** A shell ends a loop if the signal that interrupted the command ends us too. */
function outcomeOf({ exitCode, signal: endedBy }: Exit, { endingSignal: signal }: ForwardedSignals): Outcome {
  const code = exitCode ?? exitCodeOfSignal(endedBy ?? "");
  return signal !== undefined && endedBy === signal ? { exitCode: code, signal } : { exitCode: code };
}

function outcomeOfSignal(signal: NodeJS.Signals): Outcome {
  return { exitCode: exitCodeOfSignal(signal), signal };
}

function exitCodeOfSignal(name: string): number {
  const number = signalNumber(name);
  return number === undefined ? FAULTS.INTERNAL.exitCode : SIGNAL_BASE + number;
}

/**
 * The exit code of a command line for a command's result: 124 for a passed deadline, 128 + n for signal n,
 * otherwise the command's own.
 */
export function exitCodeOf({ exitCode, signal, endedBy }: ExecuteResult): number {
  if (endedBy === "deadline" || endedBy === "limit") return FAULTS.TIMEOUT.exitCode;
  return exitCode ?? exitCodeOfSignal(signal ?? "");
}

/**
 * The error for a command that a deadline ended; undefined for any other end. `timeoutMs` is the caller's, 0
 * for none.
 */
export function explainDeadline(
  { endedBy, durationMs }: ExecuteResult,
  timeoutMs: number,
): NegotiatorError | undefined {
  if (endedBy === "deadline") {
    const passed = `its deadline of ${timeoutMs / 1000} s has passed`;
    return new NegotiatorError("TIMEOUT", `The command was ended: ${passed}`, {
      remedy: "Give it more time with --timeout SECONDS; the other side may allow less",
    });
  }
  if (endedBy !== "limit") return undefined;
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

/** `blocked` has the streams whose readers make us wait. */
type OutputOptions = OutputForm & {
  abort: (outcome: Outcome) => void;
  blocked: Set<string>;
};

/**
 * A closed stdout or stderr of ours cancels the remote command, as SIGPIPE would end a local one. So does a
 * full one, and that failure is ours. `main.ts` reports it.
 */
export async function takeOutput(
  remote: Pick<RemoteCommand, "stdout" | "stderr" | "cancel">,
  stream: "stdout" | "stderr",
  { abort, blocked, ...form }: OutputOptions,
): Promise<void> {
  const output = await openOutput(stream, form);
  try {
    for await (const bytes of remote[stream]) {
      blocked.add(stream);
      const isWritten = await output.write(bytes);
      blocked.delete(stream);
      if (isWritten) continue;
      const isFull = isOutputLost(stream);
      abort({ exitCode: isFull ? FAULTS.INTERNAL.exitCode : exitCodeOfSignal("SIGPIPE") });
      remote.cancel(`the caller ${isFull ? "cannot write to" : "closed"} its ${stream}`);
      return;
    }
  } catch {
    // `ended` rejects with the cause, so it is ignored here.
  } finally {
    await output.end();
  }
}
