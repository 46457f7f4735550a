/** The host's lookout, watched through `watchEndpoints`: what a reload replaces, while the ends of waits are the test's. */
import { expect, test } from "bun:test";
import { once } from "node:events";
import type { Scan } from "../../../src/discovery/endpoint.ts";
import { watchEndpoints } from "../../../src/discovery/watch.ts";
import type { News } from "../../../src/discovery/watch.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { createReloadableWatch } from "../../../src/roles/host/reloadable-watch.ts";
import type { WatchTarget } from "../../../src/roles/host/reloadable-watch.ts";
import { endpoint } from "../../discovery/endpoint-sample.ts";
import { createChanges, found } from "../../discovery/watch-stage.ts";
import type { ChangeSource } from "../../discovery/watch-stage.ts";
import { turns } from "../../support/turns.ts";
import { until } from "../../support/until.ts";

const A = endpoint({ guest: "a", path: "/a", source: "libvirt", uuid: "ua" });
const B = endpoint({ guest: "b", path: "/b", source: "config" });
const SETTLE_MS = 200;
const SILENT: WatchTarget = { find: () => Promise.resolve(found()), pollMs: 1000 };

/** A source whose looks are counted, and whose followers are in the test's hands; the last of `scans` repeats. */
function createSource(pollMs: number, ...scans: Scan[]) {
  const followers: ChangeSource[] = [];
  let looks = 0;
  const outlook: WatchTarget = {
    find: () => Promise.resolve(scans[Math.min(looks++, scans.length - 1)] ?? found()),
    follow: (signal) => createChanges(signal, followers),
    pollMs,
  };
  return { outlook, followers, looks: () => looks };
}

/** A watch over a lookout, whose pauses the test ends, but for those in which a burst settles. */
function createScene(first: WatchTarget) {
  const controller = new AbortController();
  const waits: { milliseconds: number; end: () => void }[] = [];
  const lookout = createReloadableWatch(first, (milliseconds, signal) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const entry = { milliseconds, end: () => resolve() };
    if (signal.aborted || milliseconds === SETTLE_MS) return Promise.resolve();
    waits.push(entry);
    signal.addEventListener("abort", entry.end);
    return promise.finally(() => waits.splice(waits.indexOf(entry), 1));
  });
  const watch = watchEndpoints(lookout, controller.signal);
  return {
    lookout,
    waiting: () => waits.map(({ milliseconds }) => milliseconds),
    async endWait(milliseconds: number): Promise<void> {
      const ours = await until(`it pauses for ${milliseconds} ms`, () =>
        waits.find((wait) => wait.milliseconds === milliseconds),
      );
      ours.end();
    },
    async next(): Promise<News> {
      const { value } = await watch.next();
      if (value === undefined) throw new Error("The watch ended");
      return value;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      controller.abort();
      await watch.return();
    },
  };
}

test("what replaces the old is looked at at once, and its pause counts", async () => {
  const [old, young] = [createSource(30_000, found(A)), createSource(5000, found(B))];
  await using scene = createScene(old.outlook);
  expect((await scene.next()).appeared).toEqual([A]);
  const news = scene.next();
  await until("it pauses", () => scene.waiting().includes(30_000));
  scene.lookout.replace(young.outlook);
  expect(await news).toEqual({ appeared: [B], changed: [], gone: [A], problems: [] });
  expect([old.looks(), young.looks()]).toEqual([1, 1]);
  void scene.next().catch(() => undefined);
  await until("it pauses anew", () => scene.waiting().includes(5000));
  expect(scene.waiting()).toEqual([5000]);
});

test("a look under way is broken off, and is no news", async () => {
  const young = createSource(5000, found(B));
  const looking = Promise.withResolvers<AbortSignal>();
  const hanging: WatchTarget = {
    ...SILENT,
    async find(signal) {
      looking.resolve(signal);
      await once(signal, "abort");
      throw new NegotiatorError("CANCELLED", "It was cancelled");
    },
  };
  await using scene = createScene(hanging);
  const first = scene.next();
  const signal = await looking.promise;
  scene.lookout.replace(young.outlook);
  expect(signal.aborted).toBe(true);
  expect(await first).toEqual({ appeared: [], changed: [], gone: [], problems: [] });
  expect(await scene.next()).toEqual({ appeared: [B], changed: [], gone: [], problems: [] });
});

test("a look that fails by itself is told", async () => {
  const failing: WatchTarget = {
    ...SILENT,
    find: () => Promise.reject(new NegotiatorError("DENIED", "Not for you")),
  };
  await using scene = createScene(failing);
  expect((await scene.next()).problems.map(({ message }) => message)).toEqual(["Not for you"]);
});

test("what is replaced between a look and the pause after it is not waited for", async () => {
  const [old, young] = [createSource(30_000, found(A)), createSource(5000, found(B))];
  await using scene = createScene(old.outlook);
  await scene.next();
  // The watch stands still while its news are worked on, and there is nobody who could tell of a change.
  old.followers[0]?.fail();
  await turns(5);
  scene.lookout.replace(young.outlook);
  expect((await scene.next()).appeared).toEqual([B]);
});

