/** Ends all commands of a fan-out together: at a signal, or when our reader is gone. */
import { NegotiatorError } from "../../../errors.ts";
import type { RemoteCommand } from "../../../peers/remote-command.ts";

const ENDING = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;
/** Commands have this time from the signal to their end, and then to the answer of their cancel. */
const ENDED_MS = 5000;
const CANCELLED_MS = 1000;

/** A command that signals and cancels can reach. */
type Interruptible = Pick<RemoteCommand, "takesMessages" | "isSent" | "send" | "cancel">;

/** The commands that run, and their common end. Disposing gives the signals their usual effect back. */
export type Interruption = Disposable & {
  /** The first signal; undefined before it. */
  readonly signal: NodeJS.Signals | undefined;
  /** Whether no more commands may start. */
  readonly isStopping: boolean;
  /** Rejects with `CANCELLED` when it is time to leave commands that do not end. */
  readonly left: Promise<never>;
  /** Adds a command that runs, until it is disposed. */
  follow(remote: Interruptible): Disposable;
  /** Cancels all commands, and starts no more. */
  stop(reason: string): void;
};

/**
 * Forwards the first signal to all commands, and cancels those that go on for five seconds. A second signal
 * leaves them at once.
 */
export function watchInterruption(): Interruption {
  const running = new Set<Interruptible>();
  const timers: Timer[] = [];
  const { promise: left, reject } = Promise.withResolvers<never>();
  left.catch(() => undefined);
  let signal: NodeJS.Signals | undefined;
  let isStopping = false;

  const leave = (reason: string): void => reject(new NegotiatorError("CANCELLED", `Cancelled: ${reason}`));
  const stop = (reason: string): void => {
    isStopping = true;
    for (const remote of running) remote.cancel(reason);
    timers.push(setTimeout(() => leave(reason), CANCELLED_MS));
  };
  const onSignal = (name: NodeJS.Signals): void => {
    const reason = `interrupted by ${name}`;
    if (signal !== undefined) {
      for (const remote of running) remote.cancel(reason);
      leave(reason);
      return;
    }
    signal = name;
    isStopping = true;
    for (const remote of running) {
      if (remote.takesMessages && remote.isSent) remote.send("signal", { signal: name });
      else remote.cancel(reason);
    }
    timers.push(setTimeout(() => stop(reason), ENDED_MS));
  };
  for (const name of ENDING) process.on(name, onSignal);

  return {
    get signal() {
      return signal;
    },
    get isStopping() {
      return isStopping;
    },
    left,
    follow(remote) {
      running.add(remote);
      return { [Symbol.dispose]: () => void running.delete(remote) };
    },
    stop,
    [Symbol.dispose]() {
      for (const name of ENDING) process.off(name, onSignal);
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
