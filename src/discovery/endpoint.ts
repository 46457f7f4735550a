/** Defines what every finder returns: the place of one guest's port, as plain data. */
import type { NegotiatorError } from "../errors.ts";
import type { ProcessId } from "../trust/host-process.ts";

/** Kinds of finders, the most trusted first. When two of them disagree, the earlier one counts. */
export const SOURCES = ["flag", "config", "libvirt", "qemu"] as const;
/** One of `SOURCES`. */
export type Source = (typeof SOURCES)[number];

/**
 * `paused`: the machine exists but its processors stand still, so it cannot answer now. `saved`: its memory
 * is in a file and it has no socket, but it may be restored as it was.
 */
export type GuestState = "running" | "paused" | "saved";

/** The host's end of one port of one guest. A member is absent when its source does not have it. */
export type Endpoint = {
  guest: string;
  uuid?: string;
  /** The port's name, as in the `name` of QEMU's `virtserialport`. */
  port: string;
  /** Absolute path of the unix socket on which the hypervisor listens. */
  path: string;
  source: Source;
  /**
   * The remote machine that has `path`; absent for this machine. A remote endpoint can be listed but not
   * dialled.
   */
  machine?: string;
  /** The URI of the guest's libvirt, if one was set. */
  connect?: string;
  state?: GuestState;
  /** The port's path before the guest was restored or moved. The guest is still in the same run. */
  movedFrom?: string;
  /**
   * Only on a saved guest: libvirt keeps the memory file (`virsh managedsave`) and reports when the file is
   * removed.
   */
  isManaged?: boolean;
  /**
   * Only on a saved guest that libvirt has forgotten: when to stop waiting for it, by the clock of the watch.
   */
  awaitedUntilMs?: number;
  /** Whether a process in the guest has the port open. */
  connected?: boolean;
  /** The user that the QEMU process runs as. */
  uid?: number;
  /** The QEMU process whose command line names the guest and the socket. */
  qemu?: ProcessId;
  /** Where libvirt keeps the process id of the guest's QEMU. */
  pidFile?: PidFile;
  /** The user that may listen at the socket, by the config; besides root and our own user. */
  user?: string;
};

/** A file with a process id. `uid` is the user who may have written it, besides root. */
export type PidFile = { path: string; uid: number };

/**
 * The result of one scan. `problems` explain what is missing from `endpoints`. `unread` names what the scan
 * could not read, so a guest that is missing there may still exist.
 */
export type Scan = {
  endpoints: readonly Endpoint[];
  problems: readonly NegotiatorError[];
  unread: readonly Unread[];
  /** Those of `problems` that leave a guest's name without an endpoint. None if absent. */
  clashes?: readonly Clash[];
};

/** Two machines have the same name or UUID, so that neither of these `guests` can be called. */
export type Clash = { guests: readonly string[]; error: NegotiatorError };

/** A whole source, or the one guest of it that has this `uuid`. */
export type Unread = { source: Source; uuid?: string };

/**
 * Scans once. `known` are the endpoints of the scan before; the result keeps those of saved guests. Throws a
 * `NegotiatorError` when the source cannot be read at all.
 */
export type Finder = (signal: AbortSignal, known?: readonly Endpoint[]) => Promise<Scan>;
