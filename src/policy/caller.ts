/** The caller of a method, as the channel identifies it. The caller's own claims do not count. */
import { printable } from "../printable.ts";
import type { QuotaKey } from "./quota.ts";

/**
 * `guest`: the domain whose socket the call came through; not every guest has a uuid. `host`: the host, as a
 * guest's daemon sees it. `local`: a local user, through the control socket of our own daemon.
 */
export type Caller =
  { via: "guest"; name: string; uuid?: string } | { via: "host" } | ({ via: "local" } & LocalUser);

/**
 * A local user. `uid` is the one of the socket; without it nothing is known. `name`, the ids of all groups,
 * and the names of those that have one are undefined if the system does not say them. `hasNamelessGroup`:
 * the system says no name for one of the ids.
 */
export type LocalUser = {
  uid?: number | undefined;
  name?: string | undefined;
  groups?: readonly string[] | undefined;
  groupIds?: readonly number[] | undefined;
  hasNamelessGroup?: boolean | undefined;
};

/** Returns whether this is root of our own machine. */
export function isLocalRoot(caller: Caller): boolean {
  return caller.via === "local" && caller.uid === 0;
}

/**
 * Returns the name and uuid that policy and audit know a caller by. Both are missing for a caller that is not
 * a guest.
 */
export function identifyCaller(caller: Caller): { guest?: string; uuid?: string } {
  if (caller.via !== "guest") return {};
  const { name, uuid } = caller;
  return uuid === undefined ? { guest: name } : { guest: name, uuid };
}

/**
 * Returns the parts of a quota key that stand for this caller. A guest with a uuid keeps its key when it is
 * renamed.
 */
export function callerKey(caller: Caller): QuotaKey {
  if (caller.via === "local" && caller.uid !== undefined) return ["local", caller.uid];
  if (caller.via !== "guest") return [caller.via];
  return caller.uuid === undefined ? ["guest name", caller.name] : ["guest uuid", caller.uuid];
}

/** Returns the caller as the subject of a log line, such as `guest "web1"`. */
export function formatCaller(caller: Caller): string {
  if (caller.via === "guest") return `guest "${caller.name}"`;
  if (caller.via === "host") return "the host";
  const { name, uid } = caller;
  if (name !== undefined) return `the local user "${printable(name)}"`;
  return uid === undefined ? "a local user" : `the local user ${uid}`;
}
