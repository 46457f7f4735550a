/** The host's watch for guests, through `watchEndpoints`: what a reload replaces. The test ends the waits. */
import { expect, test } from "bun:test";
import { once } from "node:events";
import { onAbort } from "../../../src/abort.ts";
import type { Scan } from "../../../src/discovery/endpoint.ts";
import { watchEndpoints } from "../../../src/discovery/watch.ts";
import type { News } from "../../../src/discovery/news.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { createReloadableWatch } from "../../../src/roles/host/reloadable-watch.ts";
import type { WatchTarget } from "../../../src/roles/host/reloadable-watch.ts";
import { endpoint } from "../../discovery/endpoint-sample.ts";
import { createChanges, found } from "../../discovery/watch-stage.ts";
import type { ChangeSource } from "../../discovery/watch-stage.ts";
import { waitTurns } from "../../support/event-loop.ts";
import { until } from "../../support/until.ts";

const A = endpoint({ guest: "a", path: "/a", source: "libvirt", uuid: "ua" });
const B = endpoint({ guest: "b", path: "/b", source: "config" });
const SETTLE_MS = 200;
const SILENT: WatchTarget = { find: () => Promise.resolve(found()), pollMs: 1000 };

/** Returns a target that counts its scans, the last of which repeats. The test controls its followers. */
function createSource(pollMs: number, ...scans: Scan[]) {
  const followers: ChangeSource[] = [];
  let count = 0;
  const target: WatchTarget = {
    find: () => Promise.resolve(scans[Math.min(count++, scans.length - 1)] ?? found()),
    follow: (signal) => createChanges(signal, followers),
    pollMs,
  };
  return { target, followers, scanCount: () => count };
}