test("the old follower ends, the new one begins, and neither is a problem", async () => {
  const [old, young] = [createSource(30_000, found(A)), createSource(5000, found(A, B), found(B))];
  await using scene = createScene(old.outlook);
  await scene.next();
  const first = scene.next();
  scene.lookout.replace(young.outlook);
  expect(await first).toEqual({ appeared: [B], changed: [], gone: [], problems: [] });
  await until("the new one is followed", () => young.followers.length === 1);
  expect([old.followers[0]?.signal.aborted, young.followers[0]?.signal.aborted]).toEqual([true, false]);

  const second = scene.next();
  await until("it pauses", () => scene.waiting().includes(5000));
  young.followers[0]?.change();
  expect(await second).toEqual({ appeared: [], changed: [], gone: [A], problems: [] });
  expect([old.followers.length, young.followers.length]).toEqual([1, 1]);
  expect([old.looks(), young.looks()]).toEqual([1, 2]);
});

test("an old follower that complains of its end is not heard", async () => {
  const young = createSource(5000, found(B), found());
  const grumbling: WatchTarget = {
    ...SILENT,
    // oxlint-disable-next-line require-yield -- it only complains
    async *follow(signal) {
      await once(signal, "abort");
      throw new NegotiatorError("CANCELLED", "It was cancelled");
    },
  };
  await using scene = createScene(grumbling);
  await scene.next();
  const news = scene.next();
  scene.lookout.replace(young.outlook);
  expect((await news).problems).toEqual([]);
  await until("the new one is followed", () => young.followers.length === 1);
  const more = scene.next();
  await until("it pauses", () => scene.waiting().includes(5000));
  young.followers[0]?.change();
  expect(await more).toEqual({ appeared: [], changed: [], gone: [B], problems: [] });
});

test("what happened while the old follower took its time to end is looked for", async () => {
  const young = createSource(5000, found(A));
  const ending = Promise.withResolvers<void>();
  const slow: WatchTarget = {
    ...SILENT,
    // oxlint-disable-next-line require-yield -- it only takes its time
    async *follow() {
      await ending.promise;
    },
  };
  await using scene = createScene(slow);
  await scene.next();
  const news = scene.next();
  scene.lookout.replace(young.outlook);
  expect((await news).appeared).toEqual([A]);
  void scene.next().catch(() => undefined);
  await until("it pauses", () => scene.waiting().includes(5000));
  expect([young.looks(), young.followers.length]).toEqual([1, 0]);
  ending.resolve();
  await until("it has looked once more", () => young.looks() === 2);
  expect(young.followers).toHaveLength(1);
});

test("following can be left off and taken up again", async () => {
  const [old, young] = [createSource(30_000, found()), createSource(5000, found())];
  await using scene = createScene(old.outlook);
  await scene.next();
  void scene.next().catch(() => undefined);
  scene.lookout.replace(SILENT);
  await until("it pauses", () => scene.waiting().includes(SILENT.pollMs));
  expect(old.followers[0]?.signal.aborted).toBe(true);
  Bun.gc(true);
  scene.lookout.replace(young.outlook);
  await until("it is followed", () => young.followers.length === 1);
});

test("a follower that had died is replaced as well, without a pause", async () => {
  const [old, young] = [createSource(30_000, found()), createSource(5000, found(B))];
  await using scene = createScene(old.outlook);
  await scene.next();
  const news = scene.next();
  old.followers[0]?.fail();
  await turns(5);
  expect(scene.waiting()).toEqual([30_000]);
  scene.lookout.replace(young.outlook);
  const { appeared, problems } = await news;
  expect(appeared).toEqual([B]);
  expect(problems.map(({ code }) => code)).toEqual(["CLOSED"]);
  await until("it is followed", () => young.followers.length === 1);
});

test("a follower that dies at once costs no more than one look for each pause", async () => {
  let [looks, starts] = [0, 0];
  const broken: WatchTarget = {
    find: () => Promise.resolve((looks++, found())),
    // oxlint-disable-next-line require-yield -- it never comes that far
    async *follow() {
      starts++;
      throw new NegotiatorError("UNSUPPORTED", "There is no such program");
    },
    pollMs: 5000,
  };
  await using scene = createScene(SILENT);
  await scene.next();
  const news = scene.next();
  scene.lookout.replace(broken);
  expect((await news).problems.map(({ message }) => message)).toEqual(["There is no such program"]);
  void scene.next().catch(() => undefined);
  for (let count = 0; count < 3; count++) {
    await until("it pauses", () => scene.waiting().includes(5000));
    await turns(5);
    expect(scene.waiting()).toEqual([5000]);
    await scene.endWait(5000);
  }
  expect(looks).toBeLessThan(7);
  expect(starts).toBeLessThan(7);
});

test("leaving the watch ends whoever is followed, after a reload too", async () => {
  const [old, young] = [createSource(30_000, found()), createSource(5000, found())];
  await using scene = createScene(old.outlook);
  await scene.next();
  void scene.next().catch(() => undefined);
  scene.lookout.replace(young.outlook);
  await until("it is followed", () => young.followers.length === 1);
  await scene[Symbol.asyncDispose]();
  expect(young.followers[0]?.signal.aborted).toBe(true);
  expect(scene.waiting()).toEqual([]);
});
