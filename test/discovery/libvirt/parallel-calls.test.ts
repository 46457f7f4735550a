/** A few calls of virsh at the same time. */
import { expect, test } from "bun:test";
import { mapBounded } from "../../../src/discovery/libvirt/parallel-calls.ts";

test("mapBounded works on two of five items at once, and keeps their order", async () => {
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const started: number[] = [];
  const results = mapBounded([0, 1, 2, 3, 4], 2, async (item) => {
    started.push(item);
    await gates[item]?.promise;
    return item * 10;
  });
  expect(started).toEqual([0, 1]);
  gates[1]?.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  expect(started).toEqual([0, 1, 2]);
  for (const gate of gates) gate.resolve();
  expect(await results).toEqual([0, 10, 20, 30, 40]);
  expect(started).toEqual([0, 1, 2, 3, 4]);
});

test("mapBounded of no items does no work", async () => {
  expect(await mapBounded([], 4, () => Promise.reject(new Error("called")))).toEqual([]);
});
