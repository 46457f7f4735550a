/** Waiting for events of descriptors, by the kernel and by a timer. */
import { describe, expect, test } from "bun:test";
import { closeSync, readSync, writeSync } from "node:fs";
import { EVENTS, watchByKernel, watchByTimer, watchDescriptor } from "../../src/process/descriptor-watch.ts";
import type { DescriptorWatch } from "../../src/process/descriptor-watch.ts";
import { pollNow } from "../../src/process/libc.ts";
import { createPipe } from "../../src/process/pipe.ts";
import { ringBytes } from "../support/result-ring.ts";
import { waitTurns } from "../support/event-loop.ts";
import { watchOpenFiles } from "../support/open-files.ts";
import { until } from "../support/until.ts";
import { runProcess } from "../support/program-run.ts";

const SRC = `${import.meta.dir}/../../src`;
/** More than the kernel keeps for us if we do not collect them. */
const ROUNDS = 3000;

/** Waits as a reader does: looks, waits, and looks again. */
async function waitFor(watch: DescriptorWatch, fd: number, events: number): Promise<void> {
  while ((pollNow(fd, events) & events) === 0) await watch.changed(events);
}

function createWatch(options: Parameters<typeof watchDescriptor>[1]) {
  const { readFd, writeFd } = createPipe();
  const watch = watchDescriptor(readFd, options);
  const close = (): void => {
    watch.close();
    closeSync(readFd);
  };
  return { readFd, writeFd, watch, [Symbol.dispose]: close };
}

describe.each([
  ["the kernel through an epoll", {}],
  ["the kernel", { isPipe: true }],
  ["a timer", { byTimer: true }],
])("a descriptor that %s watches", (_, options: Parameters<typeof watchDescriptor>[1]) => {
  const isByTimer = options?.byTimer === true;

  test("each byte ends one wait", async () => {
    using pipe = createWatch(options);
    for (let round = 0; round < (isByTimer ? 5 : ROUNDS); round++) {
      const waiting = waitFor(pipe.watch, pipe.readFd, EVENTS.IN);
      await waitTurns(2);
      writeSync(pipe.writeFd, "x");
      await waiting;
      expect(readSync(pipe.readFd, new Uint8Array(9))).toBe(1);
    }
    closeSync(pipe.writeFd);
  });

  // A watch of a pipe has only one kind of wait.
  if (options?.isPipe === true) return;
  test("two waits end at one event, and a wait that goes on ends at the next event", async () => {
    using pipe = createWatch(options);
    const ended: string[] = [];
    const first = waitFor(pipe.watch, pipe.readFd, EVENTS.IN).then(() => ended.push("in"));
    const second = waitFor(pipe.watch, pipe.readFd, EVENTS.HUP).then(() => ended.push("hangup"));
    await waitTurns(2);
    writeSync(pipe.writeFd, "x");
    await first;
    readSync(pipe.readFd, new Uint8Array(1));
    expect(ended).toEqual(["in"]);
    closeSync(pipe.writeFd);
    await second;
    expect(ended).toEqual(["in", "hangup"]);
  });

  test("close ends waits and pauses, and the writer gets EPIPE at once", async () => {
    const leftBehind = await watchOpenFiles(/^(?:anon_inode|pipe:)/);
    const pipe = createWatch(options);
    const waits = [pipe.watch.changed(EVENTS.IN), pipe.watch.pause(3_600_000)];
    await waitTurns(2);
    pipe[Symbol.dispose]();
    await Promise.all(waits);
    expect(() => writeSync(pipe.writeFd, "x")).toThrow("EPIPE");
    closeSync(pipe.writeFd);
    await Promise.all([pipe.watch.changed(EVENTS.IN), pipe.watch.pause(3_600_000)]);
    await until("the descriptors are closed", async () => (await leftBehind()).length === 0);
  });
});

test("three thousand watches that are closed during a wait leave room for more", async () => {
  using pipe = createWatch({ isPipe: true });
  for (let round = 0; round < ROUNDS; round++) {
    const watch = watchDescriptor(pipe.readFd, { isPipe: true });
    const waiting = watch.changed(EVENTS.IN);
    watch.close();
    await waiting;
  }
  const waiting = pipe.watch.changed(EVENTS.IN);
  writeSync(pipe.writeFd, "x");
  await waiting;
  expect(pollNow(pipe.readFd, EVENTS.IN)).toBe(EVENTS.IN);
  closeSync(pipe.writeFd);
});

test("a watch that is closed does not keep the process alive", async () => {
  const script = `
    const { watchDescriptor } = await import("${SRC}/process/descriptor-watch.ts");
    const watch = watchDescriptor(require("node:fs").openSync("/dev/ptmx", "r+"));
    void watch.changed(1);
    setTimeout(() => { watch.close(); console.log("closed"); }, 20);
  `;
  const { stdout, stderr } = await runProcess([process.execPath, "-e", script]);
  expect({ stdout, stderr }).toEqual({ stdout: "closed\n", stderr: "" });
});

test("a wait by the kernel goes on by timer after `watchByTimer`, and ends at the next event", async () => {
  using pipe = createWatch({});
  const waiting = waitFor(pipe.watch, pipe.readFd, EVENTS.IN);
  await waitTurns(2);
  expect(isKernelAsked()).toBe(true);
  watchByTimer();
  expect(isKernelAsked()).toBe(false);
  writeSync(pipe.writeFd, "x");
  await waiting;
  expect(readSync(pipe.readFd, new Uint8Array(9))).toBe(1);
  watchByKernel();
  const next = waitFor(pipe.watch, pipe.readFd, EVENTS.IN);
  await waitTurns(2);
  expect(isKernelAsked()).toBe(true);
  writeSync(pipe.writeFd, "y");
  await next;
  closeSync(pipe.writeFd);
});

// Watches of other tests in this process may ask the kernel too, so another process asks it here.
test.each([
  ["within the first milliseconds", 3_600_000, false],
  ["after the first milliseconds", 1, true],
])("a watch that looks by timer first asks the kernel %s: %#", async (_, byTimerMs, isAsked) => {
  const script = `
    const { EVENTS, watchDescriptor } = await import("${SRC}/process/descriptor-watch.ts");
    const { createPipe } = await import("${SRC}/process/pipe.ts");
    const { ringBytes } = await import("${import.meta.dir}/../support/result-ring.ts");
    const { readFd, writeFd } = createPipe();
    const watch = watchDescriptor(readFd, { isPipe: true, byTimerMs: ${byTimerMs} });
    const waiting = watch.changed(EVENTS.IN);
    while (${isAsked} && ringBytes(process.pid) === 0) await Bun.sleep(1);
    require("node:fs").writeSync(writeFd, "x");
    await waiting;
    console.log(ringBytes(process.pid) > 0);
    watch.close();
  `;
  const { stdout, stderr } = await runProcess([process.execPath, "-e", script]);
  expect({ stdout, stderr }).toEqual({ stdout: `${isAsked}\n`, stderr: "" });
});

function isKernelAsked(): boolean {
  return ringBytes(process.pid) > 0;
}
