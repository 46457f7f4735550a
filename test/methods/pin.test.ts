/** Pins: which changes end a verdict on files, and which are only looked at now and then. */
import { expect, test } from "bun:test";
import { appendFile } from "node:fs/promises";
import {
  areAllCurrent,
  arePinsCurrent,
  arePinsEqual,
  newestChangeMs,
  pinsOf,
} from "../../src/methods/pin.ts";
import { lookAt } from "../../src/trust/look.ts";
import type { Seen } from "../../src/trust/look.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

function pinned(path: string, isAccounts: boolean) {
  const seen: Seen = new Map([[path, { path, status: lookAt(path), isListed: false, isAccounts }]]);
  return pinsOf(seen);
}

test("a change of a file ends the verdict at once", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("script", "one");
  const pins = pinned(path, false);
  expect(arePinsCurrent(pins)).toBe(true);
  expect(newestChangeMs(pins)).toBeGreaterThan(0);
  await appendFile(path, " more");
  expect(arePinsCurrent(pins)).toBe(false);
  expect(arePinsEqual(pins, pinned(path, false))).toBe(false);
});

test("a change of a list of users, as each user can make with chfn, holds up no call", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("passwd", "one");
  const pins = pinned(path, true);
  await appendFile(path, " more");
  expect(arePinsCurrent(pins)).toBe(true);
  expect(areAllCurrent(pins)).toBe(false);
  expect(arePinsEqual(pins, pinned(path, true))).toBe(true);
  expect(newestChangeMs(pins)).toBe(0);
});
