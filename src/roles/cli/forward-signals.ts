/** Forwards our signals to a remote command, and decides when to stop waiting for it. */
import type { RemoteCommand } from "../../peers/remote-command.ts";
import { isJsonObject } from "../../wire/json.ts";
import { signalNumber } from "../../signals.ts";

/** Signals that end the caller together with the command. */
const ENDING = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;
/** A second one of these ends the caller at once. */
const IMPATIENT: ReadonlySet<NodeJS.Signals> = new Set(["SIGINT", "SIGTERM"]);
/** Signals that are only forwarded. */
const OTHER = ["SIGUSR1", "SIGUSR2"] as const;

/** The command must confirm an ending signal within this time. */
const REACHED_MS = 1000;
/** The command must end within this time after an ending signal. */
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

/** Forwards signals until it is disposed. At a peer without messages an ending signal cancels the command. */
export function forwardSignals(remote: RemoteCommand): ForwardedSignals {
  const { promise: givenUp, resolve } = Promise.withResolvers<{ signal: NodeJS.Signals } | Exit>();
  const timers: Timer[] = [];
  let endingSignal: NodeJS.Signals | undefined;
  let isReached = false;
  let exit: Exit | undefined;

  const after = (ms: number, act: () => void): void => void timers.push(setTimeout(act, ms));
  const giveUp = (signal: NodeJS.Signals): void => {
    remote.cancel(`interrupted by ${signal}`);
    resolve({ signal });
  };

  const endCommand = (signal: NodeJS.Signals): void => {
    if (!remote.takesMessages || !remote.isSent) remote.cancel(`interrupted by ${signal}`);
    else {
      remote.send("signal", { signal });
      after(REACHED_MS, () => {
        if (!isReached && exit === undefined) giveUp(signal);
      });
    }
    after(ENDED_MS, () => {
      if (exit === undefined) giveUp(signal);
    });
  };
  const leaveOutput = (ended: Exit): void => after(OUTPUT_MS, () => resolve(ended));

  const onEnding = (signal: NodeJS.Signals): void => {
    if (endingSignal !== undefined && IMPATIENT.has(signal)) return giveUp(signal);
    if (endingSignal !== undefined) return remote.send("signal", { signal });
    endingSignal = signal;
    if (exit === undefined) endCommand(signal);
    else leaveOutput(exit);
  };
  const onOther = (signal: NodeJS.Signals): void => remote.send("signal", { signal });

  remote.listen((name, value) => {
    if (name === "signalled") isReached = true;
    if (name !== "exited" || !isExit(value)) return;
    exit = value;
    if (endingSignal !== undefined) leaveOutput(value);
  });
  for (const signal of ENDING) process.on(signal, onEnding);
  for (const signal of OTHER) process.on(signal, onOther);

  return {
    get endingSignal() {
      return endingSignal;
    },
    givenUp,
    [Symbol.dispose]() {
      for (const signal of ENDING) process.off(signal, onEnding);
      for (const signal of OTHER) process.off(signal, onOther);
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
