/** The commands that peers can call: executables in the command directories, then built-in ones. */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { judge } from "../trust/local-paths.ts";
import { judgeLater, Unseen } from "../trust/look.ts";
import type { Eyes, Seen } from "../trust/look.ts";
import { nearest } from "../nearest.ts";
import { printable } from "../printable.ts";
import { shorten } from "../shorten.ts";
import { decodeUtf8, showBytes } from "../strict/utf8.ts";
import type { TrustFault } from "../trust/ownership.ts";
import type { Builtin } from "./builtin/builtins.ts";
import { readComment, readDescription } from "./describe.ts";
import type { CommandDescription } from "./describe.ts";
import { inspectDirectory, inspectFile } from "./inspect.ts";
import type { FileState } from "./inspect.ts";
import { cannotRun, fullErrorOf } from "./public-error.ts";

/** The sources of commands. The first directory with a file of that name decides, then the built-ins. */
export type CommandSources = {
  directories: readonly string[];
  builtins: readonly Builtin[];
  /** Our own user id. Root and this user may own commands. */
  uid: number;
  /** The role of this machine, for messages. */
  role?: "host" | "guest";
  /** The command line that lists the commands on this machine, for messages to its administrator. */
  lister?: string;
  /** Returns the command line that checks a command on this machine, for messages to its administrator. */
  checker?: (command: string) => string;
};

/** A command that can be run; `path` is absolute. */
export type Command =
  | (CommandDescription & { name: string; kind: "user"; path: string })
  | { name: string; kind: "builtin"; description: string; builtin: Builtin };

/**
 * `problems` are the full errors of files and directories that are meant for commands and unsafe: for our own
 * log.
 */
export type CommandList = { commands: Command[]; problems: NegotiatorError[] };

/**
 * Returns all commands, sorted by name. A file that is not executable is neither a command nor a problem.
 * Rejects if a directory cannot be read.
 *
 * Adds everything that the list depends on to `seen`, each path before its content is read: if all of it is
 * still the same, the list is too.
 */
export async function listCommands(sources: CommandSources, seen: Seen = new Map()): Promise<CommandList> {
  const found = new Map<string, Command | undefined>();
  const problems: NegotiatorError[] = [];
  for (const directory of sources.directories) {
    const fault = await judgeLater((eyes) => inspectDirectory(directory, sources.uid, eyes), seen);
    const { names: all, unreadable } = await readNames(directory, seen);
    problems.push(...unreadable);
    if (all.length > 0 && fault !== undefined) problems.push(unsafeDirectory(directory, fault));
    const names = all.filter((name) => !found.has(name));
    const files = await Promise.all(names.map((name) => describe(directory, name, sources, seen)));
    for (const [index, name] of names.entries()) {
      const file = files[index];
      if (file === undefined || file.kind === "absent") continue;
      // A file that must not be run still hides later commands of its name, as in `resolveCommand`.
      found.set(name, file.kind === "user" && fault === undefined ? file : undefined);
      if (file.kind === "unsafe") problems.push(fullErrorOf(file.error));
    }
  }
  for (const builtin of sources.builtins) {
    if (!found.has(builtin.name)) found.set(builtin.name, fromBuiltin(builtin));
  }
  const commands = [...found.values()].filter((command) => command !== undefined);
  return { commands: commands.sort(byName), problems };
}

/**
 * Returns the command with that name, without the description from its script. Throws public errors (see
 * `public-error.ts`): `NO_COMMAND` with similar names that `isOffered` accepts, `NOT_EXECUTABLE` for a file
 * that must not be run, `BAD_CONFIG` for an unusable description.
 *
 * The file is checked here and run later. Only users who may write to its directory can replace it in
 * between. The checks allow only root and our own user there, and we do not protect against them. A link is
 * as safe as the place it leads to.
 */
export async function resolveCommand(
  name: string,
  sources: CommandSources,
  isOffered: (name: string) => boolean,
): Promise<Command> {
  if (isCommandName(name)) {
    const file = await judge((eyes) => findFile(name, sources, eyes));
    if (file !== undefined) return file;
    const builtin = sources.builtins.find((candidate) => candidate.name === name);
    if (builtin !== undefined) return fromBuiltin(builtin);
  }
  // Names come from peers, and an error must not grow with them.
  const shown = printable(shorten(name, 100));
  const { commands } = await listCommands(sources);
  const offered = commands.map((command) => command.name).filter(isOffered);
  const isPath = name.includes("/");
  const guesses = nearest(isPath ? basename(name) : name, offered).map((guess) => `"${guess}"`);
  const problem = isPath
    ? "a command is called by its name, not by a path"
    : `it is not a command of negotiator${placeOf(sources)}`;
  // Without a lister the caller adds a remedy: it knows by which name it calls us.
  const { lister } = sources;
  const remedy =
    guesses.length > 0
      ? `Did you mean ${guesses.join(" or ")}?`
      : lister === undefined
        ? undefined
        : `Look what there is: ${lister}`;
  throw new NegotiatorError("NO_COMMAND", `Cannot run "${shown}": ${problem}`, {
    ...(remedy !== undefined && { remedy }),
  });
}

