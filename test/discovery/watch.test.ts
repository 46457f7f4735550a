/** Watching a finder without a clock: the test ends each wait. */
import { expect, test } from "bun:test";
import { onAbort } from "../../src/abort.ts";
import type { Endpoint, Scan } from "../../src/discovery/endpoint.ts";
import { watchEndpoints } from "../../src/discovery/watch.ts";
import type { News } from "../../src/discovery/news.ts";
import { NegotiatorError } from "../../src/errors.ts";
import { AGENT_PORT, endpoint } from "./endpoint-sample.ts";
import { createChanges, createStage, found, POLL, SETTLE, until } from "./watch-stage.ts";
import type { ChangeSource } from "./watch-stage.ts";

const A = endpoint({ guest: "a", path: "/a", source: "libvirt", uuid: "ua" });
const B = endpoint({ guest: "b", path: "/b", source: "libvirt", uuid: "ub" });
const C = endpoint({ guest: "c", path: "/c", source: "qemu" });
const names = (list: readonly Endpoint[]): string[] => list.map(({ guest }) => guest);

test("the first news comes at once, even if nothing was found", async () => {
  const stage = createStage([found()]);
  expect(await stage.next()).toEqual({ appeared: [], changed: [], gone: [], problems: [] });
  const other = createStage([found(A, B)]);
  expect(names((await other.next()).appeared)).toEqual(["a", "b"]);
  await Promise.all([stage.watch.return(), other.watch.return()]);
});

test("a poll yields appeared and gone guests, and nothing when nothing changed", async () => {
  const stage = createStage([found(A), found(A), found(B)]);
  await stage.next();
  const news = stage.next();
  await stage.endWait(POLL);
  await until(() => stage.scanCount() === 2);
  await stage.endWait(POLL);
  expect(await news).toEqual({ appeared: [B], changed: [], gone: [A], problems: [] });
  await stage.watch.return();
});

test("a change ends the wait for the poll and leads to one scan after the burst", async () => {
  const stage = createStage([found(A), found(A, B)]);
  await stage.next();
  const news = stage.next();
  await until(() => stage.waiting().includes(POLL));
  stage.followers[0]?.change();
  await until(() => stage.waiting().includes(SETTLE));
  expect(stage.waiting()).toEqual([SETTLE]);
  expect(stage.scanCount()).toBe(1);
  stage.followers[0]?.change();
  await stage.endWait(SETTLE);
  expect(names((await news).appeared)).toEqual(["b"]);
  expect(stage.scanCount()).toBe(2);
  const later = stage.next();
  await until(() => stage.waiting().length > 0);
  expect(stage.waiting()).toEqual([POLL]);
  stage.controller.abort();
  expect(later).rejects.toThrow("the watch ended");
});

test("a change that a guest causes leads to a scan, but not right after the last one", async () => {
  const stage = createStage([found(A), found(A, B)]);
  await stage.next();
  const news = stage.next();
  await until(() => stage.waiting().includes(POLL));
  stage.setNow(500);
  stage.followers[0]?.changeByGuest();
  await stage.endWait(1500);
  await stage.endWait(SETTLE);
  expect(names((await news).appeared)).toEqual(["b"]);
  await stage.watch.return();
});

test("a change during a scan leads to another scan", async () => {
  const slow = Promise.withResolvers<Scan>();
  const followers: ChangeSource[] = [];
  const waits: number[] = [];
  let count = 0;
  const controller = new AbortController();
  const watch = watchEndpoints(
    {
      find: () => (count++ === 0 ? slow.promise : Promise.resolve(found(A))),
      follow: (signal) => createChanges(signal, followers),
      wait: (milliseconds, signal) => {
        waits.push(milliseconds);
        return milliseconds === SETTLE
          ? Promise.resolve()
          : new Promise((resolve) => void onAbort(signal, resolve));
      },
      now: () => 0,
      pollMs: POLL,
      settleMs: SETTLE,
    },
    controller.signal,
  );
  const first = watch.next();
  await until(() => followers.length === 1);
  followers[0]?.change();
  await new Promise((resolve) => setImmediate(resolve));
  slow.resolve(found());
  await first;
  expect(names((await watch.next()).value?.appeared ?? [])).toEqual(["a"]);
  expect(waits).toContain(SETTLE);
  await watch.return();
});

