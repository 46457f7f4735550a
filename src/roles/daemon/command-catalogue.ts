/** The commands of a daemon: they are loaded as a generation, once their files have come to rest. */
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import type { CommandCatalogue } from "../../methods/catalogue.ts";
import type { CommandFile } from "../../methods/command-files.ts";
import { findInGeneration, listGeneration, loadGeneration } from "../../methods/commands.ts";
import type { Command, CommandList, CommandSources } from "../../methods/commands.ts";
import { cannotRun } from "../../methods/public-error.ts";
import { areAllCurrent, arePinsCurrent } from "../../methods/pin.ts";
import type { EveryTick } from "../../peers/ticker.ts";
import { pause } from "../../peers/supervise.ts";
import { everyTick } from "../../peers/ticker.ts";
import { printable } from "../../printable.ts";
import { shorten } from "../../shorten.ts";
import type { UserCache } from "../../process/user-cache.ts";
import { createCommandLoader, withPresentMounts } from "./command-loader.ts";
import type { LoadedCommands } from "./command-loader.ts";
import { createLowerUsers } from "./lower-users.ts";
import type { LowerUserMemory } from "./lower-users.ts";

/** Options of a catalogue. Tests replace the last four. */
export type CatalogueOptions = {
  role: "host" | "guest";
  /** Returns where commands come from, as the settings say now. */
  sources: () => CommandSources;
  users: UserCache;
  /** Keeps the lower users of commands from one daemon to the next; nothing does by default. */
  lowerUsers?: LowerUserMemory;
  tick?: EveryTick;
  load?: typeof loadGeneration;
  restMs?: number;
  waitMs?: number;
};

/** A catalogue that is loaded again at a reload, and by itself. */
export type LoadedCatalogue = CommandCatalogue &
  Disposable & {
    /** Returns whether there was such a command when they were loaded last. */
    has: (name: string) => boolean;
    /** Loads the commands at the request of an administrator. */
    reload: () => Promise<CommandNews>;
  };

/**
 * The news of a load for an administrator. `problem`: the files do not come to rest, so the old commands
 * stay. `warnings` are about files that are not offered.
 */
export type CommandNews = { problem: string | undefined; warnings: readonly string[] };

/** The time in which nothing may have changed, so that a file is not taken half-written. */
const REST_MS = 400;
/** How long a call waits for its command. */
const WAIT_MS = 3000;
/** Commands that were judged less than that ago need no look at a slow file system for an unknown name. */
const NEW_MS = 1000;

/** A user that could not be found, as while its directory service starts, is looked up again after that. */
const TICKS_TO_FAILED = 10;

const OLD_STAY = "The old commands stay: their files are being changed";

const NO_MEMORY: LowerUserMemory = {
  load: () => Promise.resolve(undefined),
  save: () => Promise.resolve(),
};

const log = logFor("commands");

