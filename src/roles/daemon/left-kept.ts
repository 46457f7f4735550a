/** Takes the detached calls over that a daemon before this one has left in its directory. */
import { readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import type { FrozenKeptCommands } from "../../methods/kept/kept-commands.ts";
import { printable } from "../../printable.ts";
import { KEPT_FILE, readKeptFile } from "./kept-file.ts";
import type { LeftKept } from "./kept-file.ts";

const log = logFor("detached");

/**
 * Returns the calls that the last daemon of this role has left, and gives its directory the name `directory`.
 * Removes what other daemons have left, and a file that cannot be used, which is logged. `hasOwn`: the calls
 * in `directory` are known already, and nothing is taken over.
 */
export function takeLeftKept(
  role: "host" | "guest",
  directory: string,
  hasOwn: boolean,
): FrozenKeptCommands | undefined {
  const own = basename(directory);
  try {
    const left = readdirSync(dirname(directory))
      .filter((name) => name.startsWith(role) && OF_A_DAEMON.test(name) && !(hasOwn && name === own))
      .map((name) => read(dirname(directory), name))
      .filter((each) => isLeft(each, directory));
    const newest = hasOwn ? undefined : left.reduce<Left | undefined>(newer, undefined);
    for (const each of left) if (each !== newest) rmSync(each.path, { recursive: true });
    if (newest?.list === undefined) return undefined;
    if (newest.path !== directory) renameSync(newest.path, directory);
    removeStrays(directory, newest.list.kept);
    return newest.list.kept;
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") warn("Cannot take over old detached calls", dirname(directory), thrown);
    return undefined;
  }
}

type Left = { path: string; list: LeftKept | undefined };

const OF_A_DAEMON = /^(?:host|guest)\.\d+$/;

/** A daemon before us may have had our number, and one before the last boot that of any process. */
function isLeft({ path, list }: Left, own: string): boolean {
  if (path === own || list?.isOfThisBoot === false) return true;
  const [, pid = ""] = path.split(/\.(?=\d+$)/);
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false }) === undefined;
}

function read(place: string, name: string): Left {
  const path = join(place, name);
  try {
    return { path, list: readKeptFile(path) };
  } catch (thrown) {
    warn("The detached calls of the daemon before are forgotten", path, thrown);
    return { path, list: undefined };
  }
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

function warn(what: string, path: string, thrown: unknown): void {
  log.error(`${what}: "${printable(path)}" cannot be used: ${NegotiatorError.from(thrown).message}`);
}
