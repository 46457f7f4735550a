/**
 * Owns the bound of processes for commands of other users. A loop of forks would take all processes that the
 * service may have, and the runtime ends itself when it cannot make a thread.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { findCgroupMount, placeOf } from "./cgroup-place.ts";
import { lowerProcessLimit } from "./libc-process.ts";

/** The part of the processes of the service that one user may have on this machine. */
const PARTS = 4;

/** The places of facts about processes; tests replace them. */
export type SharePlaces = {
  /** A directory like `/proc/self`. */
  self?: string;
  /** A directory like `/proc/sys/kernel`. */
  kernel?: string;
};

/**
 * Returns the number of processes that one user may have: a quarter of those that this process with all its
 * children may have. Undefined if no bound can be read.
 */
export function findProcessShare({ self = "/proc/self", kernel = "/proc/sys/kernel" }: SharePlaces = {}):
  number | undefined {
  const files = [join(kernel, "threads-max"), join(kernel, "pid_max"), ...listBoundFiles(self)];
  const bounds = files.map(readBound).filter((bound) => bound !== undefined);
  return bounds.length === 0 ? undefined : Math.max(1, Math.floor(Math.min(...bounds) / PARTS));
}

/**
 * Starts the command of another user by `spawn`, with the share of its user as a bound that it cannot raise.
 * `tasksMax` is the bound that the command's settings ask for; the larger of both counts. A child has the
 * limits of its parent at the fork, so ours is lowered for that moment. Without `CAP_SYS_RESOURCE` it stays
 * low: that binds only those commands of root that become another user.
 */
export function spawnWithShare<Child>(tasksMax: number | undefined, spawn: () => Child): Child {
  const share = currentShare();
  if (share === undefined) return spawn();
  using _ = lowerProcessLimit(Math.max(share, tasksMax ?? 0));
  return spawn();
}

let known: { share: number | undefined; atMs: number } | undefined;
/** `systemctl set-property` changes the bound of a running service. */
const KNOWN_MS = 5000;

function currentShare(): number | undefined {
  const nowMs = performance.now();
  if (known === undefined || nowMs - known.atMs > KNOWN_MS)
    known = { share: isExempt() ? findProcessShare() : undefined, atMs: nowMs };
  return known.share;
}

/** Root outside of user namespaces: the kernel does not apply this limit to its own processes and threads. */
function isExempt(): boolean {
  const isInitial = /^\s*0\s+0\s+4294967295\s*$/.test(readText("/proc/self/uid_map") ?? "");
  return isInitial && process.getuid?.() === 0;
}

/** Returns the files with bounds of our cgroup and all above it, in both versions of cgroups. */
function listBoundFiles(self: string): string[] {
  const mounts = readText(join(self, "mountinfo")) ?? "";
  const groups = readText(join(self, "cgroup"))?.split("\n") ?? [];
  return groups.flatMap((group) => {
    const [, controllers = "none", path = ""] = /^\d+:([^:]*):(.*)$/.exec(group) ?? [];
    if (controllers !== "" && !controllers.split(",").includes("pids")) return [];
    const mount = findCgroupMount(mounts, controllers === "" ? /^cgroup2 / : /^cgroup .*[ ,]pids(,|$)/);
    if (mount === undefined || path.startsWith("/..")) return [];
    return listUpTo(mount.place, placeOf(path, mount));
  });
}

function listUpTo(top: string, directory: string): string[] {
  const file = join(directory, "pids.max");
  return directory.length <= top.length ? [file] : [file, ...listUpTo(top, dirname(directory))];
}

/** The word `max` stands for no bound. */
function readBound(file: string): number | undefined {
  const text = readText(file)?.trim() ?? "";
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/** The kernel answers from its own memory. */
function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return undefined;
  }
}
