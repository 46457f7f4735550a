/** Gives a channel's bytes to a session in the turns of its peer, and reads a peer over its quota slowly. */
import type { MemoryShare } from "../wire/memory.ts";
import { collectEarly } from "./early-collection.ts";
import { LONG_WORK } from "./long-work.ts";
import type { LongWork } from "./long-work.ts";
import { MEMORY } from "./shared-memory.ts";
import { pause } from "./supervise.ts";
import type { Session } from "../wire/session/session.ts";
import { TURNS } from "./turns.ts";
import type { PeerTurns } from "./turns.ts";
import type { Traffic } from "../wire/session/traffic.ts";
import { estimateUnneeded, joinPieces, NOT_BEGUN } from "./unneeded-cost.ts";
import type { BegunMessage, PieceCounts } from "./unneeded-cost.ts";
import { createUnneededQuota } from "./unneeded-quota.ts";
import type { UnneededQuota } from "./unneeded-quota.ts";

/** One peer's share of this process. All its links have the same one. */
export type Share = {
  turns: PeerTurns;
  quota: UnneededQuota;
  pace: { msPerByte: number };
  /** Its calls: how many were read, and the milliseconds that it took to read the last ones, each. */
  calls: { read: number; readMs: number };
  /** The pieces of a message that has begun and not ended. */
  begun: BegunMessage;
  /** The gaps between long messages of all peers. */
  longWork: LongWork;
  /** Its part of the memory of all peers. */
  memory: MemoryShare;
};

/** A turn should not take longer than `turnMs`, and takes at least `leastBytes`. */
const CONTENDED = { turnMs: 2, leastBytes: 4096 };
const ALONE = { turnMs: 8, leastBytes: 64 * 1024 };
/** The bytes of a turn of two milliseconds, for a peer that has sent nothing yet. */
const FIRST_BYTES = 16 * 1024;
/** How much of an earlier, slower pace stays with each turn. */
const SLOW_MEMORY = 0.5;

/** Creates the share of a peer. `onExceeded` gets the quota that the peer begins to exceed, in words. */
export function createShare(onExceeded: (what: string) => void = () => undefined): Share {
  return {
    turns: TURNS.open(),
    quota: createUnneededQuota(onExceeded),
    pace: { msPerByte: CONTENDED.turnMs / FIRST_BYTES },
    calls: { read: 0, readMs: 0 },
    begun: { ...NOT_BEGUN },
    longWork: LONG_WORK,
    memory: MEMORY.open(),
  };
}

/**
 * Gives the bytes to the session. Resolves when it has taken them, or when `signal` aborts. `onRest` gets the
 * bytes that it has not taken, after each change.
 */
export async function receiveFairly(
  session: Pick<Session, "receive" | "traffic">,
  bytes: Uint8Array,
  share: Share,
  signal: AbortSignal,
  onRest: (bytes: Uint8Array) => void = () => undefined,
): Promise<void> {
  const { turns, quota, pace, calls, begun, longWork } = share;
  let rest = bytes;
  onRest(rest);
  do {
    const refusedMs = quota.pauseMs(performance.now());
    if (refusedMs > 0) await pause(refusedMs, signal);
    await longWork.waitForGap(begun, signal);
    let pauseMs = 0;
    const piece = rest.subarray(0, bytesOfTurn(share));
    rest = rest.subarray(piece.length);
    await turns.run(() => {
      if (signal.aborted) return;
      const before = { ...session.traffic };
      const { read } = calls;
      const startMs = performance.now();
      session.receive(piece, startMs);
      onRest(rest);
      collectEarly(piece.length);
      const endMs = performance.now();
      const ms = endMs - startMs;
      recordPace(pace, piece.length, ms);
      const counts = countPiece(piece.length, before, session.traffic);
      if (calls.read > read) calls.readMs = Math.max(ms / counts.messages, SLOW_MEMORY * calls.readMs);
      const whole = joinPieces(begun, counts, ms);
      if (counts.unneeded === 0) return;
      const idleMs = estimateUnneeded(whole.ms, { ...counts, bytes: whole.bytes });
      turns.countVain(idleMs);
      longWork.count(idleMs);
      pauseMs = quota.take({ messages: counts.unneeded, bytes: counts.unneededBytes, ms: idleMs }, endMs);
    });
    if (pauseMs > 0) await pause(pauseMs, signal);
  } while (rest.length > 0 && !signal.aborted);
}

function countPiece(bytes: number, before: Traffic, after: Traffic): PieceCounts {
  return {
    bytes,
    messages: after.messages - before.messages,
    unneeded: after.unneeded - before.unneeded,
    unneededBytes: after.unneededBytes - before.unneededBytes,
    unsized: after.unsized - before.unsized,
  };
}

/** Returns how many bytes a peer may give in its next turn. */
export function bytesOfTurn({ turns, pace, quota }: Pick<Share, "turns" | "pace" | "quota">): number {
  // One piece of short calls can take far more time than the pause before it.
  if (quota.isSlow(performance.now())) return CONTENDED.leastBytes;
  const { turnMs, leastBytes } = turns.isContended ? CONTENDED : ALONE;
  return Math.max(leastBytes, turnMs / pace.msPerByte);
}

/** Takes down how long some bytes of a peer have taken. */
export function recordPace(pace: Share["pace"], bytes: number, ms: number): void {
  if (bytes > 0) pace.msPerByte = Math.max(ms / bytes, SLOW_MEMORY * pace.msPerByte);
}
