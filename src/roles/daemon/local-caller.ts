/** Describes the local user at the other end of a control connection, for the peer and the audit. */
import { readFileSync } from "node:fs";
import { readPeerCredentials } from "../../process/libc.ts";
import { showBytes } from "../../strict/utf8.ts";
import { lookUpUser } from "../../trust/users.ts";
import type { CallerInfo } from "../../wire/message.ts";

/** Longest name that the protocol takes. */
const NAME_LENGTH = 256;

/**
 * Returns the user and the process that connected. A member is missing when it cannot be found: a user that
 * is not in /etc/passwd has no name, and a process that has ended has no program.
 */
export function describeLocalCaller(descriptor: number): CallerInfo {
  const credentials = readPeerCredentials(descriptor);
  return credentials === undefined ? {} : describeUser(credentials);
}

/** Returns a user and a process as `describeLocalCaller` does. */
export function describeUser({ uid, pid }: { uid: number; pid: number }): CallerInfo {
  const name = attempt(() => lookUpUser(uid).name);
  const program = attempt(() => showBytes(readFileSync(`/proc/${pid}/comm`)).trimEnd());
  return {
    uid,
    ...(name === undefined ? {} : { name }),
    ...(pid === 0 ? {} : { pid }),
    ...(program === undefined ? {} : { program }),
  };
}

function attempt(find: () => string): string | undefined {
  try {
    return find().slice(0, NAME_LENGTH).toWellFormed();
  } catch {
    return undefined;
  }
}
