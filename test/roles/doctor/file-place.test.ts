/** A place for files has its free room, and the first obstacle to a file there. */
import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import {
  findLackOfInodes,
  findObstacle,
  formatRoom,
  freeRemedy,
  lookAtPlace,
} from "../../../src/roles/doctor/file-place.ts";
import type { FilePlace } from "../../../src/roles/doctor/file-place.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const MIB = 1024 * 1024;
const FINE: FilePlace = {
  existing: "/var/my logs",
  fault: undefined,
  refusal: undefined,
  freeBytes: MIB,
  hasInodes: true,
};
const FIND_LARGE =
  "Find large files on it: du -xh --max-depth=3 \"$(findmnt -no TARGET -T '/var/my logs')\" | sort -h | tail";

test.each<[Partial<FilePlace>, { text: string; remedy: string } | undefined]>([
  [{}, undefined],
  [
    { refusal: "EROFS", freeBytes: 0 },
    {
      text: "the audit is on a file system that is mounted read-only",
      remedy: "See why: findmnt -T '/var/my logs'",
    },
  ],
  [
    { refusal: "EACCES", freeBytes: 0 },
    { text: "the audit cannot be written (EACCES)", remedy: "Look at it: ls -ld '/var/my logs'" },
  ],
  [{ freeBytes: MIB - 1 }, { text: "the disk of the audit is full: 1023 KiB are free", remedy: FIND_LARGE }],
])("a place with %j has the obstacle %j", (facts, expected) => {
  expect(findObstacle("the audit", { ...FINE, ...facts })).toEqual(expected);
});

test("a place without an inode takes no further file", () => {
  expect(findLackOfInodes("the audit", FINE)).toBeUndefined();
  expect(findLackOfInodes("the audit", { ...FINE, hasInodes: false })).toEqual({
    text: "the disk of the audit has no inode left, so no file can be added to it",
    remedy:
      "Find directories with many files: du --inodes -xS \"$(findmnt -no TARGET -T '/var/my logs')\" " +
      "| sort -n | tail",
  });
});

test.each([
  [0, "0 KiB"],
  [1024, "1 KiB"],
  [2047, "1 KiB"],
  [10 * MIB - 1, "10239 KiB"],
  [10 * MIB, "10 MiB"],
  [11 * MIB - 1, "10 MiB"],
])("%d bytes are %j", (bytes, expected) => {
  expect(formatRoom(bytes)).toBe(expected);
});

test("the remedy of a full disk names the command that finds large files", () => {
  expect(freeRemedy("/var/my logs")).toBe(FIND_LARGE);
});

test("the nearest directory that is there is looked at, and the file for the right to write", async () => {
  await using directory = await createTemporaryDirectory();
  const place = await lookAtPlace(directory.at("a/b"), { groups: "own" });
  expect(place).toMatchObject({ existing: directory.path, fault: undefined, refusal: undefined });
  expect(place?.freeBytes).toBeGreaterThan(0);
  expect(place?.hasInodes).toBe(true);
  const file = directory.at("missing");
  expect(await lookAtPlace(directory.path, { groups: "own", file })).toMatchObject({ refusal: "ENOENT" });
  await chmod(directory.path, 0o777);
  expect((await lookAtPlace(directory.path, { groups: "own" }))?.fault?.problem).toContain("may write");
});

test("a place where a look could hang is not looked at", async () => {
  expect(await lookAtPlace("/proc", { groups: "own" })).toBeUndefined();
});
