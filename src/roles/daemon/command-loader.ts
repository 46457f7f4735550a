/** Loads commands once their files have come to rest, so that no file is taken half-written. */
import type { CommandFile } from "../../methods/command-files.ts";
import type { CommandSources, Generation, loadGeneration } from "../../methods/commands.ts";
import { arePinsEqual, arePinsLocal, newestChangeMs, uniquePins } from "../../methods/pin.ts";
import type { Pin } from "../../methods/pin.ts";
import { pause } from "../../peers/supervise.ts";
import type { UserCache } from "../../process/user-cache.ts";
import { currentMounts } from "../../process/mount-table.ts";
import type { MountList } from "../../trust/mounts.ts";

/**
 * A generation. `startedMs` is when its load began, by `performance.now`: commands must not look newer than
 * they are because the clock was set. `startedAtMs` is the same in milliseconds since 1970, to compare it
 * with the times of files.
 *
 * `pins` is all that it rests on, `localPins` the part at which a look cannot hang. `localFiles` are the
 * names whose files rest only on such pins. `listPins` are those of the lists of names; undefined if a look
 * at them could hang.
 */
export type LoadedCommands = Generation & {
  startedMs: number;
  startedAtMs: number;
  /** The mounts that decided what is local. */
  mounts: MountList;
  pins: readonly Pin[];
  localPins: readonly Pin[];
  localFiles: ReadonlySet<string>;
  listPins: readonly Pin[] | undefined;
};

/** Options of a loader. Files that have not changed for `restMs` are at rest. */
export type LoaderOptions = {
  sources: () => CommandSources;
  users: Pick<UserCache, "load">;
  load: typeof loadGeneration;
  restMs: number;
  waitMs: number;
  signal: AbortSignal;
};

/**
 * Returns a function that loads the commands, with their users. It resolves with undefined if the files do
 * not come to rest within `waitMs`. Never rejects.
 */
export function createCommandLoader(options: LoaderOptions): () => Promise<LoadedCommands | undefined> {
  const { sources, users, load, restMs, waitMs, signal } = options;
  const loadNow = async (): Promise<LoadedCommands> => {
    const startedMs = performance.now();
    const startedAtMs = Date.now();
    const mounts = currentMounts();
    const generation = await load(sources());
    const named = [...generation.files.values()].flatMap((file) =>
      file.kind === "usable" && file.description.user !== undefined ? [file.description.user] : [],
    );
    await users.load(named);
    return { ...generation, startedMs, startedAtMs, ...sortPins(generation, mounts) };
  };
  return async () => {
    const endMs = performance.now() + waitMs;
    let before: LoadedCommands | undefined;
    for (;;) {
      const loaded = await loadNow();
      if (newestChangeMs(loaded.pins) <= loaded.startedAtMs - restMs) return loaded;
      // The clock of another machine, or one that was set back, says nothing about rest.
      const isSame = before !== undefined && arePinsEqual(before.pins, loaded.pins);
      if (isSame && loaded.startedMs - (before?.startedMs ?? 0) >= restMs) return loaded;
      if (!isSame) before = loaded;
      if (performance.now() >= endMs || signal.aborted) return undefined;
      await pause(restMs, signal);
    }
  };
}

/**
 * Returns the commands with their pins sorted by the mounts as they are now: a file system that may hang
 * could have been mounted over a path since the load. Asks the kernel for a change of mounts, in about 1 µs.
 */
export function withPresentMounts(loaded: LoadedCommands): LoadedCommands {
  const mounts = currentMounts();
  return loaded.mounts === mounts ? loaded : { ...loaded, ...sortPins(loaded, mounts) };
}

function sortPins(
  generation: Generation,
  mounts: MountList,
): Omit<LoadedCommands, keyof Generation | "startedMs" | "startedAtMs"> {
  const { directories, files, failure, searchPath } = generation;
  const judged = directories.flatMap((one) => ("failure" in one ? [] : [one]));
  const listPins = uniquePins([...searchPath.pins, ...judged.flatMap((one) => one.pins)]);
  const pins = uniquePins([...listPins, ...judged.flatMap((one) => one.files.flatMap((file) => file.pins))]);
  const isLocal = (file: CommandFile): boolean => file.pins.length > 0 && arePinsLocal(file.pins, mounts);
  return {
    mounts,
    pins,
    localPins: pins.filter((pin) => arePinsLocal([pin], mounts)),
    localFiles: new Set([...files].flatMap(([name, file]) => (isLocal(file) ? [name] : []))),
    listPins: failure === undefined && arePinsLocal(listPins, mounts) ? listPins : undefined,
  };
}
