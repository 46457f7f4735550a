/** Freezes file systems by a child, which thaws them by itself after a time, or when it is asked. */
import { closeSync, constants, lstatSync, openSync, readFileSync, statSync } from "node:fs";
import { NegotiatorError } from "../errors.ts";
import { freezeDisk, thawDisk } from "../frozen-disk.ts";
import { logFor } from "../log.ts";
import { CHILD_OPTIONS, helperCommand, askProgram } from "./ask-program.ts";
import type { FreezeOrder, FreezeReport } from "./freeze-child.ts";
import { startCleanly } from "./inherited-state.ts";
import { tryLockFile } from "./libc.ts";
import { rememberChild } from "./orphans.ts";

/** The file systems that this machine's agents have frozen. */
export type Freezer = {
  /** Whether file systems are frozen, also by an agent that was killed. */
  isFrozen(): boolean;
  /**
   * Freezes the file systems at these mount points in their order, and resolves with their number. Undoes
   * itself after a failure: then it rejects with `NOT_EXECUTABLE`. Rejects with `BUSY` if some are frozen.
   */
  freeze(mounts: readonly string[]): Promise<number>;
  /** Thaws what is frozen, and resolves with the number. Without a child that has, looks at all `mounts`. */
  thaw(mounts: () => Promise<readonly string[]>): Promise<number>;
};

/** Options of a freezer: its lock file, the time to a thaw that comes by itself, and the hook after it. */
export type FreezerOptions = Omit<FreezeOrder, "mounts">;

/** Holds the writes of this program until the file systems are thawed that a killed agent has frozen. */
export function holdWhileFrozen(lockFile: string): void {
  if (findHolder(lockFile) === undefined) return;
  log.warn("File systems are frozen by an agent that has ended");
  freezeDisk();
  const timer = setInterval(() => {
    if (findHolder(lockFile) !== undefined) return;
    clearInterval(timer);
    thawDisk();
  }, HOLDER_MS);
  timer.unref();
}

const HOLDER_MS = 200;

/** Returns since when an agent's freeze lasts; undefined if nothing is frozen. */
export function findFreezeTime(lockFile: string): Date | undefined {
  if (findHolder(lockFile) === undefined) return undefined;
  return statSync(lockFile, { throwIfNoEntry: false })?.mtime;
}

const log = logFor("freeze");

const { O_NOFOLLOW, O_RDWR } = constants;
const THAW_MS = 60_000;
const ANSWER_BYTES = 1024;

/** Creates a freezer. Nothing is frozen by it. */
export function createFreezer({ lockFile, limitMs, hook }: FreezerOptions): Freezer {
  let child: FreezeChild | undefined;
  /** Until then the last look counts, which has found no holder. */
  let lookedUntilMs = Number.NEGATIVE_INFINITY;
  const isHeldElsewhere = (): boolean => {
    const nowMs = performance.now();
    if (nowMs < lookedUntilMs) return false;
    if (findHolder(lockFile) !== undefined) return true;
    lookedUntilMs = nowMs + LOOK_MS;
    return false;
  };

  const follow = async (started: FreezeChild): Promise<void> => {
    const last = await started.next();
    await started.exited;
    if (child === started) child = undefined;
    thawDisk();
    if (last?.kind !== "thawed") log.error("The child that freezes file systems has ended");
    else if (last.late) log.warn(`The file systems are thawed: nothing asked for it in ${limitMs / 1000} s`);
  };

  return {
    isFrozen: () => child !== undefined || isHeldElsewhere(),
    async freeze(mounts) {
      if (child !== undefined || findHolder(lockFile) !== undefined)
        throw new NegotiatorError("BUSY", "File systems are frozen already");
      freezeDisk();
      const started = startChild({ mounts, limitMs, lockFile, hook });
      child = started;
      const report = await started.next();
      if (report?.kind === "frozen" && report.count > 0) {
        void follow(started);
        return report.count;
      }
      await started.exited;
      child = undefined;
      thawDisk();
      if (report?.kind === "frozen") return 0;
      throw explain(report);
    },
    async thaw(mounts) {
      if (child !== undefined) {
        const count = await child.thaw();
        child = undefined;
        thawDisk();
        return count;
      }
      const holder = findHolder(lockFile);
      if (holder === undefined) return thawByPath(await mounts());
      process.kill(holder.pid, "SIGTERM");
      for (let left = THAW_MS / STEP_MS; left > 0 && findHolder(lockFile) !== undefined; left--)
        await Bun.sleep(STEP_MS);
      thawDisk();
      return holder.count;
    },
  };
}

