/** Two sessions and a plain channel between them: nothing is lost unless a test says so. */
import type { IncomingCall } from "../../../src/wire/calls/incoming-call.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import type { Limits } from "../../../src/limits.ts";
import { createServedCalls } from "../../../src/wire/calls/served-calls.ts";
import { createSession } from "../../../src/wire/session/session.ts";
import type { Session } from "../../../src/wire/session/session.ts";
import { settle } from "./scripted-peer.ts";

type Side = "host" | "guest";

export type SessionLink = {
  /** The dialler, and the listener. */
  readonly host: Session;
  readonly guest: Session;
  /** Calls that a side has been given, in all its lives. */
  readonly calls: Record<Side, IncomingCall[]>;
  readonly notices: { side: Side; method: string; params: unknown }[];
  /** How many messages each side has sent. */
  readonly sent: Record<Side, number>;
  /** Moves everything there is to say, until both have nothing more to say. */
  flow(): Promise<void>;
  /** The host hangs up and dials again; what was not moved yet is not lost by that. */
  redial(): void;
  /** A side's process begins anew, and the other side is not told; `isKept` leaves it the calls that it serves. */
  replace(side: Side, isKept?: boolean): void;
  /** The same, and the host dials again. */
  restart(side: Side, isKept?: boolean): void;
  tick(afterMs: number): void;
};

/** The session of a new link is open. */
export async function createLink(changes: Partial<Limits> = {}): Promise<SessionLink> {
  const limits = { ...DEFAULT_LIMITS, ...changes };
  const calls: SessionLink["calls"] = { host: [], guest: [] };
  const notices: SessionLink["notices"] = [];
  const sent: SessionLink["sent"] = { host: 0, guest: 0 };
  const served = { host: createServedCalls(limits), guest: createServedCalls(limits) };
  let ids = 0;
  let nowMs = 0;

  const create = (side: Side): Session =>
    createSession({
      side: side === "host" ? "dialler" : "listener",
      agent: { name: "linked", version: "0", role: side },
      makeId: () => `${side}-${++ids}`,
      limits,
      served: served[side],
      onCall: (call) => calls[side].push(call),
      onNotice: (method, params) => notices.push({ side, method, params }),
      onOutput: () => {},
    });
  const sessions = { host: create("host"), guest: create("guest") };

  const move = (from: Side): boolean => {
    const bytes = sessions[from].next();
    if (bytes === undefined) return false;
    if (++sent[from] > 10_000) throw new Error(`The ${from} has no end of messages`);
    sessions[from === "host" ? "guest" : "host"].receive(bytes, nowMs);
    return true;
  };

  const link: SessionLink = {
    get host() {
      return sessions.host;
    },
    get guest() {
      return sessions.guest;
    },
    calls,
    notices,
    sent,
    async flow() {
      for (let isQuiet = false; !isQuiet; await settle()) {
        isQuiet = true;
        for (const side of ["host", "guest"] as const) while (move(side)) isQuiet = false;
      }
    },
    redial() {
      sessions.host.detach();
      sessions.host.dial();
    },
    replace(side, isKept = false) {
      if (!isKept) served[side] = createServedCalls(limits);
      sessions[side] = create(side);
    },
    restart(side, isKept) {
      link.replace(side, isKept);
      link.redial();
    },
    tick(afterMs) {
      nowMs += afterMs;
      for (const session of Object.values(sessions)) session.tick(nowMs);
    },
  };
  link.redial();
  await link.flow();
  return link;
}

export async function readText(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of pieces) text += decoder.decode(piece, { stream: true });
  return text;
}