/** Starts a watch whose waits the test ends, except those in which a burst settles. */
function createScene(first: WatchTarget) {
  const controller = new AbortController();
  const waits: { milliseconds: number; end: () => void }[] = [];
  const reloadable = createReloadableWatch(first, (milliseconds, signal) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const entry = { milliseconds, end: () => resolve() };
    if (signal.aborted || milliseconds === SETTLE_MS) return Promise.resolve();
    waits.push(entry);
    onAbort(signal, entry.end);
    return promise.finally(() => waits.splice(waits.indexOf(entry), 1));
  });
  const watch = watchEndpoints(reloadable, controller.signal);
  return {
    reloadable,
    waiting: () => waits.map(({ milliseconds }) => milliseconds),
    async endWait(milliseconds: number): Promise<void> {
      const ours = await until(`it waits for ${milliseconds} ms`, () =>
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

test("replace scans the new target at once and waits for its pollMs", async () => {
  const [old, next] = [createSource(30_000, found(A)), createSource(5000, found(B))];
  await using scene = createScene(old.target);
  expect((await scene.next()).appeared).toEqual([A]);
  const news = scene.next();
  await until("it waits", () => scene.waiting().includes(30_000));
  scene.reloadable.replace(next.target);
  expect(await news).toEqual({ appeared: [B], changed: [], gone: [A], problems: [] });
  expect([old.scanCount(), next.scanCount()]).toEqual([1, 1]);
  void scene.next().catch(() => undefined);
  await until("it waits again", () => scene.waiting().includes(5000));
  expect(scene.waiting()).toEqual([5000]);
});

test("replace aborts the running scan, which gives no news", async () => {
  const next = createSource(5000, found(B));
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
  scene.reloadable.replace(next.target);
  expect(signal.aborted).toBe(true);
  expect(await first).toEqual({ appeared: [], changed: [], gone: [], problems: [] });
  expect(await scene.next()).toEqual({ appeared: [B], changed: [], gone: [], problems: [] });
});

test("a scan that fails without a replace is a problem", async () => {
  const failing: WatchTarget = {
    ...SILENT,
    find: () => Promise.reject(new NegotiatorError("DENIED", "Not for you")),
  };
  await using scene = createScene(failing);
  expect((await scene.next()).problems.map(({ message }) => message)).toEqual(["Not for you"]);
});

test("a replace between a scan and its wait leads to a scan at once", async () => {
  const [old, next] = [createSource(30_000, found(A)), createSource(5000, found(B))];
  await using scene = createScene(old.target);
  await scene.next();
  // The watch stands still between two calls of `next`, and after this no follower can report a change.
  old.followers[0]?.fail();
  await waitTurns(5);
  scene.reloadable.replace(next.target);
  expect((await scene.next()).appeared).toEqual([B]);
});

test("replace ends the old follower and starts the new one without a problem", async () => {
  const [old, next] = [createSource(30_000, found(A)), createSource(5000, found(A, B), found(B))];
  await using scene = createScene(old.target);
  await scene.next();
  const first = scene.next();
  scene.reloadable.replace(next.target);
  expect(await first).toEqual({ appeared: [B], changed: [], gone: [], problems: [] });
  await until("the new target is followed", () => next.followers.length === 1);
  expect([old.followers[0]?.signal.aborted, next.followers[0]?.signal.aborted]).toEqual([true, false]);

  const second = scene.next();
  await until("it waits", () => scene.waiting().includes(5000));
  next.followers[0]?.change();
  expect(await second).toEqual({ appeared: [], changed: [], gone: [A], problems: [] });
  expect([old.followers.length, next.followers.length]).toEqual([1, 1]);
  expect([old.scanCount(), next.scanCount()]).toEqual([1, 2]);
});

test("an old follower that rejects at its abort is not a problem", async () => {
  const next = createSource(5000, found(B), found());
  const rejecting: WatchTarget = {
    ...SILENT,
    // oxlint-disable-next-line require-yield -- it only rejects
    async *follow(signal) {
      await once(signal, "abort");
      throw new NegotiatorError("CANCELLED", "It was cancelled");
    },
  };
  await using scene = createScene(rejecting);
  await scene.next();
  const news = scene.next();
  scene.reloadable.replace(next.target);
  expect((await news).problems).toEqual([]);
  await until("the new target is followed", () => next.followers.length === 1);
  const more = scene.next();
  await until("it waits", () => scene.waiting().includes(5000));
  next.followers[0]?.change();
  expect(await more).toEqual({ appeared: [], changed: [], gone: [B], problems: [] });
});

test("changes during the slow end of the old follower lead to a scan", async () => {
  const next = createSource(5000, found(A));
  const ending = Promise.withResolvers<void>();
  const slow: WatchTarget = {
    ...SILENT,
    // oxlint-disable-next-line require-yield -- it only waits
    async *follow() {
      await ending.promise;
    },
  };
  await using scene = createScene(slow);
  await scene.next();
  const news = scene.next();
  scene.reloadable.replace(next.target);
  expect((await news).appeared).toEqual([A]);
  void scene.next().catch(() => undefined);
  await until("it waits", () => scene.waiting().includes(5000));
  expect([next.scanCount(), next.followers.length]).toEqual([1, 0]);
  ending.resolve();
  await until("it has scanned once more", () => next.scanCount() === 2);
  expect(next.followers).toHaveLength(1);
});

test("a target without a follower can replace one, and be replaced by one", async () => {
  const [old, next] = [createSource(30_000, found()), createSource(5000, found())];
  await using scene = createScene(old.target);
  await scene.next();
  void scene.next().catch(() => undefined);
  scene.reloadable.replace(SILENT);
  await until("it waits", () => scene.waiting().includes(SILENT.pollMs));
  expect(old.followers[0]?.signal.aborted).toBe(true);
  Bun.gc(true);
  scene.reloadable.replace(next.target);
  await until("the target is followed", () => next.followers.length === 1);
});

test("a replace after the follower has ended starts the new one at once", async () => {
  const [old, next] = [createSource(30_000, found()), createSource(5000, found(B))];
  await using scene = createScene(old.target);
  await scene.next();
  const news = scene.next();
  old.followers[0]?.fail();
  await waitTurns(5);
  expect(scene.waiting()).toEqual([30_000, 2000]);
  scene.reloadable.replace(next.target);
  const { appeared, problems } = await news;
  expect(appeared).toEqual([B]);
  expect(problems.map(({ code }) => code)).toEqual(["CLOSED"]);
  await until("the target is followed", () => next.followers.length === 1);
});

test("a follower that fails at once causes scans after 2 s and 4 s, then at most one per poll", async () => {
  let [scans, starts] = [0, 0];
  const broken: WatchTarget = {
    find: () => Promise.resolve((scans++, found())),
    // oxlint-disable-next-line require-yield -- it rejects at once
    async *follow() {
      starts++;
      throw new NegotiatorError("UNSUPPORTED", "There is no such program");
    },
    pollMs: 5000,
  };
  await using scene = createScene(SILENT);
  await scene.next();
  const news = scene.next();
  scene.reloadable.replace(broken);
  expect((await news).problems.map(({ message }) => message)).toEqual(["There is no such program"]);
  void scene.next().catch(() => undefined);
  for (const retryMs of [2000, 4000]) {
    await until("it waits", () => scene.waiting().includes(retryMs));
    expect(scene.waiting()).toEqual([5000, retryMs]);
    await scene.endWait(retryMs);
  }
  for (let count = 0; count < 3; count++) {
    await until("it waits", () => scene.waiting().includes(5000) && scene.waiting().length === 1);
    await waitTurns(5);
    expect(scene.waiting()).toEqual([5000]);
    await scene.endWait(5000);
  }
  expect(scans).toBeLessThan(9);
  expect(starts).toBeLessThan(9);
});

test("the end of the watch ends the follower of the new target too", async () => {
  const [old, next] = [createSource(30_000, found()), createSource(5000, found())];
  await using scene = createScene(old.target);
  await scene.next();
  void scene.next().catch(() => undefined);
  scene.reloadable.replace(next.target);
  await until("the target is followed", () => next.followers.length === 1);
  await scene[Symbol.asyncDispose]();
  expect(next.followers[0]?.signal.aborted).toBe(true);
  expect(scene.waiting()).toEqual([]);
});

test("lookAgain ends the wait for the poll, and a call during a scan leads to another one", async () => {
  const source = createSource(30_000, found(A), found(A, B), found(B));
  await using scene = createScene(source.target);
  await scene.next();
  const news = scene.next();
  await until("it waits for the poll", () => scene.waiting().includes(30_000));
  const looked = scene.reloadable.lookAgain();
  expect((await news).appeared).toEqual([B]);
  expect(await looked).toBeUndefined();
  const later = scene.next();
  void scene.reloadable.lookAgain();
  expect((await later).gone).toEqual([A]);
  expect(source.scanCount()).toBe(3);
});
