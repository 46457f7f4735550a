/** Keeps the calls of a peer that run nothing, and so cost it nothing, from pushing all else out of the audit file. */
import type { AuditEntry, LeftOut } from "./audit-line.ts";

export type AuditLimit = {
  /** Whether the entry is to be written; if not, it is counted. `nowMs` is in milliseconds since 1970. */
  admit: (entry: AuditEntry, nowMs: number) => boolean;
  /** Forgets the minutes that are over by now, oldest first, and tells of those that lack something; at Infinity all are. */
  settle: (nowMs: number) => LeftOut[];
};

/** Of the incoming calls of one peer that ran nothing, so many are written in one minute, which begins with the first. */
const LINES_A_MINUTE = 60;
const MINUTE_MS = 60_000;

/** What it remembers is one record for each peer that had such a call in the last minute. */
export function createAuditLimit(): AuditLimit {
  const minutes = new Map<string, Minute>();
  return {
    admit(entry, nowMs) {
      if (entry.direction === "outgoing" || entry.exitCode !== undefined) return true;
      const { role, peer } = entry;
      const key = peer.uuid ?? peer.guest ?? "host";
      const minute = minutes.get(key) ?? { role, peer, startMs: nowMs, lines: 0, leftOut: 0, sinceMs: 0 };
      minutes.set(key, minute);
      minute.lines++;
      if (minute.lines <= LINES_A_MINUTE) return true;
      if (minute.leftOut === 0) minute.sinceMs = nowMs;
      minute.leftOut++;
      return false;
    },
    settle(nowMs) {
      const over = [...minutes].filter(([, { startMs }]) => isOver(startMs, nowMs));
      for (const [key] of over) minutes.delete(key);
      return over.map(([, minute]) => minute).filter(({ leftOut }) => leftOut > 0);
    },
  };
}

/** A minute of one peer: when it began, and how many entries there were in it. */
type Minute = LeftOut & { startMs: number; lines: number };

/** The clock may be set back: a minute that has yet to begin is none. */
function isOver(startMs: number, nowMs: number): boolean {
  return nowMs < startMs || nowMs - startMs >= MINUTE_MS;
}
