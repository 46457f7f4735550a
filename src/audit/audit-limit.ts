/** Limits the audit lines of each caller, so that no caller can push the lines of others out of the files. */
import type { AuditEntry, LeftOut } from "./audit-line.ts";
import { CommandCounts } from "./command-counts.ts";

/**
 * The calls of one share ran a user's command, a built-in one, or nothing. `asked`: they only asked for
 * something, such as a list, and got it. These must not hide what was denied.
 */
export type ShareKind = "command" | "builtin" | "nothing" | "asked";

/** Returns whether the calls of a share ran something. */
export function hasRun(kind: ShareKind): boolean {
  return kind === "command" || kind === "builtin";
}

/** Made by `createAuditLimit`. Times are milliseconds since 1970. */
export type AuditLimit = {
  /**
   * Returns whether the caller's share has room for the entry. If not, counts it as left out, unless its call
   * `isRefused` then.
   */
  admit: (entry: AuditEntry, nowMs: number, isRefused?: boolean) => boolean;
  /** Charges the bytes of a written line to its caller's share. An end has the kind of its start. */
  charge: (entry: AuditEntry, bytes: number, kind?: ShareKind) => void;
  /** Charges the bytes of a line that counts left-out entries. `ran`: they ran something. */
  chargeCount: (ran: boolean, bytes: number) => void;
  /** Returns the entries that were left out, ten seconds or longer ago, oldest first. `Infinity`: all. */
  settle: (nowMs: number) => LeftOut[];
};

/** For calls that did not run a user's command. The first one starts the minute. */
const CALLS_A_MINUTE = 60;
/** For calls that only asked for something. */
const ASKED_A_MINUTE = 20;
const MINUTE_MS = 60_000;
/** Each command may be written once in this time, also when the caller's share is used up. */
const SURE_MS = 3_600_000;
/** Commands of one caller that are sure to be written. */
const MOST_SURE = 64;
/** Commands that are known because they have run. */
const MOST_HAVE_RUN = 256;

const SHARE_AT_ONCE = 1 / 16;
const SHARE_A_MINUTE = 1 / 360;
/**
 * For all callers together. Beyond the first share only a command that had no line in the last hour has room,
 * and nothing beyond the second. So lines stay for at least the quarter of an hour that the rest takes.
 */
const ALL_AT_ONCE = 1 / 2;
const ALL_AT_MOST = 3 / 4;
const ALL_A_MINUTE = 1 / 60;
/** Left-out entries are counted in a line after so long, so that a daemon that is killed loses few counts. */
const COUNTED_MS = 10_000;
/** Small files: at least so many bytes, but no more than this share of them. */
const LEAST_AT_ONCE = { bytes: 1024 * 1024, share: 1 / 4 };
const LEAST_A_MINUTE = { bytes: 32 * 1024, share: 1 / 64 };

/**
 * Returns the limit. `trailBytes` is the size of all files of one kind together. A caller may fill one share
 * of it at once, and gets back another share each minute. `ownUid` is our own user: it and root could change
 * the files anyway, so the commands that they call have no limit.
 *
 * A caller is a guest, the host, or a local user by its uid, whatever it calls. The kinds have separate
 * shares, so that none hides another. A command that had no line in the last hour has room in a full share,
 * so that the calls of one command do not hide those of another. All callers together have limits too, one
 * for calls that ran something and one for the others. Left-out calls of commands that `isKnown`, or that
 * have run, are counted by name, behind any number of other names.
 */
