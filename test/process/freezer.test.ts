/** The freezer: who has frozen, what its child says, and when the writes of this program go on. */
import { afterEach, expect, jest, spyOn, test } from "bun:test";
import { closeSync, openSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { isDiskFrozen, thawDisk } from "../../src/frozen-disk.ts";
import type { FreezeReport } from "../../src/process/freeze-child.ts";
import { createFreezer, findFreezeTime, holdWhileFrozen } from "../../src/process/freezer.ts";
import { tryLockFile } from "../../src/process/libc.ts";
import { rejectionOf } from "../support/error-of.ts";
import { useFakeTimers } from "../support/fake-timers.ts";
import { spyOnOutput } from "../support/spied-output.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

afterEach(() => {
  thawDisk();
  jest.restoreAllMocks();
});

const OPTIONS = { limitMs: 5000, hook: "" };
/** It is not the number of a process, so that a signal by mistake reaches none. */
const HOLDER = 4_194_305;
const noMounts = (): Promise<readonly string[]> => Promise.resolve([]);

/** Writes a lock file and locks it, as another agent's child does. Returns what gives the lock back. */
function lock(path: string, text = `${HOLDER} 3\n`): () => void {
  writeFileSync(path, text);
  const descriptor = openSync(path, "r+");
  expect(tryLockFile(descriptor)).toBe(true);
  return () => closeSync(descriptor);
}

/** A child that writes what the test wants. */
type FalseChild = {
  /** All that was written to its standard input. */
  read: string[];
  /** The command lines of all that were started. */
  started: string[][];
  says(...reports: FreezeReport[]): void;
  writes(text: string): void;
  /** Closes its output. */
  closes(): void;
  ends(exitCode?: number): void;
};

/** Replaces each program that starts by a false child. */
function replaceChild(): FalseChild {
  const read: string[] = [];
  const started: string[][] = [];
  const { promise: exited, resolve: ends } = Promise.withResolvers<number>();
  const output = Promise.withResolvers<ReadableStreamDefaultController<Uint8Array>>();
  const stdout = new ReadableStream<Uint8Array>({ start: (controller) => output.resolve(controller) });
  let after = output.promise;
  const then = (act: (controller: ReadableStreamDefaultController<Uint8Array>) => void): void => {
    after = after.then((controller) => {
      act(controller);
      return controller;
    });
  };
  let unflushed: string[] = [];
  spyOn(Bun, "spawn").mockImplementation((options) => {
    started.push(Object(options).cmd);
    return Object({
      pid: HOLDER,
      stdout,
      stdin: {
        write: (text: string) => void unflushed.push(text),
        flush: () => {
          read.push(...unflushed);
          unflushed = [];
          return Promise.resolve();
        },
      },
      exited,
    });
  });
  const writes = (text: string): void => then((controller) => controller.enqueue(Buffer.from(text)));
  return {
    read,
    started,
    writes,
    says: (...reports) => writes(reports.map((report) => `${JSON.stringify(report)}\n`).join("")),
    closes: () => then((controller) => controller.close()),
    ends: (exitCode = 0) => ends(exitCode),
  };
}

/** Lets all that is ready go on. */
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test("the time of a freeze is that of the lock file while another process has its lock", async () => {
  await using directory = await createTemporaryDirectory();
  const lockFile = directory.at("lock");
  expect(findFreezeTime(lockFile)).toBeUndefined();
  const unlock = lock(lockFile);
  expect(findFreezeTime(lockFile)).toEqual(statSync(lockFile).mtime);
  unlock();
  expect(findFreezeTime(lockFile)).toBeUndefined();
});

test.each<[text: string, isFrozen: boolean]>([
  [`${HOLDER} 3\n`, true],
  ["2 1\n", true],
  ["1 1\n", false],
  ["0 1\n", false],
  ["-5 1\n", false],
  ["", false],
  ["2.5 1\n", false],
  ["text 1\n", false],
])("a locked file with %j is a freeze: %p", async (text, isFrozen) => {
  await using directory = await createTemporaryDirectory();
  const unlock = lock(directory.at("lock"), text);
  expect(findFreezeTime(directory.at("lock")) !== undefined).toBe(isFrozen);
  unlock();
});

test("a lock file behind a symbolic link does not count", async () => {
  await using directory = await createTemporaryDirectory();
  const unlock = lock(directory.at("other"));
  symlinkSync("other", directory.at("lock"));
  expect(findFreezeTime(directory.at("lock"))).toBeUndefined();
  unlock();
});

test("a look at the lock leaves no descriptor open and no lock behind", async () => {
  await using directory = await createTemporaryDirectory();
  const lockFile = directory.at("lock");
  writeFileSync(lockFile, "");
  const next = openSync(lockFile, "r");
  closeSync(next);
  findFreezeTime(lockFile);
  const unlock = lock(lockFile);
  findFreezeTime(lockFile);
  unlock();
  const after = openSync(lockFile, "r");
  closeSync(after);
  expect(after).toBe(next);
});

test("the writes are held until the holder of the lock is gone, with a warning", async () => {
  await using directory = await createTemporaryDirectory();
  const lockFile = directory.at("lock");
  const unlock = lock(lockFile);
  using _ = useFakeTimers();
  const { stderr } = await spyOnOutput(() => holdWhileFrozen(lockFile));
  expect(stderr).toContain("File systems are frozen by an agent that has ended");
  expect(isDiskFrozen()).toBe(true);
  jest.advanceTimersByTime(1000);
  expect(isDiskFrozen()).toBe(true);
  unlock();
  jest.advanceTimersByTime(199);
  expect(isDiskFrozen()).toBe(true);
  jest.advanceTimersByTime(1);
  expect(isDiskFrozen()).toBe(false);
  expect(jest.getTimerCount()).toBe(0);
});

test("without a holder the writes go on, and no timer starts", async () => {
  await using directory = await createTemporaryDirectory();
  using _ = useFakeTimers();
  const { stderr } = await spyOnOutput(() => holdWhileFrozen(directory.at("lock")));
  expect(stderr).toBe("");
  expect(isDiskFrozen()).toBe(false);
  expect(jest.getTimerCount()).toBe(0);
});

test("a freezer sees another agent's freeze at once, and believes in its absence for 100 ms", async () => {
  await using directory = await createTemporaryDirectory();
  const lockFile = directory.at("lock");
  const freezer = createFreezer({ lockFile, ...OPTIONS });
  let nowMs = 1000;
  spyOn(performance, "now").mockImplementation(() => nowMs);
  const unlock = lock(lockFile);
  expect(freezer.isFrozen()).toBe(true);
  expect(freezer.isFrozen()).toBe(true);
  unlock();
  expect(freezer.isFrozen()).toBe(false);
  const unlockAgain = lock(lockFile);
  nowMs += 99;
  expect(freezer.isFrozen()).toBe(false);
  nowMs += 1;
  expect(freezer.isFrozen()).toBe(true);
  unlockAgain();
});

test("a freeze while another agent's lasts is BUSY, and starts no child", async () => {
  await using directory = await createTemporaryDirectory();
  const lockFile = directory.at("lock");
  const unlock = lock(lockFile);
  const child = replaceChild();
  const { code, message } = await rejectionOf(createFreezer({ lockFile, ...OPTIONS }).freeze(["/a"]));
  expect([code, message]).toEqual(["BUSY", "File systems are frozen already"]);
  expect(child.started).toEqual([]);
  expect(isDiskFrozen()).toBe(false);
  unlock();
});

test("the child gets the whole order, and the writes are held from before its start", async () => {
  await using directory = await createTemporaryDirectory();
  const lockFile = directory.at("lock");
  const child = replaceChild();
  const freezer = createFreezer({ lockFile, limitMs: 5000, hook: "/hook" });
  const count = freezer.freeze(["/a", "/b"]);
  expect(isDiskFrozen()).toBe(true);
  expect(freezer.isFrozen()).toBe(true);
  const [words = []] = child.started;
  expect(words.slice(-2, -1)).toEqual(["freeze"]);
  expect(JSON.parse(words.at(-1) ?? "")).toEqual({
    mounts: ["/a", "/b"],
    limitMs: 5000,
    lockFile,
    hook: "/hook",
  });
  child.says({ kind: "frozen", count: 2 });
  expect(await count).toBe(2);
  expect(isDiskFrozen()).toBe(true);
  expect((await rejectionOf(freezer.freeze(["/c"]))).code).toBe("BUSY");
  expect(child.started).toHaveLength(1);
});

test("a thaw asks the child, waits for its end, and lets the writes go on", async () => {
  await using directory = await createTemporaryDirectory();
  const child = replaceChild();
  const freezer = createFreezer({ lockFile: directory.at("lock"), ...OPTIONS });
  // Pieces of a line come apart.
  child.writes('{"kind":"froz');
  child.writes('en","count":2}\n{"kind":');
  const { stderr } = await spyOnOutput(async () => {
    expect(await freezer.freeze(["/a", "/b"])).toBe(2);
    const thawed = freezer.thaw(noMounts);
    let isOver = false;
    void thawed.then(() => (isOver = true));
    await turn();
    expect(child.read).toEqual(["thaw\n"]);
    child.writes('"thawed","count":1,"late":false}\n');
    await turn();
    expect([isOver, freezer.isFrozen(), isDiskFrozen()]).toEqual([false, true, true]);
    child.closes();
    child.ends();
    expect(await thawed).toBe(1);
    expect([freezer.isFrozen(), isDiskFrozen()]).toEqual([false, false]);
    await turn();
  });
  expect(stderr).toBe("");
  expect(child.started).toHaveLength(1);
});

test("a child that ends in answer to a thaw has thawed nothing", async () => {
  await using directory = await createTemporaryDirectory();
  const child = replaceChild();
  const freezer = createFreezer({ lockFile: directory.at("lock"), ...OPTIONS });
  child.says({ kind: "frozen", count: 2 });
  const { stderr } = await spyOnOutput(async () => {
    await freezer.freeze(["/a", "/b"]);
    child.closes();
    child.ends(1);
    expect(await freezer.thaw(noMounts)).toBe(0);
    await turn();
  });
  expect(stderr).toContain("The child that freezes file systems has ended");
});

test.each<[what: string, report: FreezeReport | undefined, log: string]>([
  ["thaws by itself", { kind: "thawed", count: 2, late: true }, "nothing asked for it in 5 s"],
  ["was asked by a signal", { kind: "thawed", count: 2, late: false }, ""],
  ["says something else", { kind: "busy" }, "The child that freezes file systems has ended"],
  ["ends without a word", undefined, "The child that freezes file systems has ended"],
])("a child that %s ends the freeze after its own end", async (_, report, log) => {
  await using directory = await createTemporaryDirectory();
  const child = replaceChild();
  const freezer = createFreezer({ lockFile: directory.at("lock"), ...OPTIONS });
  child.says({ kind: "frozen", count: 2 });
  const { stderr } = await spyOnOutput(async () => {
    await freezer.freeze(["/a", "/b"]);
    if (report !== undefined) child.says(report);
    child.closes();
    await turn();
    expect([freezer.isFrozen(), isDiskFrozen()]).toEqual([true, true]);
    child.ends();
    await turn();
    expect([freezer.isFrozen(), isDiskFrozen()]).toEqual([false, false]);
  });
  if (log === "") expect(stderr).toBe("");
  else expect(stderr).toContain(log);
});

test.each<[report: FreezeReport | undefined, outcome: unknown]>([
  [{ kind: "frozen", count: 0 }, 0],
  [{ kind: "failed", path: "/b", errno: 5 }, ["NOT_EXECUTABLE", "failed to freeze /b", 5]],
  [{ kind: "busy" }, ["BUSY", "File systems are frozen already", undefined]],
  [undefined, ["NOT_EXECUTABLE", "The child that freezes file systems has ended", undefined]],
])("after the report %j, the freeze is over when the child has ended", async (report, outcome) => {
  await using directory = await createTemporaryDirectory();
  const child = replaceChild();
  const freezer = createFreezer({ lockFile: directory.at("lock"), ...OPTIONS });
  const frozen: Promise<unknown> = freezer
    .freeze(["/a"])
    .catch(({ code, message, data }) => [code, message, data]);
  if (report !== undefined) child.says(report);
  child.closes();
  const { stderr } = await spyOnOutput(async () => {
    await turn();
    expect([freezer.isFrozen(), isDiskFrozen()]).toEqual([true, true]);
    child.ends();
    expect(await frozen).toEqual(outcome);
    expect([freezer.isFrozen(), isDiskFrozen()]).toEqual([false, false]);
    await turn();
  });
  expect(stderr).toBe("");
});

test("a thaw of another agent's freeze sends SIGTERM to its child, and waits for the lock", async () => {
  await using directory = await createTemporaryDirectory();
  const lockFile = directory.at("lock");
  const unlock = lock(lockFile);
  const child = replaceChild();
  const steps: unknown[] = [];
  spyOn(process, "kill").mockImplementation((...words) => {
    steps.push(words);
    return true;
  });
  spyOn(Bun, "sleep").mockImplementation(async (ms) => {
    steps.push([ms, isDiskFrozen()]);
    await turn();
    if (steps.length === 3) unlock();
  });
  await spyOnOutput(() => {
    using _ = useFakeTimers();
    holdWhileFrozen(lockFile);
  });
  const count = await createFreezer({ lockFile, ...OPTIONS }).thaw(() => Promise.resolve(["/a"]));
  expect(count).toBe(3);
  expect(steps).toEqual([
    [HOLDER, "SIGTERM"],
    [20, true],
    [20, true],
  ]);
  expect(isDiskFrozen()).toBe(false);
  expect(child.started).toEqual([]);
});

test("a thaw waits for another agent's child for a minute", async () => {
  await using directory = await createTemporaryDirectory();
  const lockFile = directory.at("lock");
  const unlock = lock(lockFile, `${HOLDER}\n`);
  spyOn(process, "kill").mockImplementation(() => true);
  let waitedMs = 0;
  spyOn(Bun, "sleep").mockImplementation((ms) => {
    waitedMs += Number(ms);
    return Promise.resolve();
  });
  expect(await createFreezer({ lockFile, ...OPTIONS }).thaw(noMounts)).toBe(0);
  expect(waitedMs).toBe(60_000);
  unlock();
});

test.each<[text: string, exitCode: number, count: number]>([
  ["2", 0, 2],
  ["2", 1, 0],
])("a thaw without a holder asks a helper: %j and exit code %i are %i", async (text, exitCode, count) => {
  await using directory = await createTemporaryDirectory();
  const child = replaceChild();
  child.writes(text);
  child.closes();
  child.ends(exitCode);
  const freezer = createFreezer({ lockFile: directory.at("lock"), ...OPTIONS });
  expect(await freezer.thaw(() => Promise.resolve(["/a", "/b"]))).toBe(count);
  expect(child.started.map((words) => words.slice(-2))).toEqual([["thaw", '["/a","/b"]']]);
});

test("a helper that does not answer in a minute has thawed nothing", async () => {
  await using directory = await createTemporaryDirectory();
  replaceChild();
  spyOn(process, "kill").mockImplementation(() => true);
  using _ = useFakeTimers();
  const count = createFreezer({ lockFile: directory.at("lock"), ...OPTIONS }).thaw(noMounts);
  await Promise.resolve();
  await Promise.resolve();
  jest.advanceTimersByTime(60_000);
  expect(await count).toBe(0);
});
