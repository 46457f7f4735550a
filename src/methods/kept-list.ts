/** Keeps the list of commands until something that it depends on changes. */
import type { Stats } from "node:fs";
import { dirname } from "node:path";
import { rememberLocal } from "../trust/local-paths.ts";
import { sightNow } from "../trust/look.ts";
import type { Seen, Sighting } from "../trust/look.ts";
import { listCommands } from "./commands.ts";
import type { CommandList, CommandSources } from "./commands.ts";

/** Tests replace `judge`, and `nowMs`, which returns milliseconds since 1970. */
export type KeptListOptions = {
  sources: () => CommandSources;
  judge?: typeof listCommands;
  nowMs?: () => number;
};

/**
 * Returns a function that resolves with the list of commands as it is at the call, and rejects as
 * `listCommands` does.
 *
 * A list is kept with the status of every path that its judgement looked at: files, NAME.toml files,
 * directories, their parents, links and their targets. Each call looks at all these paths again. If device,
 * inode, mode, owner, size, mtime and ctime are the same, nothing has changed: no user can set a ctime. For
 * the parents, device, inode, mode and owner are enough. The paths of twenty commands take 40 µs without
 * promises, and more than half a millisecond with them. A watch of inotify(7) misses changes, and a list that
 * is kept for some seconds would be wrong for so long.
 *
 * A list is kept only under two conditions:
 *
 * - All paths are on local file systems (`rememberLocal` says why), so that looking at them does not hang.
 * - Nothing has changed in the last seconds before the judgement. A file system may give two changes within
 *   `CLOCK_STEP_MS` the same ctime, so a change right after such a judgement could stay unseen.
 *
 * One change stays unseen: a process that writes through a shared memory mapping twice, without a new ctime
 * for the second time (mmap(2)). Calls do not use a kept list.
 *
 * At most one judgement runs and one waits, for any number of callers: a call that comes during a judgement
 * cannot use its verdict, but all such calls can share the next one.
 */
export function createKeptList(options: KeptListOptions): () => Promise<CommandList> {
  const { sources, judge = listCommands, nowMs = Date.now } = options;
  let kept: Kept | undefined;
  let running: Promise<CommandList> | undefined;
  let waiting: Promise<CommandList> | undefined;

  const renew = async (): Promise<CommandList> => {
    const current = sources();
    if (kept !== undefined && isCurrent(kept, current)) return kept.list;
    kept = undefined;
    const seen: Seen = new Map();
    const startMs = nowMs();
    const list = await judge(current, seen);
    if (isOlder(seen, startMs - CLOCK_STEP_MS) && (await rememberLocal(seen)))
      kept = { sources: current, sightings: findNeeded(seen), list };
    return list;
  };
  const start = (): Promise<CommandList> => {
    const judgement = renew().finally(() => {
      if (running === judgement) running = undefined;
    });
    running = judgement;
    return judgement;
  };
  const startAfter = async (before: Promise<unknown>): Promise<CommandList> => {
    await before.catch(() => undefined);
    waiting = undefined;
    return start();
  };
  return () => {
    if (waiting !== undefined) return waiting;
    if (running === undefined) return start();
    waiting = startAfter(running);
    return waiting;
  };
}

/** ext3 has time stamps in seconds, and the kernel's clock goes in steps of up to 10 ms. */
const CLOCK_STEP_MS = 2000;

type Kept = { sources: CommandSources; sightings: readonly Sighting[]; list: CommandList };

/** Leaves out missing entries of a directory that is in `seen` with its times: a new entry changes them. */
function findNeeded(seen: Seen): Sighting[] {
  const all = [...seen.values()];
  const timed = all.filter((sighting) => sighting.status?.isDirectory() === true && !isOnTheWay(sighting));
  const directories = new Set(timed.map(({ path }) => path));
  return all.filter(({ path, status }) => status !== undefined || !directories.has(dirname(path)));
}

function isCurrent({ sources, sightings }: Kept, { directories, builtins, uid }: CommandSources): boolean {
  const areSources =
    sources.uid === uid &&
    sources.builtins === builtins &&
    sources.directories.length === directories.length &&
    sources.directories.every((directory, index) => directory === directories[index]);
  return areSources && areUnchanged(sightings);
}

function areUnchanged(sightings: readonly Sighting[]): boolean {
  try {
    return sightings.every((sighting) => isSame(sighting, sightNow(sighting)));
  } catch {
    // The judgement finds out why it cannot be looked at.
    return false;
  }
}

function isSame(sighting: Sighting, now: Stats | undefined): boolean {
  const { status: then } = sighting;
  if (then === undefined || now === undefined) return then === now;
  const hasRights = then.mode === now.mode && then.uid === now.uid && then.gid === now.gid;
  if (!hasRights || then.dev !== now.dev || then.ino !== now.ino) return false;
  if (isOnTheWay(sighting)) return true;
  return then.ctimeMs === now.ctimeMs && then.mtimeMs === now.mtimeMs && then.size === now.size;
}

/** A directory whose entries were not read. The entry that leads on is a separate sighting. */
function isOnTheWay({ followsLinks, status }: Sighting): boolean {
  return !followsLinks && status?.isDirectory() === true;
}

function isOlder(seen: Seen, thanMs: number): boolean {
  return seen.values().every((sighting) => {
    return isOnTheWay(sighting) || sighting.status === undefined || sighting.status.ctimeMs < thanMs;
  });
}
