/** Keeps one peer's calls from pushing all else out of the audit files. */
import type { AuditEntry, LeftOut } from "./audit-line.ts";

export type AuditLimit = {
  /** Whether the entry is to be written; if not, it is counted. `nowMs` is in milliseconds since 1970. */
  admit: (entry: AuditEntry, nowMs: number) => boolean;
  /** Takes the bytes that an admitted entry has in the file from what its peer may still fill. */
  charge: (entry: AuditEntry, bytes: number) => void;
  /** Forgets the minutes that are over by now, oldest first, and tells of those that lack something; at Infinity all are. */
  settle: (nowMs: number) => LeftOut[];
};

/** Of the incoming calls of one peer that ran no command of the owner's, so many are written in one minute, which begins with the first. */
const LINES_A_MINUTE = 60;
const MINUTE_MS = 60_000;
/** What one peer's calls may fill of all files: so much at once, and what is gained back in a minute, all of it in six hours. */
const SHARE_AT_ONCE = 1 / 16;
const SHARE_A_MINUTE = 1 / 360;
/** However small the files are, this may be filled: two thousand calls at once, and one a second ever after. */
const LEAST_AT_ONCE_BYTES = 1024 * 1024;
const LEAST_A_MINUTE_BYTES = 32 * 1024;

/**
 * `trailBytes` is the size of all audit files together. Calls that ran a command of the owner's and calls that did not are
 * counted apart, so that neither hide the other. What it remembers is two records at most for each peer that called in the
 * last minutes.
 */
export function createAuditLimit(trailBytes: number): AuditLimit {
  const mostBytes = Math.max(LEAST_AT_ONCE_BYTES, trailBytes * SHARE_AT_ONCE);
  const bytesPerMs = Math.max(LEAST_A_MINUTE_BYTES, trailBytes * SHARE_A_MINUTE) / MINUTE_MS;
  const minutes = new Map<string, Minute>();
  const fills = new Map<string, Fill>();

  /** What is filled by now; a clock that was set back gains nothing back. */
  function filledBytes({ bytes, atMs }: Fill, nowMs: number): number {
    return Math.max(0, bytes - Math.max(0, nowMs - atMs) * bytesPerMs);
  }

  return {
    admit(entry, nowMs) {
      if (entry.direction === "outgoing") return true;
      const { role, peer } = entry;
      const key = keyOf(entry);
      const ran = hasRun(entry);
      const minute = minutes.get(key) ?? {
        role,
        peer,
        ran,
        startMs: nowMs,
        lines: 0,
        leftOut: 0,
        sinceMs: 0,
      };
      minutes.set(key, minute);
      const bytes = filledBytes(fills.get(key) ?? { bytes: 0, atMs: nowMs }, nowMs);
      fills.set(key, { bytes, atMs: nowMs });
      minute.lines++;
      if (bytes < mostBytes && (ran || minute.lines <= LINES_A_MINUTE)) return true;
      if (minute.leftOut === 0) minute.sinceMs = nowMs;
      minute.leftOut++;
      return false;
    },
    charge(entry, bytes) {
      const fill = fills.get(keyOf(entry));
      if (fill !== undefined) fill.bytes += bytes;
    },
    settle(nowMs) {
      for (const [key, fill] of fills) if (filledBytes(fill, nowMs) === 0) fills.delete(key);
      const over = [...minutes].filter(([, { startMs }]) => isOver(startMs, nowMs));
      for (const [key] of over) minutes.delete(key);
      return over.map(([, minute]) => minute).filter(({ leftOut }) => leftOut > 0);
    },
  };
}

/** A minute of one peer: when it began, and how many entries there were in it. */
type Minute = LeftOut & { startMs: number; lines: number };

/** What a peer had filled at that time, and has not gained back. */
type Fill = { bytes: number; atMs: number };

function keyOf(entry: AuditEntry): string {
  const { peer } = entry;
  return `${hasRun(entry)} ${peer.uuid ?? peer.guest ?? "host"}`;
}

/** A built-in command costs its caller nothing, as a denied call does. */
function hasRun({ exitCode, builtin }: AuditEntry): boolean {
  return exitCode !== undefined && builtin !== true;
}

/** The clock may be set back: a minute that has yet to begin is none. */
function isOver(startMs: number, nowMs: number): boolean {
  return nowMs < startMs || nowMs - startMs >= MINUTE_MS;
}
