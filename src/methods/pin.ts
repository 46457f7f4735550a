/** Pins: what a verdict on files rests on, as data. If all of it is still the same, the verdict holds. */
import type { Identity } from "../trust/opened-file.ts";
import { isSameFile, isSamePlace } from "../trust/opened-file.ts";
import { lookAt } from "../trust/look.ts";
import type { Seen } from "../trust/look.ts";
import { isLocal } from "../trust/mounts.ts";
import type { MountList } from "../trust/mounts.ts";

/**
 * A path and its status at the verdict; null if nothing was there. `asPlace`: a directory on the way, where
 * new entries change nothing. `isAccounts`: a list of users or groups. Every user can change its own entry
 * there again and again, so such a list is judged again now and then, and no call waits for it.
 */
export type Pin = { path: string; status: Identity | null; asPlace: boolean; isAccounts: boolean };

/** Returns the pins of all that was looked at. */
export function pinsOf(seen: Seen): Pin[] {
  return [...seen.values()].map(({ path, status, isListed, isAccounts }) => ({
    path,
    status: status === undefined ? null : identityOf(status),
    asPlace: status?.isDirectory() === true && !isListed,
    isAccounts,
  }));
}

/** Returns each pin once. Two files share most of their way, and two looks may have seen different things. */
export function uniquePins(pins: readonly Pin[]): Pin[] {
  return [...new Map(pins.map((pin) => [JSON.stringify(pin), pin])).values()];
}

/**
 * Returns whether all pins are still right, but for lists of users and groups. Waits for the file systems, so
 * all pins must be local.
 */
export function arePinsCurrent(pins: readonly Pin[]): boolean {
  return areAllCurrent(pins.filter(({ isAccounts }) => !isAccounts));
}

/** Returns whether all pins are still right, as `arePinsCurrent` does. */
export function areAllCurrent(pins: readonly Pin[]): boolean {
  try {
    return pins.every(({ path, status, asPlace }) => {
      const now = lookAt(path);
      if (now === undefined || status === null) return now === undefined && status === null;
      return asPlace ? isSamePlace(now, status) : isSameFile(now, status);
    });
  } catch {
    // The next judgement finds out why it cannot be looked at.
    return false;
  }
}

/** Returns whether looks at all pins answer at once. */
export function arePinsLocal(pins: readonly Pin[], mounts: MountList): boolean {
  return pins.every(({ path }) => isLocal(mounts.find(path)));
}

/** Returns whether two lists of pins have the same paths and statuses, but for lists of users and groups. */
export function arePinsEqual(one: readonly Pin[], other: readonly Pin[]): boolean {
  const files = (pins: readonly Pin[]): Pin[] => pins.filter(({ isAccounts }) => !isAccounts);
  return Bun.deepEquals(files(one), files(other));
}

/**
 * Returns when the newest of the files and listed directories changed, in milliseconds since 1970. No user
 * can set a ctime.
 */
export function newestChangeMs(pins: readonly Pin[]): number {
  const times = pins.flatMap(({ status, asPlace, isAccounts }) =>
    status === null || asPlace || isAccounts ? [] : [status.ctimeMs],
  );
  return Math.max(0, ...times);
}

function identityOf({ dev, ino, mode, uid, gid, size, mtimeMs, ctimeMs }: Identity): Identity {
  return { dev, ino, mode, uid, gid, size, mtimeMs, ctimeMs };
}
