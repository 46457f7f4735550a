/** The caller of a method, as the channel identifies it. The caller's own claims do not count. */
import type { QuotaKey } from "./quota.ts";

/**
 * `guest`: the domain whose socket the call came through; not every guest has a uuid. `host`: the host, as a
 * guest's daemon sees it. `local`: a local user, through the control socket of our own daemon.
 */
export type Caller = { via: "guest"; name: string; uuid?: string } | { via: "host" } | { via: "local" };

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
  if (caller.via !== "guest") return [caller.via];
  return caller.uuid === undefined ? ["guest name", caller.name] : ["guest uuid", caller.uuid];
}

/** Returns the caller as the subject of a log line, such as `guest "web1"`. */
export function formatCaller(caller: Caller): string {
  if (caller.via === "guest") return `guest "${caller.name}"`;
  return caller.via === "host" ? "the host" : "a local user";
}
