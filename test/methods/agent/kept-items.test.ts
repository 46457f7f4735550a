/** Things that clients of the guest agent leave behind: they are bounded, and go after a time of rest. */
import { expect, test } from "bun:test";
import { createKeptItems } from "../../../src/methods/agent/kept-items.ts";

type Thing = { name: string; isBusy?: boolean };

function openKept() {
  const clock = { nowMs: 0 };
  const dropped: string[] = [];
  const kept = createKeptItems<Thing>({
    most: 2,
    idleMs: 1000,
    now: () => clock.nowMs,
    isIdle: ({ isBusy }) => isBusy !== true,
    drop: ({ name }) => dropped.push(name),
  });
  const add = (number: number, thing: Thing): void => kept.reserve()?.keep(number, thing);
  return { clock, dropped, kept, add };
}

test("with too many items, the idle one that was unused longest goes", () => {
  const { dropped, kept, add } = openKept();
  add(1, { name: "one" });
  add(2, { name: "two" });
  kept.find(1n);
  add(3, { name: "three" });
  expect({ dropped, count: kept.count }).toEqual({ dropped: ["two"], count: 2 });
});

test("with too many items that are all busy, there is no place for a further one", () => {
  const { dropped, kept, add } = openKept();
  add(1, { name: "one", isBusy: true });
  add(2, { name: "two", isBusy: true });
  expect(kept.reserve()).toBeUndefined();
  expect({ dropped, count: kept.count }).toEqual({ dropped: [], count: 2 });
});

test("a place counts from its reservation on, and until it is given back", () => {
  const { dropped, kept, add } = openKept();
  add(1, { name: "one" });
  const places = [kept.reserve(), kept.reserve()];
  expect(kept.reserve()).toBeUndefined();
  places[0]?.keep(2, { name: "two", isBusy: true });
  places[0]?.[Symbol.dispose]();
  expect(kept.reserve()).toBeUndefined();
  places[1]?.[Symbol.dispose]();
  places[1]?.[Symbol.dispose]();
  add(3, { name: "three", isBusy: true });
  expect(kept.reserve()).toBeUndefined();
  expect({ dropped, count: kept.count }).toEqual({ dropped: ["one"], count: 2 });
});

test("an idle item goes after its time, a used and a busy one stay", () => {
  const { clock, dropped, kept, add } = openKept();
  add(1, { name: "idle" });
  add(2, { name: "used" });
  clock.nowMs = 900;
  kept.find(2n);
  kept.expire(1001);
  expect(dropped).toEqual(["idle"]);
  add(3, { name: "busy", isBusy: true });
  kept.expire(5000);
  expect({ dropped, count: kept.count }).toEqual({ dropped: ["idle", "used"], count: 1 });
});
