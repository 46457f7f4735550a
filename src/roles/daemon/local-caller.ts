/** Describes the local user at the other end of a control connection, for the peer and the audit. */
import { readFileSync } from "node:fs";
import { readPeerCredentials } from "../../process/libc.ts";
import { findProcessFault } from "../../process/listener-trust.ts";
import { identifyPeer } from "../../process/peer-process.ts";
import type { UserCache } from "../../process/user-cache.ts";
import { showBytes } from "../../strict/utf8.ts";
import type { CallerInfo } from "../../wire/message.ts";

/** Longest name that the protocol takes. */
const NAME_LENGTH = 256;

/**
 * Returns why the process that connected must not be answered, as after "a program that"; undefined if it may
 * be. Only in our own namespaces a user id stands for a user of this machine.
 */
export function findCallerFault(descriptor: number): string | undefined {
  using peer = identifyPeer(descriptor);
  return peer === undefined ? "the kernel does not name" : findProcessFault(peer);
}

/**
 * Returns the id of the user and the process that connected. A member is missing when it cannot be found: a
 * process that has ended has no program.
 */
export function describeLocalCaller(descriptor: number): CallerInfo {
  const credentials = readPeerCredentials(descriptor);
  return credentials === undefined ? {} : describeProcess(credentials);
}

/** Returns a user and a process as `describeLocalCaller` does. */
export function describeProcess({ uid, pid }: { uid: number; pid: number }): CallerInfo {
  const program = attempt(() => showBytes(readFileSync(`/proc/${pid}/comm`)).trimEnd());
  return {
    uid,
    ...(pid === 0 ? {} : { pid }),
    ...(program === undefined ? {} : { program }),
  };
}

/**
 * Resolves with the caller and the name of its user, as the system resolves it. A user without a name that
 * can be found has none. Never rejects.
 */
export async function nameUser(caller: CallerInfo, users: UserCache): Promise<CallerInfo> {
  if (caller.uid !== undefined) await users.find(caller.uid).catch(() => undefined);
  return nameKnown(caller, users);
}

/** Returns the caller and the name of its user, if that was resolved before. */
export function nameKnown(caller: CallerInfo, users: UserCache): CallerInfo {
  if (caller.uid === undefined || caller.name !== undefined) return caller;
  const { uid } = caller;
  const name = attempt(() => users.known(uid)?.name);
  return name === undefined ? caller : { ...caller, name };
}

function attempt(find: () => string | undefined): string | undefined {
  try {
    return find()?.slice(0, NAME_LENGTH).toWellFormed();
  } catch {
    return undefined;
  }
}
