/** Things that clients of the guest agent leave behind: they are bounded, and go after a time of rest. */
import { expect, test } from "bun:test";
import { createKeptItems } from "../../../src/methods/agent/kept-items.ts";

function openKept() {
  const clock = { nowMs: 0 };
  const dropped: string[] = [];
  const kept = createKeptItems<{ name: string; isBusy?: boolean }>({
    most: 2,
    idleMs: 1000,
    now: () => clock.nowMs,
    isIdle: ({ isBusy }) => isBusy !== true,
    drop: ({ name }) => dropped.push(name),
  });
  return { clock, dropped, kept };
}

test("with too many items, the idle one that was unused longest goes", () => {
  const { dropped, kept } = openKept();
  kept.add(1, { name: "one" });
  kept.add(2, { name: "two" });
  kept.find(1n);
  expect(kept.add(3, { name: "three" })).toBe(true);
  expect({ dropped, count: kept.count }).toEqual({ dropped: ["two"], count: 2 });
});

test("with too many items that are all busy, no further one is kept", () => {
  const { dropped, kept } = openKept();
  kept.add(1, { name: "one", isBusy: true });
  kept.add(2, { name: "two", isBusy: true });
  expect(kept.add(3, { name: "three" })).toBe(false);
  expect({ dropped, count: kept.count }).toEqual({ dropped: [], count: 2 });
});

test("an idle item goes after its time, a used and a busy one stay", () => {
  const { clock, dropped, kept } = openKept();
  kept.add(1, { name: "idle" });
  kept.add(2, { name: "used" });
  clock.nowMs = 900;
  kept.find(2n);
  kept.expire(1001);
  expect(dropped).toEqual(["idle"]);
  kept.add(3, { name: "busy", isBusy: true });
  kept.expire(5000);
  expect({ dropped, count: kept.count }).toEqual({ dropped: ["idle", "used"], count: 1 });
});
