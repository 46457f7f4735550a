/** The steps of a daemon before it becomes the next program, and after a failure of that. */
import { expect, test } from "bun:test";
import { closeSync, writeSync } from "node:fs";
import { EVENTS, watchDescriptor } from "../../../src/process/descriptor-watch.ts";
import { createPipe } from "../../../src/process/pipe.ts";
import { awaitReexec } from "../../../src/roles/daemon/reexec.ts";
import type { ReexecAnswer } from "../../../src/roles/daemon/reexec-method.ts";
import { STATE_VERSIONS } from "../../../src/roles/daemon/state-version.ts";
import { ringBytes } from "../../support/result-ring.ts";
import { until } from "../../support/until.ts";

/** A watched pipe whose first wait began. */
async function watchPipe(): Promise<{ ended: () => number; wait: () => Promise<void> } & Disposable> {
  const { readFd, writeFd } = createPipe();
  const watch = watchDescriptor(readFd, { isPipe: true });
  let ended = 0;
  const wait = async (): Promise<void> => {
    await watch.changed(EVENTS.IN);
    ended++;
  };
  writeSync(writeFd, "x");
  await wait();
  return {
    ended: () => ended,
    wait,
    [Symbol.dispose]() {
      watch.close();
      closeSync(readFd);
      closeSync(writeFd);
    },
  };
}

/** Replaces the daemon by a program that is found at once. `freeze` has to throw, or this process ends. */
function createReplaced(freeze: () => never, heldUp: () => number = () => 0) {
  const failures: string[] = [];
  let start: (() => Promise<ReexecAnswer>) | undefined;
  void awaitReexec({
    role: "host",
    signals: { onReexec: () => undefined, abort: new AbortController().signal },
    methods: { set: (given) => void (start = given), fail: (message) => void failures.push(message) },
    handedOver: { freeze, heldUp },
    drainMs: () => 60_000,
    findProgram: async () => ({ version: "9.9.9", states: STATE_VERSIONS, path: "/nowhere" }),
  });
  return { failures, start: () => start?.() };
}

test("the kernel's watches end before the state is frozen, and come back after a failure", async () => {
  using pipe = await watchPipe();
  expect(ringBytes(process.pid)).toBeGreaterThan(0);
  const seen: number[] = [];
  const { failures, start } = createReplaced(() => {
    seen.push(ringBytes(process.pid));
    throw new Error("the disk is full");
  });
  expect(await start()).toEqual({ version: "9.9.9", waitMs: 60_000 });
  await until("the replacement fails", () => failures.length === 1);
  expect(seen).toEqual([0]);
  expect(failures).toEqual(["the disk is full"]);
  const before = pipe.ended();
  await pipe.wait();
  expect(pipe.ended()).toBe(before + 1);
  expect(ringBytes(process.pid)).toBeGreaterThan(0);
});

test("a call that cannot be handed over is waited for, even if it begins late", async () => {
  const order: string[] = [];
  const counts = [0, 1, 1, 0];
  const { failures, start } = createReplaced(
    () => {
      order.push("frozen");
      throw new Error("over");
    },
    () => {
      const count = counts.shift() ?? 0;
      order.push(`${count} held up`);
      return count;
    },
  );
  await start();
  await until("the replacement fails", () => failures.length === 1);
  expect(order).toEqual(["0 held up", "1 held up", "1 held up", "0 held up", "frozen"]);
});

test("a second replacement is refused until the first one has failed", async () => {
  const { failures, start } = createReplaced(() => {
    throw new Error("over");
  });
  await start();
  expect(start()).rejects.toMatchObject({ code: "BUSY" });
  await until("the first one fails", () => failures.length === 1);
  await start();
  await until("the second one fails", () => failures.length === 2);
});
