/** The place for the output of detached calls. */
import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Settings } from "../../config/settings.ts";
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { createKeptCommands } from "../../methods/kept/kept-commands.ts";
import type { FrozenKeptCommands, KeptCommands } from "../../methods/kept/kept-commands.ts";
import { printable } from "../../printable.ts";
import { STATE_FILES } from "../../process/file-turns.ts";
import type { FrozenKeptOutput } from "../../methods/kept/kept-output.ts";
import { writeKeptFile } from "./kept-file.ts";
import { takeLeftKept } from "./left-kept.ts";
import type { KeptPlace, TakenKept } from "./left-kept.ts";
import { prepareStateDirectory } from "./state-directory.ts";

const log = logFor("detached");

/** More output than this goes to a file. */
const MEMORY_BYTES = 64 * 1024;
const MOST_KEEP_MS = 30 * 24 * 3_600_000;
/** One guest leaves room for others. */
const SHARE_OF_GUEST = 0.5;
const OWNER_ONLY = 0o700;

/** Returns where this daemon keeps its calls. `hasOwn`: it goes on with those of the program before. */
export function keptPlace(role: "host" | "guest", { detached }: Settings, hasOwn: boolean): KeptPlace {
  return { role, directory: join(detached.directory, `${role}.${process.pid}`), hasOwn };
}

/**
 * Returns the detached commands of a daemon: those of the program that this one has replaced, or those that
 * the daemon before has left in its directory. Makes the directory at the first of them. If that is not
 * possible, logs it, and output that does not fit into memory is cut. Disposing leaves them to the next one.
 * `files` has what was left (`readFirstFiles`); a test looks now. Without it there, no file is used.
 */
export function openKept(
  role: "host" | "guest",
  settings: Settings,
  frozen?: FrozenKeptCommands,
  files?: { left: TakenKept | undefined },
): KeptCommands {
  const { detached } = settings;
  const place = keptPlace(role, settings, frozen !== undefined);
  const { directory } = place;
  const { left } = files ?? { left: takeLeftKept(place) };
  for (const problem of left?.problems ?? []) log.error(problem);
  const first = left !== undefined || frozen === undefined ? (frozen ?? left?.kept) : withoutFiles(frozen);
  const list = createList(directory, () => kept.freeze());
  const kept = createKeptCommands(
    {
      directory,
      ofPeer: role === "host" ? Math.ceil(detached.calls * SHARE_OF_GUEST) : detached.calls,
      ofAll: detached.calls,
      memoryBytes: MEMORY_BYTES,
      mostBytes: detached.outputBytes,
      keepMs: detached.keepSeconds * 1000,
      mostKeepMs: MOST_KEEP_MS,
    },
    () => list.change(),
  );
  if (first !== undefined) kept.thaw(first);
  // The directory has the number of this process, which stays.
  let isPrepared = (first?.fileCount ?? 0) > 0;
  return {
    ...kept,
    begin(asker, facts) {
      // The first of the operations on files, so all others come after it.
      if (!isPrepared)
        void STATE_FILES.run(() => prepare(directory)).catch((thrown) => warnOfSpace(directory, thrown));
      isPrepared = true;
      return kept.begin(asker, facts);
    },
    async [Symbol.asyncDispose]() {
      const saved = await kept.save();
      if (!isPrepared) return;
      if (!(await list.end(saved)))
        await STATE_FILES.clean(() => rm(directory, { recursive: true, force: true }));
    },
  };
}

/**
 * Keeps the list of commands in its file while they change, so that after a kill the next daemon knows which
 * have lost their outcome. `end` writes it for the last time, and resolves with whether there is a list.
 */
function createList(directory: string, freeze: () => FrozenKeptCommands) {
  let writing: Promise<boolean> = Promise.resolve(true);
  let isDue = false;
  let hasWarned = false;
  const write = async (commands: () => FrozenKeptCommands): Promise<boolean> => {
    try {
      await writeKeptFile(directory, commands());
      hasWarned = false;
      return true;
    } catch (thrown) {
      if (!hasWarned) warn("A restart will forget the detached calls", directory, thrown);
      hasWarned = true;
      return false;
    }
  };
  return {
    change(): void {
      if (isDue) return;
      isDue = true;
      writing = writing.then(() => {
        isDue = false;
        return write(freeze);
      });
    },
    async end(saved: FrozenKeptCommands): Promise<boolean> {
      // A write that is due would forget the commands, because they have ended here.
      isDue = true;
      await writing;
      return saved.commands.length > 0 && write(() => saved);
    },
  };
}

/** Bytes in files are cut. */
function withoutFiles({ fileCount, commands }: FrozenKeptCommands): FrozenKeptCommands {
  return {
    fileCount,
    commands: commands.map((command) => ({
      ...command,
      stdout: withoutFile(command.stdout),
      stderr: withoutFile(command.stderr),
    })),
  };
}

function withoutFile(output: FrozenKeptOutput): FrozenKeptOutput {
  return output.hasFile ? { ...output, hasFile: false, start: output.end } : output;
}

async function prepare(directory: string): Promise<void> {
  await prepareStateDirectory(dirname(directory));
  // A process before us may have had our number.
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { mode: OWNER_ONLY });
}

function warnOfSpace(directory: string, thrown: unknown): void {
  const much = `more than ${MEMORY_BYTES / 1024} KiB of output of a detached call`;
  warn(`Cannot keep ${much}`, directory, thrown);
}

function warn(what: string, directory: string, thrown: unknown): void {
  log.warn(`${what}: "${printable(directory)}" cannot be used: ${NegotiatorError.from(thrown).message}`);
}
