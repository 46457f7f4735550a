/**
 * The child that freezes file systems: it outlives a daemon that is killed, and thaws them after a set time.
 * It needs no path and no program for that, and writes to no file while they are frozen.
 */
import { closeSync, constants, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { OWN_ENVIRONMENT } from "../trust/own-program.ts";
import { CHILD_OPTIONS, helperCommand } from "./ask-program.ts";
import { startCleanly } from "./inherited-state.ts";
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
/** The process that freezes is gone. */
const EIO = 5;
/** The time ended, or a thaw was asked for, before the freeze was complete. */
const ECANCELED = 125;
const STDIN = 0;
const STDOUT = 1;

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
  void waitForWord(() => ended.resolve("word"));
  const outcome = await freezeAll(order.mounts, ended.promise);
  if (outcome.kind === "failed") await report(outcome);
  else {
    await report({ kind: "frozen", count: outcome.frozen.length });
    if (outcome.frozen.length > 0) {
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

type Outcome = { kind: "done"; frozen: Held[] } | Extract<FreezeReport, { kind: "failed" }>;

/**
 * Freezes by another process, so that the time goes on here while a file system hangs. Undoes itself after a
 * failure, and when `ended` resolves. It does not wait for the one that hangs then: that process thaws it.
 */
async function freezeAll(mounts: readonly string[], ended: Promise<unknown>): Promise<Outcome> {
  const held = mounts.map((path) => ({ path, descriptor: openSync(path, O_RDONLY | O_DIRECTORY) }));
  const frozen: Held[] = [];
  const stop = ended.then(() => ECANCELED);
  const worker = startWorker(mounts);
  for (const one of held) {
    const errno = await Promise.race([worker.next(), stop]);
    if (errno === 0) frozen.push(one);
    else if (errno !== EOPNOTSUPP && errno !== EBUSY) {
      thawAll(frozen);
      return { kind: "failed", path: one.path, errno };
    }
    worker.acknowledge();
  }
  return { kind: "done", frozen };
}

/** `next` resolves with the errno for the next file system, 0 if it is frozen. */
type Worker = { next: () => Promise<number>; acknowledge: () => void };

function startWorker(mounts: readonly string[]): Worker {
  const { stdin, stdout } = startCleanly(() =>
    Bun.spawn({
      cmd: helperCommand("freeze-each", [JSON.stringify(mounts)]),
      env: CHILD_OPTIONS.env,
      cwd: CHILD_OPTIONS.cwd,
      detached: CHILD_OPTIONS.detached,
      stdio: ["pipe", "pipe", "ignore"],
    }),
  );
  const lines = readLines(stdout);
  return {
    async next() {
      const { value } = await lines.next();
      return value === undefined ? EIO : Number(value);
    },
    acknowledge() {
      void stdin.write("\n");
      void stdin.flush();
    },
  };
}

async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined, undefined> {
  let rest = "";
  for await (const bytes of stream) {
    const parts = `${rest}${Buffer.from(bytes).toString()}`.split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
  return undefined;
}

/**
 * Freezes the file systems in their order. Writes the errno of each as a line, and waits for a line. Without
 * one, the child that wanted the freeze has given it up: the file system that hung meanwhile is thawed.
 */
export function freezeEach(mounts: readonly string[]): void {
  const descriptors = mounts.map((path) => openSync(path, O_RDONLY | O_DIRECTORY));
  for (const descriptor of descriptors) {
    const errno = freezeFileSystem(descriptor);
    if (isAcknowledged(errno)) continue;
    if (errno === 0) thawFileSystem(descriptor);
    return;
  }
}

function isAcknowledged(errno: number): boolean {
  try {
    writeSync(STDOUT, `${errno}\n`);
    return readSync(STDIN, new Uint8Array(1)) === 1;
  } catch {
    return false;
  }
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