function placeOf({ role }: CommandSources): string {
  if (role === undefined) return "";
  return role === "guest" ? " in the guest" : " on the host";
}

type UserCommand = Extract<Command, { kind: "user" }>;
type Examined = UserCommand | Exclude<FileState, { kind: "usable" }>;

function findFile(name: string, sources: CommandSources, eyes: Eyes): Command | undefined {
  const { directories, uid } = sources;
  for (const directory of directories) {
    const fault = inspectDirectory(directory, uid, eyes);
    const file = examine(directory, name, sources, eyes);
    if (file.kind === "absent") continue;
    if (fault !== undefined) {
      const reason = `the directory it is in ${fault.publicProblem}`;
      throw cannotRun(name, reason, unsafeDirectory(directory, fault));
    }
    if (file.kind === "user") return file;
    throw file.error;
  }
  return undefined;
}

function examine(directory: string, name: string, { uid, checker }: CommandSources, eyes: Eyes): Examined {
  const path = join(directory, name);
  const state = inspectFile(path, uid, eyes);
  if (state.kind !== "usable") return state;
  const remedy = checker && `Correct the file, then check it: ${checker(name)}`;
  try {
    return { name, kind: "user", path, ...readDescription(path, uid, eyes, remedy) };
  } catch (thrown) {
    if (thrown instanceof Unseen) throw thrown;
    return unusableDescription(name, thrown);
  }
}

async function describe(
  directory: string,
  name: string,
  sources: CommandSources,
  seen: Seen,
): Promise<Examined> {
  const file = await judgeLater((eyes) => examine(directory, name, sources, eyes), seen);
  if (file.kind !== "user" || file.description !== undefined) return file;
  try {
    const description = await readComment(file.path);
    return description === undefined ? file : { ...file, description };
  } catch (thrown) {
    return unusableDescription(name, thrown);
  }
}

function unusableDescription(name: string, thrown: unknown): Examined {
  const full = NegotiatorError.from(thrown);
  return { kind: "unsafe", error: cannotRun(name, "its description cannot be used", full) };
}

/** `unreadable` are the problems with names that are not UTF-8. */
type Names = { names: string[]; unreadable: NegotiatorError[] };

async function readNames(directory: string, seen: Seen): Promise<Names> {
  await judgeLater((eyes) => eyes.targetStatusOf(directory), seen);
  const found: Names = { names: [], unreadable: [] };
  for (const bytes of await readEntries(directory)) {
    const name = decodeUtf8(bytes);
    const shown = name ?? showBytes(bytes);
    if (!isCommandName(shown)) continue;
    if (name !== undefined) found.names.push(name);
    else found.unreadable.push(unreadableName(directory, shown));
  }
  return found;
}

async function readEntries(directory: string): Promise<Uint8Array[]> {
  try {
    return await readdir(directory, { encoding: "buffer" });
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}

function unreadableName(directory: string, shown: string): NegotiatorError {
  const message = `Cannot use the file "${shown}" in "${printable(directory)}": its name is not UTF-8`;
  return new NegotiatorError("NOT_EXECUTABLE", message, { remedy: "Rename it" });
}

/** The longest file name on Linux (NAME_MAX). */
const MAX_NAME_BYTES = 255;

/** Editors and package managers leave old versions beside a file. They are not meant as commands. */
const LEFTOVER = /~$|\.(?:bak|orig|swp|dpkg-[a-z]+|rpm(?:new|orig|save))$/;

function isCommandName(name: string): boolean {
  if (name === "" || Buffer.byteLength(name) > MAX_NAME_BYTES) return false;
  return !/^\.|\/|\.toml$/.test(name) && !LEFTOVER.test(name) && printable(name) === name;
}

function unsafeDirectory(path: string, { problem, remedy }: TrustFault): NegotiatorError {
  const message = `Cannot use commands in "${path}": ${problem}`;
  return new NegotiatorError("NOT_EXECUTABLE", message, { remedy });
}

function fromBuiltin(builtin: Builtin): Command {
  return { name: builtin.name, kind: "builtin", description: builtin.description, builtin };
}

function byName(one: Command, other: Command): number {
  return one.name < other.name ? -1 : Number(one.name > other.name);
}
