/** Checks the path of a unix socket: its length, its directory, and the file that is there already. */
import { lstat } from "node:fs/promises";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import { ourUid } from "../../trust/ownership.ts";
import { findDirectoryFault } from "../../trust/socket-place.ts";
import { shellWord } from "../../shell-word.ts";

/** Bytes in `sun_path` without its closing NUL (unix(7)). */
const LONGEST_BYTES = 107;

/** Throws `NO_CHANNEL` when one of the paths does not fit into a socket's address. */
export function checkLength(action: string, ...paths: readonly string[]): void {
  const longest = Math.max(...paths.map((path) => Buffer.byteLength(path)));
  if (longest <= LONGEST_BYTES) return;
  throw new NegotiatorError(
    "NO_CHANNEL",
    `${action}: the path has ${longest} bytes, ${LONGEST_BYTES} at most are possible`,
    { remedy: "Choose a shorter path" },
  );
}

/** Rejects with `DENIED` when a user other than root and us could make or replace files in `directory`. */
export async function checkDirectory(action: string, directory: string): Promise<void> {
  const fault = await findDirectoryFault(directory, ourUid());
  if (fault !== undefined) throw denied(action, fault.problem, fault.remedy);
}

/** Returns whether `path` has a socket of ours or no file. Throws `DENIED` for any other file. */
export async function findSocket(action: string, path: string): Promise<"socket" | "nothing"> {
  const facts = await lstat(path).catch((thrown: unknown) => {
    if (errnoOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  });
  if (facts === undefined) return "nothing";
  const remedy = `Check it, and remove it if it is not needed: ls -l ${shellWord(path)}`;
  if (facts.isSymbolicLink()) throw denied(action, "a symbolic link is there", remedy);
  if (!facts.isSocket()) throw denied(action, "a file is there that is not a socket", remedy);
  if (!isTrusted(facts.uid)) throw denied(action, `a socket of user ${facts.uid} is there`, remedy);
  return "socket";
}

function isTrusted(uid: number): boolean {
  return uid === 0 || uid === ourUid();
}

function denied(action: string, condition: string, remedy: string): NegotiatorError {
  return new NegotiatorError("DENIED", `${action}: ${condition}`, { remedy });
}
