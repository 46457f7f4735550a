/** Gives a command its own cgroup below that of this process, with bounds for memory and processes. */
import { lstatSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { shellWord } from "../shell-word.ts";
import { readListAttribute } from "../trust/system-calls.ts";
import { findCgroupMount, placeOf } from "./cgroup-place.ts";

/** Bounds of a command with all its processes. Undefined: no bound. */
export type ResourceLimits = { memoryMaxBytes?: number | undefined; tasksMax?: number | undefined };

/**
 * A cgroup that does not exist yet. The helper makes the directory, writes the files in it, and moves itself
 * there, before it starts the command.
 */
export type CgroupPlan = { directory: string; files: Readonly<Record<string, string>> };

/** The places of facts about cgroups; tests replace them. */
export type CgroupPlaces = {
  /** A directory like `/proc/self`. */
  self?: string;
  /** A directory that exists if systemd runs this machine. */
  systemd?: string;
  attribute?: (path: string, name: string) => string | undefined;
};

/** Whether any bound is set. */
export function hasLimits({ memoryMaxBytes, tasksMax }: ResourceLimits): boolean {
  return memoryMaxBytes !== undefined || tasksMax !== undefined;
}

/**
 * Resolves with the plan of a new cgroup. Rejects with `BAD_CONFIG` if this system has no cgroups of version
 * 2, or this process may not divide its own: a bound that was asked for is never left out.
 */
export async function planCgroup(limits: ResourceLimits, places: CgroupPlaces = {}): Promise<CgroupPlan> {
  const files = filesFor(limits);
  const base = await findBase(places);
  const controllers = [...new Set(Object.keys(files).map((name) => name.split(".", 1)[0] ?? ""))];
  await enableControllers(base, controllers);
  return { directory: join(base, `${COMMAND_PREFIX}${crypto.randomUUID()}`), files };
}

/**
 * Removes the cgroup of a command. Processes that the command left behind keep it, so this tries again, with
 * growing pauses, until they have ended. Returns at once.
 */
export function removeCgroup({ directory }: CgroupPlan, pauseMs = FIRST_PAUSE_MS): void {
  rmdir(directory).catch((thrown: unknown) => {
    if (errnoOf(thrown) !== "EBUSY") return;
    const again = (): void => removeCgroup({ directory, files: {} }, Math.min(2 * pauseMs, LONGEST_PAUSE_MS));
    setTimeout(again, pauseMs).unref();
  });
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 60_000;
const COMMAND_PREFIX = "command-";
/** Where this process and all commands without bounds go: only a cgroup without processes can be divided. */
const OWN_NAME = "daemon";

function filesFor({ memoryMaxBytes, tasksMax }: ResourceLimits): Record<string, string> {
  return {
    ...(memoryMaxBytes === undefined ? {} : { "memory.max": String(memoryMaxBytes) }),
    ...(tasksMax === undefined ? {} : { "pids.max": String(tasksMax) }),
  };
}

/** Returns the directory of the cgroup that this process may divide. */
async function findBase({
  self = "/proc/self",
  systemd = "/run/systemd/system",
  attribute = readAttribute,
}: CgroupPlaces): Promise<string> {
  const [, path] = /^0::(\/.*)$/m.exec(await readFile(join(self, "cgroup"), "utf8")) ?? [];
  const mount = findCgroupMount(await readFile(join(self, "mountinfo"), "utf8"), /^cgroup2 /);
  if (path === undefined || mount === undefined || path.startsWith("/.."))
    throw refusal("this system has no cgroups of version 2", "Boot with: systemd.unified_cgroup_hierarchy=1");
  const own = placeOf(path, mount);
  const isDelegated = (directory: string): boolean =>
    ["trusted.delegate", "user.delegate"].some((name) => attribute(directory, name) === "1");
  if (isDelegated(own)) return own;
  // `DelegateSubgroup=`, or our own doing.
  if (isDelegated(dirname(own)) && own !== mount.place) return dirname(own);
  const isManaged = lstatSync(systemd, { throwIfNoEntry: false }) !== undefined;
  if (!isManaged) return basename(own) === OWN_NAME ? dirname(own) : own;
  const unit = path.split("/").find((name) => name.endsWith(".service")) ?? "negotiator-host";
  throw refusal(
    "systemd does not let this service divide its cgroup",
    `Add Delegate=yes under [Service], and restart it: systemctl edit ${shellWord(unit)}`,
  );
}

function readAttribute(path: string, name: string): string | undefined {
  const value = readListAttribute(path, name);
  return typeof value === "string" ? undefined : Buffer.from(value).toString();
}

async function enableControllers(base: string, controllers: readonly string[]): Promise<void> {
  const readWords = async (name: string): Promise<string[]> =>
    (await readFile(join(base, name), "utf8").catch(() => "")).trim().split(/\s+/);
  const available = await readWords("cgroup.controllers");
  const missing = controllers.find((name) => !available.includes(name));
  if (missing !== undefined) {
    throw refusal(
      `the cgroup ${base} has no controller "${missing}"`,
      `See which it has: cat ${shellWord(join(base, "cgroup.controllers"))}`,
    );
  }
  const enabled = await readWords("cgroup.subtree_control");
  const wanted = controllers.filter((name) => !enabled.includes(name));
  if (wanted.length === 0) return;
  const enable = (): Promise<void> =>
    writeFile(join(base, "cgroup.subtree_control"), wanted.map((name) => `+${name}`).join(" "));
  try {
    await enable().catch(async (thrown: unknown) => {
      if (errnoOf(thrown) !== "EBUSY") throw thrown;
      await makeRoom(base);
      await enable();
    });
  } catch (thrown) {
    const { message } = NegotiatorError.from(thrown);
    throw refusal(
      `the cgroup ${base} cannot be divided: ${message}`,
      `See who may: ls -ld ${shellWord(base)}`,
    );
  }
}

/** Moves all processes of the cgroup into a new one below it. */
async function makeRoom(base: string): Promise<void> {
  const own = join(base, OWN_NAME);
  await mkdir(own).catch((thrown: unknown) => {
    if (errnoOf(thrown) !== "EEXIST") throw thrown;
  });
  const processes = await readFile(join(base, "cgroup.procs"), "utf8");
  for (const pid of processes.split("\n").filter(Boolean)) {
    await writeFile(join(own, "cgroup.procs"), pid).catch((thrown: unknown) => {
      // It has ended.
      if (errnoOf(thrown) !== "ESRCH") throw thrown;
    });
  }
  const names = await readdir(base);
  for (const name of names.filter((each) => each.startsWith(COMMAND_PREFIX)))
    await rmdir(join(base, name)).catch(() => undefined);
}

function refusal(problem: string, remedy: string): NegotiatorError {
  return new NegotiatorError("BAD_CONFIG", `Cannot set its memoryMaxBytes or tasksMax: ${problem}`, {
    remedy,
  });
}
