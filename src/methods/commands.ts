/** The commands that a peer may name: executables in the command directories, then the built-in ones. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { printable } from "../printable.ts";
import type { Builtin } from "./builtin/builtins.ts";
import { readDescription } from "./describe.ts";
import type { CommandDescription } from "./describe.ts";
import { inspectDirectory, inspectFile } from "./inspect.ts";
import type { FileState } from "./inspect.ts";
import { refusal } from "./refusal.ts";

/** Where commands come from. The first directory that has a file of the name decides, then the built-ins. */
export type CommandSources = {
  directories: readonly string[];
  builtins: readonly Builtin[];
  /** Our own user id: root and this user may own commands. */
  uid: number;
};

/** A command that can be run. */
export type Command =
  | (CommandDescription & { name: string; kind: "user"; path: string })
  | { name: string; kind: "builtin"; description: string; builtin: Builtin };

/** `problems` tells of files meant as commands that may not be used, and of such directories: for our own log. */
export type CommandList = { commands: Command[]; problems: NegotiatorError[] };

/**
 * Everything that can be run, sorted by name. Files that are not executable are no commands and no problem. Rejects if
 * a directory cannot be read.
 */
export async function listCommands(sources: CommandSources): Promise<CommandList> {
  const found = new Map<string, Command | undefined>();
  const problems: NegotiatorError[] = [];
  for (const directory of sources.directories) {
    const names = await readNames(directory);
    const flaw = names.length === 0 ? undefined : await inspectDirectory(directory, sources.uid);
    if (flaw !== undefined) problems.push(flaw.error);
    for (const name of names) {
      if (found.has(name)) continue;
      const file = await examine(directory, name, sources.uid);
      if (file.kind === "absent") continue;
      // What may not be run still hides what has its name further on: it would be refused if asked for.
      found.set(name, file.kind === "user" && flaw === undefined ? file : undefined);
      if (file.kind === "unsafe") problems.push(file.flaw.error);
    }
  }
  for (const builtin of sources.builtins) {
    if (!found.has(builtin.name)) found.set(builtin.name, fromBuiltin(builtin));
  }
  const commands = [...found.values()].filter((command) => command !== undefined);
  return { commands: commands.sort(byName), problems };
}

/**
 * The command of that name. Throws `NO_COMMAND`, with those names that may have been meant and that `isOffered` lets the
 * caller know of; `NOT_EXECUTABLE` for a file that may not be run; `BAD_CONFIG` for a broken description beside it. The
 * latter two are short accounts (`refusal`): the path and the remedy are in their cause.
 *
 * The file is looked at here and run later. In between, only those can exchange it who may write to its directory, and
 * the checks see to it that these are root and ourselves: nobody is protected from them. A link out of the directory is
 * as safe as the place it leads to.
 */
export async function resolveCommand(
  name: string,
  sources: CommandSources,
  isOffered: (name: string) => boolean,
): Promise<Command> {
  if (isCommandName(name)) {
    for (const directory of sources.directories) {
      const file = await examine(directory, name, sources.uid);
      if (file.kind === "absent") continue;
      const misplaced = await inspectDirectory(directory, sources.uid);
      if (misplaced !== undefined) throw refusal(name, misplaced);
      if (file.kind === "user") return file;
      throw refusal(name, file.flaw);
    }
    const builtin = sources.builtins.find((candidate) => candidate.name === name);
    if (builtin !== undefined) return fromBuiltin(builtin);
  }
  const { commands } = await listCommands(sources);
  const offered = commands.map((command) => command.name).filter(isOffered);
  const guesses = nearest(name, offered).map((guess) => `"${guess}"`);
  throw new NegotiatorError("NO_COMMAND", `Cannot run "${quote(name)}": there is no such command`, {
    remedy:
      guesses.length === 0 ? "list-commands shows what there is" : `Did you mean ${guesses.join(" or ")}?`,
  });
}

type UserCommand = Extract<Command, { kind: "user" }>;

/** What a directory has under a name. */
async function examine(
  directory: string,
  name: string,
  uid: number,
): Promise<UserCommand | Exclude<FileState, { kind: "usable" }>> {
  const path = join(directory, name);
  const state = await inspectFile(path, uid);
  if (state.kind !== "usable") return state;
  try {
    return { name, kind: "user", path, ...(await readDescription(path, uid)) };
  } catch (error) {
    const flaw = { reason: "its description cannot be used", error: NegotiatorError.from(error) };
    return { kind: "unsafe", flaw };
  }
}

/** The names in a directory that could be commands; none if there is no such directory. */
async function readNames(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).filter(isCommandName);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}

/** The longest name that a file can have. */
const MAX_NAME_BYTES = 255;

/** What editors and package managers leave beside a file: the old version of a command that nobody means to offer. */
const LEFTOVER = /~$|\.(?:bak|orig|swp|dpkg-[a-z]+|rpm(?:new|orig|save))$/;

function isCommandName(name: string): boolean {
  if (name === "" || Buffer.byteLength(name) > MAX_NAME_BYTES) return false;
  return !/^\.|\/|\.toml$/.test(name) && !LEFTOVER.test(name) && printable(name) === name;
}

/** Names come from peers, and an error must not grow with them. */
function quote(name: string): string {
  return printable(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}

function fromBuiltin(builtin: Builtin): Command {
  return { name: builtin.name, kind: "builtin", description: builtin.description, builtin };
}

function byName(one: Command, other: Command): number {
  return one.name < other.name ? -1 : Number(one.name > other.name);
}
