/** One task waits until something has changed. */
import { expect, test } from "bun:test";
import { createCondition } from "../../src/channels/condition.ts";

test("notify ends the present wait, and not a later one", async () => {
  const condition = createCondition();
  condition.notify();
  const first = condition.wait();
  expect(Bun.peek.status(first)).toBe("pending");
  condition.notify();
  await first;
  const second = condition.wait();
  condition.notify();
  const third = condition.wait();
  await second;
  expect(Bun.peek.status(third)).toBe("pending");
});
