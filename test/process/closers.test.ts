/** Ends of pipes are closed by another process, which has them no longer than it should. */
import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { closeSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { closeElsewhere, finishCloses, shareDescriptors } from "../../src/process/closers.ts";
import { readInto, setNonBlocking } from "../../src/process/libc.ts";
import { createPipe } from "../../src/process/pipe.ts";
import { until } from "../support/until.ts";
import { useFakeTimers } from "../support/fake-timers.ts";

/** So many times descriptors are shared one after the other. */
const ROUNDS = 40;
const SOCKETS_BEFORE = countSockets();

const held: number[] = [];
// Other tests of this process may have left some.
beforeEach(finishCloses);
afterEach(() => {
  for (const fd of held.splice(0)) closeSync(fd);
});

/** Returns the writing end of a pipe, and whether all its writing ends are closed. */
function openPipe() {
  const { readFd, writeFd } = createPipe();
  setNonBlocking(readFd);
  held.push(readFd);
  const room = new Uint8Array(1);
  // Another file may get the number of a closed descriptor.
  const pipe = pipeOf(readFd);
  return {
    writeFd,
    isOpenHere: () => pipeOf(writeFd) === pipe,
    isClosed: () => readInto(readFd, room) === 0,
  };
}

/** Returns the pipe behind a descriptor; undefined if there is none. */
function pipeOf(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined;
  }
}

function countSockets(): number {
  const links = readdirSync("/proc/self/fd").map((fd) => pipeOf(Number(fd)) ?? "");
  return links.filter((link) => link.startsWith("socket:")).length;
}

/** Returns the ids of the shells that close descriptors for this process. */
function closers(): string[] {
  return readdirSync("/proc/self/task")
    .flatMap((thread) => readFileSync(`/proc/self/task/${thread}/children`, "utf8").split(" "))
    .filter((pid) => pid !== "" && commandOf(pid).includes("read -r line <&3"));
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

test("a shared descriptor stays open there until the disposal, and is closed then", async () => {
  const pipe = openPipe();
  const shared = shareDescriptors([pipe.writeFd]);
  closeSync(pipe.writeFd);
  // The other process closes what it has got before, and would have closed this too.
  const earlier = openPipe();
  const probe = shareDescriptors([earlier.writeFd]);
  closeSync(earlier.writeFd);
  probe[Symbol.dispose]();
  await until("the other one is closed", earlier.isClosed);
  expect(pipe.isClosed()).toBe(false);
  shared[Symbol.dispose]();
  await until("it is closed", pipe.isClosed);
});

test("processes that have closed all take the next descriptors", async () => {
  const before = closers().length;
  for (let count = 0; count < ROUNDS; count++) {
    const pipe = openPipe();
    const shared = shareDescriptors([pipe.writeFd]);
    closeSync(pipe.writeFd);
    shared[Symbol.dispose]();
    await until("it is closed", pipe.isClosed);
  }
  // One may not have said yet that it has closed all, and then another one is started.
  expect(closers().length - before).toBeLessThan(ROUNDS / 2);
});

test("two sets of descriptors at once are with two processes", async () => {
  const pipes = [openPipe(), openPipe()];
  const shared = pipes.map(({ writeFd }) => shareDescriptors([writeFd]));
  for (const { writeFd } of pipes) closeSync(writeFd);
  shared[1]?.[Symbol.dispose]();
  await until("the second is closed", () => pipes[1]?.isClosed() === true);
  expect(pipes[0]?.isClosed()).toBe(false);
  shared[0]?.[Symbol.dispose]();
  await until("the first is closed", () => pipes[0]?.isClosed() === true);
});

test("descriptors are closed here together a moment later, and then there", async () => {
  const pipes = [openPipe(), openPipe()];
  {
    using _ = useFakeTimers();
    for (const { writeFd } of pipes) closeElsewhere(writeFd);
    jest.advanceTimersByTime(19);
    expect(pipes.map(({ isOpenHere }) => isOpenHere())).toEqual([true, true]);
    jest.advanceTimersByTime(1);
    expect(pipes.map(({ isOpenHere }) => isOpenHere())).toEqual([false, false]);
  }
  await until("all are closed", () => pipes.every(({ isClosed }) => isClosed()));
});

test("a hundred descriptors do not wait, and one more does", async () => {
  const pipes = Array.from({ length: 101 }, openPipe);
  for (const { writeFd } of pipes.slice(0, 99)) closeElsewhere(writeFd);
  const openCount = (): number => pipes.filter(({ isOpenHere }) => isOpenHere()).length;
  expect(openCount()).toBe(101);
  closeElsewhere(pipes[99]?.writeFd ?? -1);
  expect(openCount()).toBe(1);
  closeElsewhere(pipes[100]?.writeFd ?? -1);
  finishCloses();
  expect(openCount()).toBe(0);
  finishCloses();
  await until("all are closed", () => pipes.every(({ isClosed }) => isClosed()));
});

test("after ten seconds without a descriptor, the other processes end, and leave nothing here", () => {
  using _ = useFakeTimers();
  // One that has not said yet that it has closed all stays until it is looked at again.
  waitUntil(() => {
    const pipe = openPipe();
    const shared = shareDescriptors([pipe.writeFd]);
    closeSync(pipe.writeFd);
    shared[Symbol.dispose]();
    waitUntil(pipe.isClosed);
    jest.advanceTimersByTime(9999);
    expect(closers()).not.toEqual([]);
    jest.advanceTimersByTime(1);
    Bun.sleepSync(5);
    return closers().length === 0;
  });
  expect(countSockets()).toBeLessThanOrEqual(SOCKETS_BEFORE);
});

/** Waits without timers. */
function waitUntil(isTrue: () => boolean): void {
  while (!isTrue()) Bun.sleepSync(1);
}