/** Returns the commands, which are being loaded. */
export function createCommandCatalogue(options: CatalogueOptions): LoadedCatalogue {
  const { role, sources, users, tick = everyTick, restMs = REST_MS, waitMs = WAIT_MS } = options;
  const { load = loadGeneration, lowerUsers: memory = NO_MEMORY } = options;
  const lowerUsers = createLowerUsers({ role, users, uidOf: () => sources().uid, memory });
  const closed = new AbortController();
  let current: LoadedCommands | undefined;
  let refreshing: Promise<boolean> | undefined;

  const loadAtRest = createCommandLoader({ sources, users, load, restMs, waitMs, signal: closed.signal });
  const refresh = (isAsked = false): Promise<boolean> => {
    refreshing ??= (async () => {
      try {
        const loaded = await loadAtRest();
        if (loaded === undefined) return false;
        current = { ...loaded, files: await lowerUsers.apply(loaded.files, isAsked) };
        return true;
      } catch (thrown) {
        // The old commands stay, and calls of changed ones are refused.
        log.error(`Cannot load the commands: ${NegotiatorError.from(thrown).message}`);
        return false;
      } finally {
        refreshing = undefined;
      }
    })();
    return refreshing;
  };
  void refresh();

  const present = (): LoadedCommands | undefined => {
    current = current && withPresentMounts(current);
    return current;
  };

  /** Waits until the commands are those that `isFresh` wants, or the time is over. */
  const settle = async (
    isFresh: (loaded: LoadedCommands) => boolean,
    mostMs = waitMs,
  ): Promise<LoadedCommands | undefined> => {
    const endMs = performance.now() + mostMs;
    for (;;) {
      const loaded = present();
      if (loaded !== undefined && isFresh(loaded)) return loaded;
      if (performance.now() >= endMs) return undefined;
      const left = new AbortController();
      await Promise.race([refresh(), pause(Math.max(0, endMs - performance.now()), left.signal)]);
      left.abort();
    }
  };
  const pinned = new WeakMap<Command, CommandFile>();

  const find: CommandCatalogue["find"] = async (name, isOffered, { words, timeoutMs = 0 } = {}) => {
    const calledMs = performance.now();
    const mostMs = timeoutMs > 0 ? Math.min(timeoutMs, waitMs) : waitMs;
    const loaded = await settle((candidate) => isFreshFor(name, candidate, calledMs), mostMs);
    if (loaded === undefined) throw mostMs < waitMs ? tooLate(name) : beingChanged(name, role);
    const command = findInGeneration(name, loaded, isOffered, words ?? sources());
    const file = loaded.files.get(name);
    if (file !== undefined && loaded.localFiles.has(name)) pinned.set(command, file);
    return command;
  };
  let ticks = 0;
  const timer = tick(() => {
    ticks++;
    if (ticks % TICKS_TO_FAILED === 0) users.clearFailed();
    const loaded = refreshing === undefined ? present() : undefined;
    if (loaded !== undefined && !areAllCurrent(loaded.localPins))
      void refresh().then((isAtRest) => isAtRest && log.debug("The commands were read again"));
  });
  return {
    find,
    has: (name) => current !== undefined && hasCommand(name, current),
    check(command) {
      const file = pinned.get(command);
      const isLocal = present()?.localFiles.has(command.name) === true;
      if (file !== undefined && !(isLocal && arePinsCurrent(file.pins)))
        throw beingChanged(command.name, role);
    },
    async list() {
      const calledMs = performance.now();
      const loaded = await settle(
        ({ localPins, listPins, startedMs }) =>
          arePinsCurrent(localPins) && (listPins !== undefined || startedMs >= calledMs - NEW_MS),
      );
      // Files that never come to rest must not hide all others.
      const known = loaded ?? current;
      if (known === undefined) throw beingChanged("any command", role);
      return listGeneration({ ...known, sources: sources() });
    },
    async reload() {
      // A load that runs already may have begun before the files were as they are now.
      for (let before = refreshing; before !== undefined; before = refreshing) await before;
      const problem = (await refresh(true)) ? undefined : OLD_STAY;
      return { problem, warnings: current === undefined ? [] : warnOf(listGeneration(current), role) };
    },
    [Symbol.dispose]() {
      closed.abort();
      timer[Symbol.dispose]();
    },
  };
}

function hasCommand(name: string, { files, sources }: LoadedCommands): boolean {
  return files.has(name) || sources.builtins.some((builtin) => builtin.name === name);
}

/** Whether the commands hold for a call of `name` that came at `calledMs`. */
function isFreshFor(name: string, loaded: LoadedCommands, calledMs: number): boolean {
  const { files, localFiles, listPins, startedMs } = loaded;
  const file = files.get(name);
  if (file !== undefined && localFiles.has(name)) return arePinsCurrent(file.pins);
  if (file === undefined && listPins !== undefined) return arePinsCurrent(listPins);
  // A look could hang here, so the commands are judged again, in a child.
  return startedMs >= (file?.kind === "usable" ? calledMs : calledMs - NEW_MS);
}

function warnOf({ problems, refusedNames }: CommandList, role: "host" | "guest"): string[] {
  const count = problems.length + refusedNames.length;
  if (count === 0) return [];
  const files = count === 1 ? "1 file is" : `${count} files are`;
  return [`${files} not offered as a command; see why: negotiator ${role} check-commands`];
}

function tooLate(name: string): NegotiatorError {
  const problem = "its deadline passed while its files were being changed";
  return new NegotiatorError("TIMEOUT", `Cannot run "${printable(shorten(name, 100))}": ${problem}`, {
    remedy: "Give it more time with --timeout SECONDS",
  });
}

function beingChanged(name: string, role: "host" | "guest"): NegotiatorError {
  const shown = printable(shorten(name, 100));
  const full = new NegotiatorError("BUSY", `Cannot run "${shown}": its files are being changed`, {
    remedy: `Wait until they are complete, then load them: negotiator ${role} reload`,
  });
  return cannotRun(shown, "its files are being changed", full);
}
