/** Forwards our signals to a remote command, and decides when to stop waiting for it. */
import type { RemoteCommand } from "../../peers/remote-command.ts";
import { isJsonObject } from "../../wire/json.ts";
import { signalNumber } from "../../signals.ts";

/** The signals that a command line forwards. The first four end it together with the command. */
const ENDING = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;
const OTHER = ["SIGUSR1", "SIGUSR2"] as const;
/** Without signals in the peer's dialect, a second one of these ends the command line at once, as always. */
const IMPATIENT: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM"];

/** The command must confirm a signal within this time, and end within the next one. */
const REACHED_MS = 1000;
const ENDED_MS = 5000;
/** After the command's exit, output that our reader does not take must not keep us longer than this. */
const OUTPUT_MS = 1000;

/** The end of a process: one of the two is null. */
export type Exit = { exitCode: number | null; signal: string | null };

/** Forwarded signals. Disposing gives the signals their usual effect back. */
export type ForwardedSignals = Disposable & {
  /** The first signal that should end the command. */
  readonly endingSignal: NodeJS.Signals | undefined;
  /**
   * Resolves when it is time to stop waiting: with the signal if the command does not end, or with the end of
   * a command whose output our reader does not take.
   */
  readonly givenUp: Promise<{ signal: NodeJS.Signals } | Exit>;
};

/** Forwards signals until it is disposed. */
export function forwardSignals(remote: RemoteCommand): ForwardedSignals {
  const { promise: givenUp, resolve } = Promise.withResolvers<{ signal: NodeJS.Signals } | Exit>();
  const timers = new Set<Timer>();
  let endingSignal: NodeJS.Signals | undefined;
  let isReached = false;
  let exit: Exit | undefined;

  const later = (ms: number, act: () => void): void => void timers.add(setTimeout(act, ms));
  const giveUp = (signal: NodeJS.Signals): void => {
    remote.cancel(`interrupted by ${signal}`);
    resolve({ signal });
  };
  const leaveOutput = (ended: Exit): void => later(OUTPUT_MS, () => resolve(ended));

  const end = (signal: NodeJS.Signals): void => {
    if (endingSignal !== undefined && IMPATIENT.includes(signal)) return giveUp(signal);
    const isFirst = endingSignal === undefined;
    endingSignal ??= signal;
    if (exit !== undefined) return leaveOutput(exit);
    if (!remote.takesMessages || !remote.isSent) {
      remote.cancel(`interrupted by ${signal}`);
      if (isFirst) later(ENDED_MS, () => resolve({ signal }));
      return;
    }
    remote.send("signal", { signal });
    if (!isFirst) return;
    later(REACHED_MS, () => isReached || exit !== undefined || giveUp(signal));
    later(ENDED_MS, () => exit ?? giveUp(signal));
  };
  const forward = (signal: NodeJS.Signals): void => {
    if (remote.takesMessages) remote.send("signal", { signal });
  };

  remote.listen((name, value) => {
    if (name === "signalled") isReached = true;
    if (name !== "exited" || !isExit(value)) return;
    exit = value;
    if (endingSignal !== undefined) leaveOutput(value);
  });
  for (const signal of ENDING) process.on(signal, end);
  for (const signal of OTHER) process.on(signal, forward);

  return {
    get endingSignal() {
      return endingSignal;
    },
    givenUp,
    [Symbol.dispose]() {
      for (const signal of ENDING) process.off(signal, end);
      for (const signal of OTHER) process.off(signal, forward);
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

function isExit(value: unknown): value is Exit {
  if (!isJsonObject(value)) return false;
  const { exitCode, signal } = value;
  const isCode =
    typeof exitCode === "number" && Number.isInteger(exitCode) && exitCode >= 0 && exitCode < 256;
  return (isCode && signal === null) || (exitCode === null && signalNumber(String(signal)) !== undefined);
}
