/** Takes the detached calls over that a daemon before this one has left in its directory. */
import { readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import type { FrozenKeptCommands } from "../../methods/kept/kept-commands.ts";
import { printable } from "../../printable.ts";
import { walkLocally } from "../../process/mount-table.ts";
import { answerForFiles, askForFiles } from "../../trust/late-files.ts";
import type { FilesAnswer } from "../../trust/late-files.ts";
import { KEPT_FILE, readKeptFile } from "./kept-file.ts";
import type { LeftKept } from "./kept-file.ts";

/** The calls that were taken over, and what to log. */
export type TakenKept = { kept?: FrozenKeptCommands; problems: string[] };

/** Where the daemons of a role leave their calls, and the directory of this one. */
export type KeptPlace = { role: "host" | "guest"; directory: string; hasOwn: boolean };

/** The question of a child that takes calls over. */
export type KeptQuestion = KeptPlace & { kind: "kept"; path: string };

/** Resolves with what `takeLeftKept` returns, or rejects with `TIMEOUT`: a child does it if it could hang. */
export async function takeLeftKeptLate(place: KeptPlace): Promise<TakenKept> {
  if (areLocal(place)) return takeLeftKept(place);
  const question: KeptQuestion = { kind: "kept", path: dirname(place.directory), ...place };
  const { kept, problems } = await askForFiles<TakenKept>(question);
  return kept === undefined ? { problems } : { kept: withBytes(kept), problems };
}

/** Answers the question, and may wait. */
export function answerKept(question: KeptQuestion): FilesAnswer<TakenKept> {
  return answerForFiles(() => takeLeftKept(question));
}

/** Whether neither the place nor a list in it can hang. */
function areLocal({ role, directory }: KeptPlace): boolean {
  const place = dirname(directory);
  const { path } = walkLocally(place) ?? {};
  if (path === undefined) return false;
  try {
    const names = readdirSync(path).filter((name) => isOf(role, name));
    return names.every((name) => walkLocally(join(path, name, KEPT_FILE)) !== undefined);
  } catch {
    // Nothing to read there, and the take-over says why.
    return true;
  }
}

/** JSON has no bytes. A list has none of its output. */
function withBytes({ fileCount, commands }: FrozenKeptCommands): FrozenKeptCommands {
  const pending = new Uint8Array(0);
  return {
    fileCount,
    commands: commands.map((command) => ({
      ...command,
      stdout: { ...command.stdout, pending },
      stderr: { ...command.stderr, pending },
    })),
  };
}

/**
 * Returns the calls that the last daemon of this role has left, and gives its directory the name `directory`.
 * Removes what other daemons have left, and a file that cannot be used, which is a problem. `hasOwn`: the
 * calls in `directory` are known already, and nothing is taken over. May wait.
 */
export function takeLeftKept({ role, directory, hasOwn }: KeptPlace): TakenKept {
  const own = basename(directory);
  const problems: string[] = [];
  const warn = (what: string, path: string, thrown: unknown): void => {
    const { message } = NegotiatorError.from(thrown);
    problems.push(`${what}: "${printable(path)}" cannot be used: ${message}`);
  };
  const read = (place: string, name: string): Left => {
    const path = join(place, name);
    try {
      return { path, list: readKeptFile(path) };
    } catch (thrown) {
      warn("The detached calls of the daemon before are forgotten", path, thrown);
      return { path, list: undefined };
    }
  };
  try {
    const left = readdirSync(dirname(directory))
      .filter((name) => isOf(role, name) && !(hasOwn && name === own))
      .map((name) => read(dirname(directory), name))
      .filter((each) => isLeft(each, directory));
    const newest = hasOwn ? undefined : left.reduce<Left | undefined>(newer, undefined);
    for (const each of left) if (each !== newest) rmSync(each.path, { recursive: true });
    if (newest?.list === undefined) return { problems };
    if (newest.path !== directory) renameSync(newest.path, directory);
    removeStrays(directory, newest.list.kept);
    return { kept: newest.list.kept, problems };
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") warn("Cannot take over old detached calls", dirname(directory), thrown);
    return { problems };
  }
}

type Left = { path: string; list: LeftKept | undefined };

function isOf(role: KeptPlace["role"], name: string): boolean {
  return name.startsWith(role) && /^(?:host|guest)\.\d+$/.test(name);
}

/** A daemon before us may have had our number, and one before the last boot that of any process. */
function isLeft({ path, list }: Left, own: string): boolean {
  if (path === own || list?.isOfThisBoot === false) return true;
  const [, pid = ""] = path.split(/\.(?=\d+$)/);
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false }) === undefined;
}

function newer(one: Left | undefined, other: Left): Left | undefined {
  if (other.list === undefined) return one;
  return one?.list !== undefined && one.list.savedMs >= other.list.savedMs ? one : other;
}

/** A killed daemon leaves the output of calls that are not in its list yet. */
function removeStrays(directory: string, { commands }: FrozenKeptCommands): void {
  const known = new Set([KEPT_FILE]);
  for (const { number, stdout, stderr } of commands) {
    if (stdout.hasFile) known.add(`${number}.stdout`);
    if (stderr.hasFile) known.add(`${number}.stderr`);
  }
  for (const name of readdirSync(directory))
    if (!known.has(name)) rmSync(join(directory, name), { recursive: true });
}
