/** The pace of a user's connections: which are passed on at once, which wait, and which are closed. */
import { expect, test } from "bun:test";
import { closeSync, fstatSync, openSync } from "node:fs";
import { createPacedUsers } from "../../src/process/paced-users.ts";
import type { UserPace } from "../../src/process/paced-users.ts";
import { until } from "../support/until.ts";

const SLOW: UserPace = { atOnce: 2, stepMs: 3_600_000, waiting: 3 };

function createScene(pace: UserPace) {
  const passed: number[] = [];
  const left = new Set<number>();
  const opened: number[] = [];
  const users = createPacedUsers({
    pace,
    hasLeft: (each) => left.has(each),
    pass: (each) => void passed.push(each),
  });
  return {
    users,
    passed,
    left,
    connect(uid: number): number {
      const descriptor = openSync("/dev/null", "r");
      opened.push(descriptor);
      users.add(uid, descriptor);
      return descriptor;
    },
    [Symbol.dispose]() {
      users.close();
      for (const each of passed) closeSync(each);
    },
  };
}

test("a user's connections above the pace wait, other users' and root's do not", () => {
  using scene = createScene(SLOW);
  const first = [scene.connect(1000), scene.connect(1000)];
  const waiting = scene.connect(1000);
  const others = [scene.connect(2000), scene.connect(0), scene.connect(0), scene.connect(0)];
  expect(scene.passed).toEqual([...first, ...others]);
  scene.users.flush();
  expect(scene.passed).toEqual([...first, ...others, waiting]);
});

test("a connection above those that may wait is closed, and root's is passed on", () => {
  using scene = createScene(SLOW);
  for (let count = 0; count < 5; count++) scene.connect(1000);
  const closed = scene.connect(1000);
  expect(() => fstatSync(closed)).toThrow("EBADF");
  expect(scene.passed).not.toContain(closed);
  expect(scene.passed).toContain(scene.connect(0));
});

test("waiting connections are passed on in order, at the pace", async () => {
  using scene = createScene({ atOnce: 1, stepMs: 5, waiting: 10 });
  const beganMs = performance.now();
  const all = [1, 2, 3, 4].map(() => scene.connect(1000));
  await until("all are passed on", () => scene.passed.length === all.length);
  expect(scene.passed).toEqual(all);
  expect(performance.now() - beganMs).toBeGreaterThanOrEqual(10);
});

test("a connection that has left is closed, and takes nothing of the pace", () => {
  using scene = createScene({ ...SLOW, atOnce: 1 });
  const gone = openSync("/dev/null", "r");
  scene.left.add(gone);
  scene.users.add(1000, gone);
  expect(() => fstatSync(gone)).toThrow("EBADF");
  scene.left.clear();
  const next = scene.connect(1000);
  expect(scene.passed).toEqual([next]);
});