export function createAuditLimit(
  trailBytes: number,
  ownUid = 0,
  isKnown: (command: string) => boolean = () => false,
): AuditLimit {
  const leastOf = ({ bytes, share }: typeof LEAST_AT_ONCE): number => Math.min(bytes, trailBytes * share);
  const mostBytes = Math.max(leastOf(LEAST_AT_ONCE), trailBytes * SHARE_AT_ONCE);
  const bytesPerMs = Math.max(leastOf(LEAST_A_MINUTE), trailBytes * SHARE_A_MINUTE) / MINUTE_MS;
  const shares = new Map<string, Share>();
  const haveRun = new Set<string>();
  const fills = { ran: createFill(trailBytes), nothing: createFill(trailBytes) };
  const fillOf = (kind: ShareKind): Fill => (hasRun(kind) ? fills.ran : fills.nothing);

  const shareOf = (entry: AuditEntry, nowMs: number, kind: ShareKind): Share => {
    const key = keyOf(entry, kind);
    let share = shares.get(key);
    if (share === undefined) shares.set(key, (share = createShare(entry, nowMs, kind)));
    share.bytes = Math.max(0, share.bytes - Math.max(0, nowMs - share.atMs) * bytesPerMs);
    share.atMs = nowMs;
    return share;
  };
  const hasRoom = (share: Share, entry: AuditEntry, nowMs: number): boolean => {
    const { kind, bytes, calls, sureMs } = share;
    const mostCalls = kind === "asked" ? ASKED_A_MINUTE : CALLS_A_MINUTE;
    const fill = fillOf(kind).at(nowMs);
    if (fill >= ALL_AT_MOST) return false;
    const hasShare = bytes < mostBytes && (kind === "command" || calls < mostCalls);
    if (hasShare && fill < ALL_AT_ONCE) return true;
    if (!hasRun(kind)) return false;
    const lastMs = sureMs.get(entry.command ?? "");
    return lastMs === undefined ? sureMs.size < MOST_SURE : isPast(lastMs, SURE_MS, nowMs);
  };
  return {
    admit(entry, nowMs, isRefused = false) {
      const kind = kindOf(entry);
      if (hasRun(kind) && isOwner(entry, ownUid)) return true;
      const share = shareOf(entry, nowMs, kind);
      if (share.calls + share.leftOut === 0) share.startMs = nowMs;
      if (hasRoom(share, entry, nowMs)) {
        share.calls++;
        noteSure(share, entry.command ?? "", nowMs);
        return true;
      }
      if (isRefused) return false;
      if (share.leftOut === 0) share.sinceMs = nowMs;
      share.leftOut++;
      const { command } = entry;
      const isSure = command !== undefined && (haveRun.has(command) || isKnown(command));
      share.counts.add(command ?? entry.method, 1, isSure);
      return false;
    },
    charge(entry, bytes, kind = kindOf(entry)) {
      const share = shares.get(keyOf(entry, kind));
      if (share === undefined) return;
      share.bytes += bytes;
      fillOf(kind).add(bytes);
      const { command, exitCode } = entry;
      if (command !== undefined && exitCode !== undefined && haveRun.size < MOST_HAVE_RUN)
        haveRun.add(command);
    },
    chargeCount: (ran, bytes) => (ran ? fills.ran : fills.nothing).add(bytes),
    settle(nowMs) {
      const over: LeftOut[] = [];
      for (const [key, share] of shares) {
        const { role, direction, peer, user, ran, leftOut, sinceMs, counts } = share;
        if (leftOut > 0 && isPast(sinceMs, COUNTED_MS, nowMs)) {
          over.push({ role, direction, peer, user, ran, leftOut, sinceMs, counts });
          Object.assign(share, { leftOut: 0, counts: new CommandCounts() });
        }
        if (!isPast(share.startMs, MINUTE_MS, nowMs)) continue;
        if (
          share.leftOut === 0 &&
          share.bytes <= Math.max(0, nowMs - share.atMs) * bytesPerMs &&
          isForgotten(share, nowMs)
        )
          shares.delete(key);
        else Object.assign(share, { calls: 0, startMs: nowMs });
      }
      return over.toSorted((one, other) => one.sinceMs - other.sinceMs);
    },
  };
}

/** How full the files are with the lines of all callers, as a part of their size. It drains with time. */
type Fill = { at: (nowMs: number) => number; add: (bytes: number) => void };

function createFill(trailBytes: number): Fill {
  let level = 0;
  let atMs = 0;
  return {
    at(nowMs) {
      level = Math.max(0, level - (Math.max(0, nowMs - atMs) / MINUTE_MS) * ALL_A_MINUTE);
      atMs = nowMs;
      return level;
    },
    add(bytes) {
      level += bytes / trailBytes;
    },
  };
}

/** `bytes` is how full the share was at `atMs`. `calls` are the written ones of the minute. */
type Share = LeftOut & {
  kind: ShareKind;
  startMs: number;
  calls: number;
  bytes: number;
  atMs: number;
  /** For each command, when its last line was written. */
  sureMs: Map<string, number>;
};

function createShare({ role, direction, peer, user }: AuditEntry, nowMs: number, kind: ShareKind): Share {
  const { uid, name } = user ?? {};
  const caller = {
    role,
    direction,
    peer: direction === "incoming" ? peer : {},
    ...(direction !== "incoming" && {
      user: { ...(uid !== undefined && { uid }), ...(name !== undefined && { name }) },
    }),
  };
  return {
    ...caller,
    calls: 0,
    leftOut: 0,
    sinceMs: 0,
    counts: new CommandCounts(),
    kind,
    ran: hasRun(kind),
    startMs: nowMs,
    bytes: 0,
    atMs: nowMs,
    sureMs: new Map(),
  };
}

/** Returns the kind of an entry whose call has no start line, or of the start line itself. */
export function kindOf({ event, exitCode, builtin, command, errorCode }: AuditEntry): ShareKind {
  if (event === undefined && exitCode === undefined)
    return command === undefined && errorCode === undefined ? "asked" : "nothing";
  return builtin === true ? "builtin" : "command";
}

/** The key is JSON, so that no name of a guest equals the uuid of another or stands for the host. */
function keyOf({ direction, peer: { guest, uuid }, user }: AuditEntry, kind: ShareKind): string {
  if (direction !== "incoming") return JSON.stringify([kind, { uid: user?.uid ?? null }]);
  return JSON.stringify([kind, uuid === undefined ? { guest } : { uuid }]);
}

function isOwner({ direction, user }: AuditEntry, ownUid: number): boolean {
  return direction === "outgoing" && (user?.uid === 0 || user?.uid === ownUid);
}

function noteSure({ kind, sureMs }: Share, command: string, nowMs: number): void {
  if (!hasRun(kind) || (sureMs.size >= MOST_SURE && !sureMs.has(command))) return;
  sureMs.set(command, nowMs);
}

function isForgotten({ sureMs }: Share, nowMs: number): boolean {
  return [...sureMs.values()].every((lastMs) => isPast(lastMs, SURE_MS, nowMs));
}

/** A time in the future was left by a clock that was set back. */
function isPast(startMs: number, spanMs: number, nowMs: number): boolean {
  return nowMs < startMs || nowMs - startMs >= spanMs;
}
