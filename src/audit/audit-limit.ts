/** Limits the audit lines of each peer, so that one peer cannot push all other lines out of the files. */
import type { AuditEntry, LeftOut } from "./audit-line.ts";

/** Made by `createAuditLimit`. Times are milliseconds since 1970. */
export type AuditLimit = {
  /** Returns whether the entry is to be written. If it is not, counts it as left out. */
  admit: (entry: AuditEntry, nowMs: number) => boolean;
  /** Charges the bytes of an admitted line to its peer's share. */
  charge: (entry: AuditEntry, bytes: number) => void;
  /** Returns the left-out entries of all minutes that have ended, oldest first. `Infinity` ends all. */
  settle: (nowMs: number) => LeftOut[];
};

/** For incoming calls that did not run a user command. The first line starts the minute. */
const LINES_A_MINUTE = 60;
const MINUTE_MS = 60_000;

const SHARE_AT_ONCE = 1 / 16;
const SHARE_A_MINUTE = 1 / 360;
/** For small files: two thousand calls at once, and one call a second after that. */
const LEAST_AT_ONCE_BYTES = 1024 * 1024;
const LEAST_A_MINUTE_BYTES = 32 * 1024;

/**
 * Returns the limit of one peer. `trailBytes` is the size of all audit files together. A peer may fill one
 * share of it at once, and gets back another share each minute. Calls that ran a user command and calls that
 * did not have separate limits, so that neither hide the other. Keeps at most two records for each peer that
 * called in the last minutes.
 */
export function createAuditLimit(trailBytes: number): AuditLimit {
  const mostBytes = Math.max(LEAST_AT_ONCE_BYTES, trailBytes * SHARE_AT_ONCE);
  const bytesPerMs = Math.max(LEAST_A_MINUTE_BYTES, trailBytes * SHARE_A_MINUTE) / MINUTE_MS;
  const minutes = new Map<string, Minute>();
  const fills = new Map<string, Fill>();

  function filledBytes({ bytes, atMs }: Fill, nowMs: number): number {
    return Math.max(0, bytes - Math.max(0, nowMs - atMs) * bytesPerMs);
  }

  return {
    admit(entry, nowMs) {
      // An outgoing call costs its caller an answer. A notice costs nothing, and has no id.
      if (entry.direction === "outgoing" && entry.callId !== undefined) return true;
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

type Minute = LeftOut & { startMs: number; lines: number };

type Fill = { bytes: number; atMs: number };

/** The key is JSON, so that no name of a guest equals the uuid of another or stands for the host. */
function keyOf(entry: AuditEntry): string {
  const { guest, uuid } = entry.peer;
  return JSON.stringify([hasRun(entry), uuid === undefined ? { guest } : { uuid }]);
}

function hasRun({ exitCode, builtin }: AuditEntry): boolean {
  return exitCode !== undefined && builtin !== true;
}

/** A minute that starts in the future was left by a clock that was set back. */
function isOver(startMs: number, nowMs: number): boolean {
  return nowMs < startMs || nowMs - startMs >= MINUTE_MS;
}
