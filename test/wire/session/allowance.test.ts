/** The allowance of messages that need no answer. */
import { expect, test } from "bun:test";
import { createAllowance } from "../../../src/wire/session/allowance.ts";

/** Returns how many messages of so many bytes an allowance takes. */
function countTaken(allowance: ReturnType<typeof createAllowance>, bytes: number): number {
  let taken = 0;
  while (taken < 1000 && allowance.take(bytes)) taken++;
  return taken;
}

test("a message costs its bytes and 256 more, and the last one may cost more than is left", () => {
  expect(countTaken(createAllowance(1024), 0)).toBe(4);
  expect(countTaken(createAllowance(1025), 0)).toBe(5);
  expect(countTaken(createAllowance(1024), 256)).toBe(2);
  expect(countTaken(createAllowance(1), 1_000_000)).toBe(1);
  expect(countTaken(createAllowance(0), 0)).toBe(0);
});

test("a renewed allowance is full again, without a debt and without what was left", () => {
  const allowance = createAllowance(1024);
  expect(allowance.take(5000)).toBe(true);
  expect(allowance.take(0)).toBe(false);
  allowance.renew();
  allowance.renew();
  expect(countTaken(allowance, 0)).toBe(4);
});
