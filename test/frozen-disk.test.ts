/** Writes wait while file systems are frozen. */
import { afterEach, expect, test } from "bun:test";
import { freezeDisk, isDiskFrozen, thawDisk, untilDiskThaws } from "../src/frozen-disk.ts";

afterEach(thawDisk);

test("the disk is frozen from freezeDisk to thawDisk", () => {
  expect(isDiskFrozen()).toBe(false);
  freezeDisk();
  expect(isDiskFrozen()).toBe(true);
  thawDisk();
  expect(isDiskFrozen()).toBe(false);
});

test("untilDiskThaws resolves at once while nothing is frozen", async () => {
  await untilDiskThaws();
  expect(isDiskFrozen()).toBe(false);
});

test("one thaw after two freezes lets a writer go on that waited since the first", async () => {
  const steps: string[] = [];
  freezeDisk();
  const waiting = untilDiskThaws().then(() => steps.push("written"));
  freezeDisk();
  await Promise.resolve();
  await Promise.resolve();
  steps.push("thawed");
  thawDisk();
  await waiting;
  expect(steps).toEqual(["thawed", "written"]);
});
