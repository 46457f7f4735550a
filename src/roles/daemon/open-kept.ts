/** The place for the output of detached calls. */
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Settings } from "../../config/settings.ts";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { createKeptCommands } from "../../methods/kept/kept-commands.ts";
import type { FrozenKeptCommands, KeptCommands } from "../../methods/kept/kept-commands.ts";
import { printable } from "../../printable.ts";
import { prepareStateDirectory } from "./state-directory.ts";

const log = logFor("detached");

/** More output than this goes to a file. */
const MEMORY_BYTES = 64 * 1024;
const MOST_KEEP_MS = 30 * 24 * 3_600_000;
/** One guest leaves room for others. */
const SHARE_OF_GUEST = 0.5;
const OWNER_ONLY = 0o700;

/**
 * Returns the detached commands of a daemon. Makes its directory at the first of them. If that is not
 * possible, logs it, and output that does not fit into memory is cut.
 */
export function openKept(
  role: "host" | "guest",
  { detached }: Settings,
  frozen?: FrozenKeptCommands,
): KeptCommands {
  const directory = join(detached.directory, `${role}.${process.pid}`);
  const kept = createKeptCommands({
    directory,
    ofPeer: role === "host" ? Math.ceil(detached.calls * SHARE_OF_GUEST) : detached.calls,
    ofAll: detached.calls,
    memoryBytes: MEMORY_BYTES,
    mostBytes: detached.outputBytes,
    keepMs: detached.keepSeconds * 1000,
    mostKeepMs: MOST_KEEP_MS,
  });
  if (frozen !== undefined) kept.thaw(frozen);
  // The directory has the number of this process, which stays.
  let isPrepared = (frozen?.fileCount ?? 0) > 0;
  return {
    ...kept,
    begin(asker, facts) {
      if (!isPrepared) prepare(directory);
      isPrepared = true;
      return kept.begin(asker, facts);
    },
    async [Symbol.asyncDispose]() {
      await kept[Symbol.asyncDispose]();
      if (isPrepared) rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Removes the output that killed daemons of this role have left. Failures are logged. */
export function removeLeftOutput(role: "host" | "guest", { detached: { directory } }: Settings): void {
  try {
    for (const name of readdirSync(directory)) {
      const [, pid] = /^(?:host|guest)\.(\d+)$/.exec(name) ?? [];
      const isLeft = pid !== undefined && name.startsWith(role) && !isThere(`/proc/${pid}`);
      if (isLeft) rmSync(join(directory, name), { recursive: true });
    }
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") warn("Cannot remove old output of detached calls", directory, thrown);
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function prepare(directory: string): void {
  try {
    prepareStateDirectory(dirname(directory));
    // A process before us may have had our number.
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { mode: OWNER_ONLY });
  } catch (thrown) {
    const much = `more than ${MEMORY_BYTES / 1024} KiB of output of a detached call`;
    warn(`Cannot keep ${much}`, directory, thrown);
  }
}

function warn(what: string, directory: string, thrown: unknown): void {
  log.warn(`${what}: "${printable(directory)}" cannot be used: ${NegotiatorError.from(thrown).message}`);
}
