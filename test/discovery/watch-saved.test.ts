/** A watch on guests that are saved and restored. */
import { expect, test } from "bun:test";
import type { News } from "../../src/discovery/news.ts";
import { NegotiatorError } from "../../src/errors.ts";
import { waitTurns } from "../support/event-loop.ts";
import { endpoint } from "./endpoint-sample.ts";
import { createStage, found, POLL, SETTLE, until } from "./watch-stage.ts";

const A = endpoint({ guest: "a", path: "/a", source: "libvirt", uuid: "ua" });
const B = endpoint({ guest: "b", path: "/b", source: "libvirt", uuid: "ub" });
const C = endpoint({ guest: "c", path: "/c", source: "qemu" });

test("a guest that is saved and restored with a new socket is changed, never gone", async () => {
  const saved = { ...A, state: "saved" } as const;
  const restored = { ...A, path: "/a2", state: "running", movedFrom: "/a" } as const;
  const { movedFrom: _, ...settled } = restored;
  const stage = createStage([found(A), found(saved), found(restored), found(settled), found(B)]);
  const poll = async (): Promise<News> => {
    const news = stage.next();
    await stage.endWait(POLL);
    return news;
  };
  await stage.next();
  expect(await poll()).toEqual({ appeared: [], changed: [saved], gone: [], problems: [] });
  expect(await poll()).toEqual({ appeared: [], changed: [restored], gone: [], problems: [] });
  const last = poll();
  await until(() => stage.scanCount() === 4);
  await stage.endWait(POLL);
  expect(await last).toEqual({ appeared: [B], changed: [], gone: [settled], problems: [] });
  expect(stage.known).toEqual([[], [A], [saved], [restored], [settled]]);
  await stage.watch.return();
});

test("after a save event, the finder gets libvirt's guest of that name as saved, once", async () => {
  const stage = createStage([found(A, B, C)]);
  await stage.next();
  const end = stage.watch.next();
  await until(() => stage.waiting().includes(POLL));
  stage.followers[0]?.change("a");
  await until(() => stage.waiting().includes(SETTLE));
  stage.followers[0]?.change("c");
  await stage.endWait(SETTLE);
  await until(() => stage.scanCount() === 2);
  expect(stage.known[1]).toEqual([{ ...A, state: "saved", awaitedUntilMs: 3_600_000 }, B, C]);
  await stage.endWait(POLL);
  await until(() => stage.scanCount() === 3);
  expect(stage.known[2]).toEqual([A, B, C]);
  stage.controller.abort();
  expect((await end).done).toBe(true);
});

test("a save event during the scan that misses the guest keeps the guest as saved", async () => {
  const stage = createStage([
    found(A, B),
    async () => {
      stage.followers[0]?.change("a");
      await waitTurns(3);
      return found(B);
    },
    found(B),
  ]);
  await stage.next();
  const second = stage.next();
  await stage.endWait(POLL);
  const saved = { ...A, state: "saved", awaitedUntilMs: 3_600_000 } as const;
  expect(await second).toEqual({ appeared: [], changed: [saved], gone: [], problems: [] });
  const third = stage.next();
  await stage.endWait(SETTLE);
  expect(await third).toEqual({ appeared: [], changed: [], gone: [saved], problems: [] });
  stage.controller.abort();
});

test("a saved guest that libvirt has forgotten is gone after an hour", async () => {
  const awaited = { ...A, state: "saved", awaitedUntilMs: 3_600_000 } as const;
  const down = new NegotiatorError("NO_CHANNEL", "libvirt is down");
  const stage = createStage([found(A), found(awaited), found(awaited), down]);
  await stage.next();
  const first = stage.next();
  await stage.endWait(POLL);
  expect((await first).changed).toEqual([awaited]);
  const second = stage.next();
  stage.setNow(3_599_999);
  await stage.endWait(POLL);
  await until(() => stage.scanCount() === 3);
  expect(stage.known[2]).toEqual([awaited]);
  stage.setNow(3_600_000);
  await stage.endWait(POLL);
  expect((await second).gone).toEqual([awaited]);
  expect(stage.known[3]).toEqual([]);
  await stage.watch.return();
});
