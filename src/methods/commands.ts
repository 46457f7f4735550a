/** The commands that peers can call: executables in the command directories, then built-in ones. */
import { basename } from "node:path";
import { NegotiatorError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { printable } from "../printable.ts";
import { shorten } from "../shorten.ts";
import type { Builtin } from "./builtin/builtins.ts";
import type { CommandDirectory, CommandFile, CommandRefusal, SearchPath } from "./command-files.ts";
import { isCommandName } from "./command-name.ts";
import { DESCRIPTION_REMEDY } from "./describe.ts";
import type { CommandDescription } from "./describe.ts";
import { loadDirectory, loadSearchPath } from "./load-directory.ts";
import { cannotRun } from "./public-error.ts";

/** The sources of commands. The first directory with a file of that name decides, then the built-ins. */
export type CommandSources = {
  directories: readonly string[];
  builtins: readonly Builtin[];
  /** Our own user id. Root and this user may own commands. */
  uid: number;
  /** Patterns of further names that files may have. */
  moreNames?: readonly string[];
  /** Whether the commands run on another machine, with the interpreters and the PATH of that one. */
  runElsewhere?: boolean;
} & CommandWords;

/** Words for messages to the administrator of this machine. */
export type CommandWords = {
  /** The role of this machine. */
  role?: "host" | "guest";
  /** The command line that lists the commands on this machine. */
  lister?: string;
  /** Returns the command line that checks a command on this machine. */
  checker?: (command: string) => string;
};

/** A command that can be run; `path` is absolute. */
export type Command =
  | (CommandDescription & { name: string; kind: "user"; path: string })
  | { name: string; kind: "builtin"; description: string; builtin: Builtin };

/**
 * `problems` are the full errors of files and directories that are meant for commands and unsafe: for our own
 * log. `refusedNames` are the paths of executables whose names are not offered.
 */
export type CommandList = {
  commands: Command[];
  problems: NegotiatorError[];
  refusedNames: readonly string[];
};

/** A directory that was judged, or could not be. */
export type LoadedDirectory = CommandDirectory | { directory: string; failure: NegotiatorError };

/**
 * All directories as they were judged together. `files` has the file that decides for each name. No name is
 * known that only a directory behind `failure` has: the failed one may have the name too.
 */
export type Generation = {
  sources: CommandSources;
  searchPath: SearchPath;
  directories: readonly LoadedDirectory[];
  files: ReadonlyMap<string, CommandFile>;
  failure: NegotiatorError | undefined;
};

/** Resolves with the directories as they are now. Never rejects. */
export async function loadGeneration(sources: CommandSources): Promise<Generation> {
  const { uid, moreNames = [], runElsewhere } = sources;
  const searchPath: SearchPath = runElsewhere === true ? { pins: [] } : await loadSearchPath(uid);
  const directories = await Promise.all(
    sources.directories.map(async (directory): Promise<LoadedDirectory> => {
      try {
        return await loadDirectory({ directory, uid, moreNames, runElsewhere, pathFault: searchPath.fault });
      } catch (thrown) {
        return { directory, failure: explainFailure(directory, thrown) };
      }
    }),
  );
  const files = new Map<string, CommandFile>();
  for (const loaded of directories) {
    if ("failure" in loaded) return { sources, searchPath, directories, files, failure: loaded.failure };
    for (const file of loaded.files) if (!files.has(file.name)) files.set(file.name, file);
  }
  return { sources, searchPath, directories, files, failure: undefined };
}

/** Returns all commands of a generation, sorted by name. A file that is not executable is not a problem. */
export function listGeneration({ sources, directories, files }: Generation): CommandList {
  const { checker } = sources;
  const commands = [...files.values()].flatMap((file) => (file.kind === "usable" ? [toCommand(file)] : []));
  const builtins = sources.builtins.filter(({ name }) => !files.has(name)).map(fromBuiltin);
  const unsafe = [...files.values()].flatMap((file) =>
    file.kind === "unsafe" ? [toFullError(file.name, file.refusal, checker)] : [],
  );
  const ofDirectories = directories.flatMap((loaded) =>
    "failure" in loaded ? [loaded.failure] : loaded.problems.map(toError),
  );
  const refusedNames = directories.flatMap((loaded) =>
    "failure" in loaded ? [] : loaded.refusedNames.map((name) => `${loaded.directory}/${name}`),
  );
  const all = [...commands, ...builtins].sort(byName);
  // A refused directory says it once for all its files.
  const known = new Set(ofDirectories.map(({ message }) => message));
  const problems = [...ofDirectories, ...unsafe.filter(({ message }) => !known.has(message))];
  return { commands: all, problems, refusedNames };
}

/**
 * Returns the command with that name in a generation. Throws public errors (see `public-error.ts`):
 * `NO_COMMAND` with similar names that `isOffered` accepts, `NOT_EXECUTABLE` for a file that must not be run,
 * `BAD_CONFIG` for an unusable description. `words` replace those of the sources.
 */
export function findInGeneration(
  name: string,
  generation: Generation,
  isOffered: (name: string) => boolean,
  words: CommandWords = generation.sources,
): Command {
  const { sources, files, failure } = generation;
  const file = files.get(name);
  if (file?.kind === "usable") return toCommand(file);
  if (file !== undefined) {
    const { reason, code } = file.refusal;
    const full = toFullError(name, file.refusal, words.checker);
    throw new NegotiatorError(code, `Cannot run "${name}": ${reason}`, { cause: full });
  }
  const { builtins } = sources;
  const builtin = builtins.find((candidate) => candidate.name === name);
  if (builtin !== undefined) return fromBuiltin(builtin);
  if (failure !== undefined && isCommandName(name, sources.moreNames))
    throw cannotRun(name, "a directory of commands cannot be read", failure);
  throw noCommand(name, listGeneration(generation).commands, isOffered, words);
}

/** Resolves with the commands as they are now, as `listGeneration` does. */
export async function listCommands(sources: CommandSources): Promise<CommandList> {
  return listGeneration(await loadGeneration(sources));
}

/** Resolves with the command as it is now. Rejects as `findInGeneration` throws. */
export async function resolveCommand(
  name: string,
  sources: CommandSources,
  isOffered: (name: string) => boolean,
): Promise<Command> {
  return findInGeneration(name, await loadGeneration(sources), isOffered);
}

function noCommand(
  name: string,
  commands: readonly Command[],
  isOffered: (name: string) => boolean,
  { role, lister }: CommandWords,
): NegotiatorError {
  // Names come from peers, and an error must not grow with them.
  const shown = printable(shorten(name, 100));
  const offered = commands.map((command) => command.name).filter(isOffered);
  const isPath = name.includes("/");
  const guesses = nearest(isPath ? basename(name) : name, offered).map((guess) => `"${guess}"`);
  const place = role === undefined ? "" : role === "guest" ? " in the guest" : " on the host";
  const problem = isPath
    ? "a command is called by its name, not by a path"
    : `it is not a command of negotiator${place}`;
  // Without a lister the caller adds a remedy: it knows by which name it calls us.
  const remedy =
    guesses.length > 0
      ? `Did you mean ${guesses.join(" or ")}?`
      : lister === undefined
        ? undefined
        : `Look what there is: ${lister}`;
  return new NegotiatorError("NO_COMMAND", `Cannot run "${shown}": ${problem}`, {
    ...(remedy !== undefined && { remedy }),
  });
}

function explainFailure(directory: string, thrown: unknown): NegotiatorError {
  const { message } = NegotiatorError.from(thrown);
  const shown = printable(directory);
  return new NegotiatorError("NOT_EXECUTABLE", `Cannot read commands in "${shown}": ${message}`);
}

function toFullError(
  name: string,
  { code, full }: CommandRefusal,
  checker: CommandWords["checker"],
): NegotiatorError {
  const checked = checker && `Correct the file, then check it: ${checker(name)}`;
  return new NegotiatorError(code, full.replace(DESCRIPTION_REMEDY, checked ?? DESCRIPTION_REMEDY));
}

function toError(message: string): NegotiatorError {
  return new NegotiatorError("NOT_EXECUTABLE", message);
}

function toCommand({ name, path, description }: CommandFile & { kind: "usable" }): Command {
  return { name, kind: "user", path, ...description };
}

function fromBuiltin(builtin: Builtin): Command {
  return { name: builtin.name, kind: "builtin", description: builtin.description, builtin };
}

function byName(one: Command, other: Command): number {
  return one.name < other.name ? -1 : Number(one.name > other.name);
}