test("the port of another program appears, changes and goes like those of negotiator", async () => {
  const agent = endpoint({ ...A, port: AGENT_PORT, path: "/a/qga", connected: false });
  const open = { ...agent, connected: true };
  const stage = createStage([found(A, agent), found(A, open), found(A)]);
  expect((await stage.next()).appeared).toEqual([A, agent]);
  const changed = stage.next();
  await stage.endWait(POLL);
  expect(await changed).toEqual({ appeared: [], changed: [open], gone: [], problems: [] });
  const gone = stage.next();
  await stage.endWait(POLL);
  expect(await gone).toEqual({ appeared: [], changed: [], gone: [open], problems: [] });
  await stage.watch.return();
});

test("a guest that was paused is a changed endpoint", async () => {
  const paused = { ...A, state: "paused" } as const;
  const stage = createStage([found(A), found(paused)]);
  await stage.next();
  const news = stage.next();
  await stage.endWait(POLL);
  expect(await news).toEqual({ appeared: [], changed: [paused], gone: [], problems: [] });
  await stage.watch.return();
});

test("a restarted guest with a new socket is a gone and an appeared endpoint", async () => {
  const restarted = { ...A, path: "/a2" };
  const stage = createStage([found(A), found(restarted)]);
  await stage.next();
  const news = stage.next();
  await stage.endWait(POLL);
  expect(await news).toEqual({ appeared: [restarted], changed: [], gone: [A], problems: [] });
  await stage.watch.return();
});

test("a scan that fails again is reported once and removes no endpoint", async () => {
  const down = new NegotiatorError("NO_CHANNEL", "libvirt is down");
  const stage = createStage([found(A), down, down, new Error("odd"), found(A), down, found(B)]);
  await stage.next();
  const problems: string[][] = [];
  const poll = async (): Promise<News> => {
    const news = stage.next();
    const scans = stage.scanCount();
    const hasNews = (): boolean => Bun.peek.status(news) !== "pending";
    while (!hasNews()) {
      await stage.endWait(POLL);
      await until(() => hasNews() || stage.waiting().length > 0);
    }
    expect(stage.scanCount()).toBeGreaterThan(scans);
    return news;
  };
  for (let round = 0; round < 3; round++) {
    const { appeared, gone, problems: reported } = await poll();
    expect([appeared, gone]).toEqual([[], []]);
    problems.push(reported.map(({ message }) => message));
  }
  expect(problems).toEqual([["libvirt is down"], ["odd"], ["libvirt is down"]]);
  const { appeared, gone } = await poll();
  expect([names(appeared), names(gone)]).toEqual([["b"], ["a"]]);
  await stage.watch.return();
});

test("endpoints that a scan could not read stay, and other missing ones are gone", async () => {
  const problem = new NegotiatorError("TIMEOUT", "too slow");
  const stage = createStage([
    found(A, B, C),
    { endpoints: [], problems: [problem], unread: [{ source: "libvirt", uuid: "ua" }] },
    { endpoints: [], problems: [problem], unread: [{ source: "libvirt" }] },
    found(),
  ]);
  await stage.next();
  const first = stage.next();
  await stage.endWait(POLL);
  expect(names((await first).gone)).toEqual(["b", "c"]);
  const second = stage.next();
  await stage.endWait(POLL);
  await until(() => stage.scanCount() === 3);
  await stage.endWait(POLL);
  expect(names((await second).gone)).toEqual(["a"]);
  await stage.watch.return();
});

