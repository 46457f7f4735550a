/** Two sessions with a simulated virtio-serial port between them, which can be cut at any byte. */
import type { IncomingCall } from "../../../src/wire/calls/incoming-call.ts";
import { createSession } from "../../../src/wire/session/session.ts";
import type { Session, SessionOptions } from "../../../src/wire/session/session.ts";
import type { Random } from "../../support/random.ts";

type Side = "host" | "guest";

/** The two sides and their port. */
export type SessionPair = {
  readonly host: Session;
  readonly guest: Session;
  /** Moves a random number of bytes from one side's session to the other's. */
  move(from: Side): void;
  /** The host detaches and dials again. Bytes in transit may be lost in whole or in part, as with QEMU. */
  cut(): void;
  /** Restarts the guest's program. Bytes in transit are not lost, and the host does not notice. */
  restartGuest(): void;
  /** Moves the clock of both sides by a second. */
  tick(): void;
  /** Whether no bytes are in transit. */
  readonly isQuiet: boolean;
};

/** The settings of a pair. */
export type PairOptions = {
  random: Random;
  onCall: Record<Side, (call: IncomingCall) => void>;
  options?: Partial<SessionOptions>;
  /** Whether a side offers raw chunks. */
  offersRaw?: Record<Side, boolean>;
};

/** Creates a pair in the state `idle`. */
export function createSessionPair({ random, onCall, options = {}, offersRaw }: PairOptions): SessionPair {
  let ids = 0;
  let clockMs = 0;
  /** Bytes that came out of a side's session and are not in the other one yet. */
  let wires: Record<Side, Uint8Array> = { host: new Uint8Array(0), guest: new Uint8Array(0) };

  const create = (side: Side): Session =>
    createSession({
      side: side === "host" ? "dialler" : "listener",
      agent: { name: "test", version: "0", role: side },
      makeId: () => `${side}-${++ids}`,
      onCall: onCall[side],
      onOutput: () => {},
      ...(offersRaw === undefined ? {} : { offersRaw: offersRaw[side] }),
      ...options,
    });
  const sessions: Record<Side, Session> = { host: create("host"), guest: create("guest") };

  const fill = (from: Side): void => {
    for (let count = random.below(3); count >= 0 && wires[from].length < 100_000; count--) {
      const bytes = sessions[from].next();
      if (bytes === undefined) return;
      wires[from] = Buffer.concat([wires[from], bytes]);
    }
  };

  const cut = (): void => {
    sessions.host.detach();
    // The guest may still read the first bytes that the host has sent. The host misses the first bytes of the
    // guest.
    const kept = random.below(wires.host.length + 1);
    const lost = random.oneIn(2) ? wires.guest.length : random.below(wires.guest.length + 1);
    wires = { host: wires.host.slice(0, kept), guest: wires.guest.slice(lost) };
    sessions.host.dial();
  };

  return {
    host: sessions.host,
    get guest() {
      return sessions.guest;
    },
    move(from) {
      fill(from);
      const length = random.oneIn(4)
        ? wires[from].length
        : random.below(Math.min(wires[from].length, 5000) + 1);
      const bytes = wires[from].slice(0, length);
      wires[from] = wires[from].slice(length);
      if (length > 0) sessions[from === "host" ? "guest" : "host"].receive(bytes, clockMs);
    },
    cut,
    restartGuest() {
      sessions.guest = create("guest");
    },
    tick() {
      clockMs += 1000;
      sessions.host.tick(clockMs);
      sessions.guest.tick(clockMs);
    },
    get isQuiet() {
      return wires.host.length === 0 && wires.guest.length === 0;
    },
  };
}
