/** The method `status` of the host's control socket. */
import * as v from "valibot";
import type { StoppedDomain } from "../../discovery/libvirt/stopped.ts";
import { defineMethod } from "../../methods/method.ts";
import type { Method } from "../../methods/method.ts";
import { FileStatusEntries } from "../daemon/file-status.ts";
import { LinkFigureEntries, NO_FIGURES } from "../daemon/link-figures.ts";
import { LinkStatusEntries } from "../daemon/link-status.ts";

const GuestStatusSchema = v.object({
  name: v.string(),
  uuid: v.nullable(v.string()),
  ...LinkStatusEntries,
  ...LinkFigureEntries,
  since: v.nullable(v.string()),
  /** The quota that the guest exceeds: what it sends too much of, in words. The host reads it slowly. */
  overQuota: v.exactOptional(v.string()),
  /** Phrases such as "cannot run commands: …", of a QEMU guest agent that was asked. */
  cannot: v.exactOptional(v.array(v.string())),
});

/**
 * One guest. Its `state` may also be `paused`, `saved` (it is in a file, and its calls wait until it is
 * restored), or `shut off`, whose `since` is null.
 */
export type GuestStatus = v.InferOutput<typeof GuestStatusSchema>;

/** Returns the statuses of `guests` and of the domains that are shut off, sorted by name. */
export function addStopped(guests: GuestStatus[], stopped: readonly StoppedDomain[]): GuestStatus[] {
  const names = new Set(guests.map(({ name }) => name));
  const off = stopped.filter(({ guest }) => !names.has(guest)).map(toShutOff);
  return [...guests, ...off].sort((one, other) => (one.name < other.name ? -1 : 1));
}

function toShutOff({ guest: name, uuid }: StoppedDomain): GuestStatus {
  const calls = { outgoing: 0, incoming: 0 };
  const unknown = { dialect: null, version: null, since: null, lastError: null };
  return { name, uuid, state: "shut off", ...unknown, calls, ...NO_FIGURES };
}

/** The answer to `status`. */
export const StatusSchema = v.object({
  guests: v.array(GuestStatusSchema),
  /** The process id of the daemon; a daemon of an older release does not tell. */
  pid: v.exactOptional(v.number()),
  /** The sockets that it holds. QEMU serves one program at a time there. */
  held: v.exactOptional(v.array(v.string())),
  /** The present faults of the finders, and since when. */
  problems: v.optional(v.array(v.object({ message: v.string(), since: v.string() })), []),
  ...FileStatusEntries,
});

/** The answer to `status`. */
export type HostStatus = v.InferOutput<typeof StatusSchema>;

/** `measures`: the caller wants the round trips of now. */
export type StatusQuestion = { measures?: boolean };

/** Returns the method; `status` gives the guests, sorted by name, and the sockets. */
export function createStatus(
  status: (question: StatusQuestion, signal: AbortSignal) => Promise<HostStatus>,
): Method {
  return defineMethod({
    name: "status",
    isOpen: true,
    own: "question",
    params: v.optional(v.object({ measures: v.exactOptional(v.boolean()) }), {}),
    run: async (question, { call }) => ({ result: await status(question, call.signal) }),
  });
}