test.each([
  ["ends", undefined, "the source of events ended"],
  ["fails", new Error("virsh died"), "virsh died"],
])(
  "when the source of events %s, the watch reports it, goes on with polls and follows again",
  async (_, error, text) => {
    const stage = createStage([found(A), found(A), found(B)]);
    await stage.next();
    const news = stage.next();
    stage.followers[0]?.fail(error);
    await stage.endWait(POLL);
    expect((await news).problems.map(({ message }) => message)).toEqual([expect.stringContaining(text)]);
    expect(stage.followers).toHaveLength(2);
    const later = stage.next();
    await until(() => stage.waiting().includes(POLL));
    stage.followers[1]?.change();
    await stage.endWait(SETTLE);
    expect(names((await later).appeared)).toEqual(["b"]);
    await stage.watch.return();
  },
);

test("after the source of events ended, scans come after 2 s and 4 s until it runs, then polls", async () => {
  const stage = createStage([found(A), found(A), found(A), found(B), found(A)]);
  await stage.next();
  /** The first one has the problem that the source ended, the second one nothing new. */
  const news = [stage.next(), stage.next(), stage.next()];
  for (const [index, pauseMs] of [2000, 4000].entries()) {
    stage.followers[index]?.fail();
    await stage.endWait(pauseMs);
    await until(() => stage.followers.length === index + 2);
  }
  stage.followers[2]?.change();
  await stage.endWait(SETTLE);
  await until(() => stage.waiting().includes(POLL));
  expect(stage.waiting()).toEqual([POLL]);
  stage.followers[2]?.fail();
  await stage.endWait(2000);
  const appeared = (await Promise.all(news)).map((each) => names(each.appeared));
  expect(appeared).toEqual([[], ["b"], ["a"]]);
  await stage.watch.return();
});

test("without a source of events, polls find new guests", async () => {
  const stage = createStage([found(), found(A)], false);
  await stage.next();
  const news = stage.next();
  await stage.endWait(POLL);
  expect(names((await news).appeared)).toEqual(["a"]);
  await stage.watch.return();
});

test("when its signal aborts, the watch ends, stops the follower and leaves no wait", async () => {
  const stage = createStage([found(A)]);
  await stage.next();
  const end = stage.watch.next();
  await until(() => stage.waiting().includes(POLL));
  stage.controller.abort();
  expect(await end).toEqual({ done: true, value: undefined });
  expect(stage.followers[0]?.signal.aborted).toBe(true);
  expect(stage.waiting()).toEqual([]);
});

test("a break out of the loop over the watch stops the follower", async () => {
  const stage = createStage([found(A)]);
  for await (const news of stage.watch) {
    expect(names(news.appeared)).toEqual(["a"]);
    break;
  }
  expect(stage.followers[0]?.signal.aborted).toBe(true);
});

test("a wait that rejects before an abort makes the watch reject", async () => {
  const watch = watchEndpoints(
    {
      find: async () => found(),
      wait: () => Promise.reject(new Error("no clock")),
      now: () => 0,
      pollMs: POLL,
      settleMs: SETTLE,
    },
    new AbortController().signal,
  );
  await watch.next();
  expect(watch.next()).rejects.toThrow("no clock");
});

test("guests of one name are news once, and so is their end", async () => {
  const clash = { guests: ["a"], error: new NegotiatorError("BAD_CONFIG", "two guests have the name a") };
  const clashing: Scan = { ...found(A), clashes: [clash] };
  const stage = createStage([clashing, clashing, found(A)]);
  expect((await stage.next()).clashes).toEqual([clash]);
  const news = stage.next();
  await stage.endWait(POLL);
  await until(() => stage.scanCount() === 2);
  await stage.endWait(POLL);
  expect(await news).toEqual({ appeared: [], changed: [], gone: [], problems: [], clashes: [] });
  await stage.watch.return();
});
