/** Two sessions with a channel between them that loses nothing by itself. */
import type { IncomingCall } from "../../../src/wire/calls/incoming-call.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import type { Limits } from "../../../src/limits.ts";
import { createServedCalls } from "../../../src/wire/calls/served-calls.ts";
import { createSession } from "../../../src/wire/session/session.ts";
import type { Session } from "../../../src/wire/session/session.ts";
import { settle } from "./scripted-peer.ts";

type Side = "host" | "guest";

export type SessionLink = {
  /** The dialler. */
  readonly host: Session;
  /** The listener. */
  readonly guest: Session;
  /** Calls that each side has received, before and after its restarts. */
  readonly calls: Record<Side, IncomingCall[]>;
  readonly notices: { side: Side; method: string; params: unknown }[];
  /** The numbers that each side has reported as lost notices. */
  readonly lostNotices: Record<Side, number[]>;
  /** The number of messages that each side has sent. */
  readonly sent: Record<Side, number>;
  /** Moves messages both ways until there are none left. */
  flow(): Promise<void>;
  /** The host detaches and dials again. Messages that were not moved yet are not lost. */
  redial(): void;
  /** Restarts a side's process without a hello. With `isKept` it keeps the calls that it serves. */
  replace(side: Side, isKept?: boolean): void;
  /** Restarts a side as `replace` does, and the host dials again. */
  restart(side: Side, isKept?: boolean): void;
  tick(afterMs: number): void;
};

/** Creates a link with an open session. */
export async function createLink(changes: Partial<Limits> = {}): Promise<SessionLink> {
  const limits = { ...DEFAULT_LIMITS, ...changes };
  const calls: SessionLink["calls"] = { host: [], guest: [] };
  const notices: SessionLink["notices"] = [];
  const lostNotices: SessionLink["lostNotices"] = { host: [], guest: [] };
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
      onNoticesLost: (count) => lostNotices[side].push(count),
      onOutput: () => {},
    });
  const sessions = { host: create("host"), guest: create("guest") };

  const move = (from: Side): boolean => {
    const bytes = sessions[from].next();
    if (bytes === undefined) return false;
    if (++sent[from] > 10_000) throw new Error(`The ${from} sends messages without an end`);
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
    lostNotices,
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

/** Returns the text of a stream that is read to its end. */
export async function readText(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of pieces) text += decoder.decode(piece, { stream: true });
  return text;
}