/** Every command of a client asks, and a look at the file takes as long as a small read. */
const LOOK_MS = 100;
const STEP_MS = 20;

type FreezeChild = {
  /** The next line of the child; undefined if it has ended. */
  next(): Promise<FreezeReport | undefined>;
  /** Asks for the thaw, and resolves with the number of file systems. */
  thaw(): Promise<number>;
  exited: Promise<unknown>;
};

function startChild(order: FreezeOrder): FreezeChild {
  const child = startCleanly(() =>
    Bun.spawn({
      cmd: helperCommand("freeze", [JSON.stringify(order)]),
      ...CHILD_OPTIONS,
      stdio: ["pipe", "pipe", "ignore"],
    }),
  );
  rememberChild(child.pid);
  const lines = splitReports(child.stdout);
  const reports: Promise<FreezeReport | undefined>[] = [];
  const read = (index: number): Promise<FreezeReport | undefined> =>
    (reports[index] ??= lines.next().then(({ value }) => value ?? undefined));
  let count = 0;
  return {
    next: () => read(count++),
    async thaw() {
      void child.stdin.write("thaw\n");
      await child.stdin.flush();
      const report = await read(1);
      await child.exited;
      return report?.kind === "thawed" ? report.count : 0;
    },
    exited: child.exited,
  };
}

async function* splitReports(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<FreezeReport, undefined, undefined> {
  let rest = "";
  for await (const bytes of stream) {
    const parts = `${rest}${Buffer.from(bytes).toString()}`.split("\n");
    rest = parts.pop() ?? "";
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own child wrote it
    for (const part of parts) yield JSON.parse(part) as FreezeReport;
  }
  return undefined;
}

function explain(report: FreezeReport | undefined): NegotiatorError {
  if (report?.kind === "failed")
    return new NegotiatorError("NOT_EXECUTABLE", `failed to freeze ${report.path}`, { data: report.errno });
  if (report?.kind === "busy") return new NegotiatorError("BUSY", "File systems are frozen already");
  return new NegotiatorError("NOT_EXECUTABLE", "The child that freezes file systems has ended");
}

/** Returns the process that has the lock; undefined if there is none. */
function findHolder(lockFile: string): { pid: number; count: number } | undefined {
  let descriptor: number;
  try {
    // The error of a failed open would cost more than most commands.
    if (lstatSync(lockFile, { throwIfNoEntry: false }) === undefined) return undefined;
    descriptor = openSync(lockFile, O_RDWR | O_NOFOLLOW);
  } catch {
    return undefined;
  }
  try {
    if (tryLockFile(descriptor)) return undefined;
    const [pid = 0, count = 0] = readFileSync(descriptor, "latin1").trim().split(" ").map(Number);
    return Number.isSafeInteger(pid) && pid > 1 ? { pid, count } : undefined;
  } finally {
    closeSync(descriptor);
  }
}

async function thawByPath(paths: readonly string[]): Promise<number> {
  const { outcome } = await askProgram(helperCommand("thaw", [JSON.stringify(paths)]), {
    timeoutMs: THAW_MS,
    outputBytes: ANSWER_BYTES,
  });
  return typeof outcome === "object" && outcome.exitCode === 0 ? Number(outcome.stdout) : 0;
}
