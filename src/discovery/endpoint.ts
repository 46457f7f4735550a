/** What every finder returns: the place of one guest's channel, as plain data. */
import type { NegotiatorError } from "../errors.ts";

/** The ports that carry our channels; one guest has the first two, or the third, or all. */
export const PORT_NAMES = {
  /** The guest listens, the host calls. */
  hostToGuest: "negotiator-host-to-guest.0",
  /** The host listens, the guest calls. */
  guestToHost: "negotiator-guest-to-host.0",
  /** One port for both directions; the only one that the first releases of python-negotiator knew. */
  bothWays: "negotiator-channel.0",
} as const;

export type PortName = (typeof PORT_NAMES)[keyof typeof PORT_NAMES];

/** Whether a port's name is one of ours. */
export function isPortName(name: string): name is PortName {
  return Object.values<string>(PORT_NAMES).includes(name);
}

/** Who said that an endpoint exists, the most trusted first: where two disagree, the earlier one counts. */
export const SOURCES = ["flag", "config", "libvirt", "qemu"] as const;
export type Source = (typeof SOURCES)[number];

/**
 * `paused`: the machine exists but its processors stand still, so it cannot answer now. `saved`: it lies in a file and
 * has no socket, but it may come back as it was.
 */
export type GuestState = "running" | "paused" | "saved";

/** The host's end of one port of one guest. Members that the source does not tell are absent. */
export type Endpoint = {
  guest: string;
  uuid?: string;
  port: string;
  /** Absolute path of the unix socket on which the hypervisor listens. */
  path: string;
  source: Source;
  /** The machine that `path` is on when it is not this one: such an endpoint can be listed but not dialled. */
  machine?: string;
  state?: GuestState;
  /** The path that this port had before the guest was saved and restored: it is still the same run of the guest. */
  movedFrom?: string;
  /** Of a saved guest: libvirt itself keeps the file (`virsh managedsave`), and tells when it is gone. */
  isManaged?: boolean;
  /** Of a saved guest that libvirt knows nothing of any more: how long to wait for it, by the clock of the watch. */
  awaitedUntilMs?: number;
  /** Whether a process in the guest has the port open. */
  connected?: boolean;
  /** The user that the QEMU process runs as. */
  uid?: number;
};

/**
 * What one look around found. `problems` say why something is missing from `endpoints`; `unread` names what could not
 * be looked at this time, so that its absence proves nothing.
 */
export type Scan = {
  endpoints: readonly Endpoint[];
  problems: readonly NegotiatorError[];
  unread: readonly Unread[];
};

/** A whole source, or the one guest of it that has this `uuid`. */
export type Unread = { source: Source; uuid?: string };

/**
 * Looks around once. `known` is what is known from before: what of it was saved is among the endpoints still. May throw a
 * `NegotiatorError` when nothing at all could be learnt.
 */
export type Finder = (signal: AbortSignal, known?: readonly Endpoint[]) => Promise<Scan>;
