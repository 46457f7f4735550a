/** Owns what the servers of all releases of python-negotiator have in common: options, state, and death. */
import type { OldDevice } from "./old-device.ts";

/**
 * How a command ends: `exit` is Python's return code, so -9 for signal 9. `fault` is an error text instead.
 */
export type OldOutcome = { stdout?: string | Uint8Array; exit?: number; fault?: string };
/** Runs a command with its arguments and input. */
export type OldCommand = (args: readonly string[], input: string | null) => OldOutcome;

/** The commands and the output of a server. */
export type ServerOptionsOf<Call> = {
  commands: Readonly<Record<string, OldCommand>>;
  /** Writes output, twice for each answer: the original writes the length separately. */
  write: (bytes: Uint8Array) => void | Promise<void>;
  /** Delays each call until it resolves. */
  work?: (call: Call) => Promise<void>;
};

/** A server and its state. */
export type ServerOf<Call> = {
  /** Passes in the bytes of one read of its device. The server reads up to 4096 of them at a time. */
  receive(bytes: Uint8Array): void;
  /** The error that it died of, undefined while it lives. */
  readonly death: string | undefined;
  /** The calls that its main loop read, hellos included. */
  readonly calls: readonly Call[];
  /** Whether its main loop waits for a call and has read all bytes. */
  readonly isIdle: boolean;
};

/** Starts a main loop, which ends only by an error. `isServing` is true while it works on a call. */
export function startServer<Call>(
  device: OldDevice,
  calls: readonly Call[],
  loop: () => Promise<never>,
  isServing = () => false,
): ServerOf<Call> {
  let death: string | undefined;
  void loop().catch((thrown: unknown) => {
    death = thrown instanceof Error ? thrown.message : String(thrown);
  });
  return {
    receive: (bytes) => device.receive(bytes),
    get death() {
      return death;
    },
    calls,
    get isIdle() {
      return !isServing() && device.isIdle && death === undefined;
    },
  };
}
