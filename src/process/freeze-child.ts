/**
 * The child that freezes file systems: it outlives a daemon that is killed, and thaws them after a set time.
 * It needs no path and no program for that, and writes to no file while they are frozen.
 */
import { closeSync, constants, openSync, unlinkSync, writeSync } from "node:fs";
import { OWN_ENVIRONMENT } from "../trust/own-program.ts";
import { freezeFileSystem, thawFileSystem } from "./libc-machine.ts";
import { tryLockFile } from "./libc.ts";

/** The order for a child: the mount points in the order of the freeze, and the time to the thaw. */
export type FreezeOrder = {
  mounts: readonly string[];
  limitMs: number;
  /** Its lock shows that file systems are frozen. It has the process id of this child, and their number. */
  lockFile: string;
  /** The program that is called with `thaw` if the thaw was not asked for on standard input; empty: none. */
  hook: string;
};

/** A line that the child writes. `late`: it has thawed them by itself. */
export type FreezeReport =
  | { kind: "frozen"; count: number }
  | { kind: "failed"; path: string; errno: number }
  | { kind: "busy" }
  | { kind: "thawed"; count: number; late: boolean };

const { O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, O_RDWR } = constants;
const LOCK_MODE = 0o600;
/** ioctl_fs(2) on a file system that cannot be frozen, or is frozen already. */
const EOPNOTSUPP = 95;
const EBUSY = 16;

type Held = { path: string; descriptor: number };

/** Freezes, reports, and waits for `thaw` on standard input, SIGTERM, or the end of the time. */
export async function freezeAndWait(
  order: FreezeOrder,
  report: (line: FreezeReport) => Promise<unknown>,
): Promise<void> {
  const lock = openSync(order.lockFile, O_RDWR | O_CREAT | O_NOFOLLOW, LOCK_MODE);
  if (!tryLockFile(lock)) {
    await report({ kind: "busy" });
    return;
  }
  const ended = Promise.withResolvers<"word" | "signal" | "late">();
  process.on("SIGTERM", () => ended.resolve("signal"));
  process.on("SIGHUP", () => undefined);
  process.on("SIGINT", () => undefined);
  writeSync(lock, `${process.pid} ${order.mounts.length}\n`);
  const timer = setTimeout(() => ended.resolve("late"), order.limitMs);
  const outcome = freezeAll(order.mounts);
  if (outcome.kind === "failed") await report(outcome);
  else {
    await report({ kind: "frozen", count: outcome.frozen.length });
    if (outcome.frozen.length > 0) {
      void waitForWord(() => ended.resolve("word"));
      const reason = await ended.promise;
      const count = thawAll(outcome.frozen);
      // The daemon may be gone.
      if (reason !== "word" && order.hook !== "") await callHook(order.hook);
      await report({ kind: "thawed", count, late: reason === "late" });
    }
  }
  clearTimeout(timer);
  unlinkSync(order.lockFile);
  closeSync(lock);
}

function freezeAll(
  mounts: readonly string[],
): { kind: "done"; frozen: Held[] } | Extract<FreezeReport, { kind: "failed" }> {
  const held = mounts.map((path) => ({ path, descriptor: openSync(path, O_RDONLY | O_DIRECTORY) }));
  const frozen: Held[] = [];
  for (const one of held) {
    const errno = freezeFileSystem(one.descriptor);
    if (errno === 0) frozen.push(one);
    else if (errno !== EOPNOTSUPP && errno !== EBUSY) {
      thawAll(frozen);
      return { kind: "failed", path: one.path, errno };
    }
  }
  return { kind: "done", frozen };
}

/** The last one that was frozen is thawed first. A file system can be frozen more than once. */
function thawAll(frozen: readonly Held[]): number {
  let count = 0;
  for (const { descriptor } of frozen.toReversed()) if (thawFileSystem(descriptor) === 0) count++;
  return count;
}

/** Thaws all file systems at these paths that are frozen, as often as they are. Returns how many were. */
export function thawPaths(paths: readonly string[]): number {
  let count = 0;
  for (const path of paths) {
    const descriptor = openSync(path, O_RDONLY | O_DIRECTORY);
    if (thawFileSystem(descriptor) === 0) {
      count++;
      while (thawFileSystem(descriptor) === 0);
    }
    closeSync(descriptor);
  }
  return count;
}

async function callHook(hook: string): Promise<void> {
  try {
    await Bun.spawn({
      cmd: [hook, "thaw"],
      env: { ...OWN_ENVIRONMENT },
      stdio: ["ignore", "ignore", "ignore"],
    }).exited;
  } catch {
    // The hook was there before the freeze, and no process reads what this child would say.
  }
}

/** The end of the input means that the daemon is gone: then only the time counts. */
async function waitForWord(onWord: () => void): Promise<void> {
  for await (const line of console) if (line === "thaw") return onWord();
}
