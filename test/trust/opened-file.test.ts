/** A file is read only if it is the one that was judged. */
import { expect, test } from "bun:test";
import { lstatSync, mkdirSync } from "node:fs";
import { chmod, symlink } from "node:fs/promises";
import { isSameFile, isSamePlace, readJudged } from "../../src/trust/opened-file.ts";
import type { Identity } from "../../src/trust/opened-file.ts";
import { errorOf } from "../support/error-of.ts";
import { watchOpenFiles } from "../support/open-files.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const ONE: Identity = { dev: 1, ino: 2, mode: 3, uid: 4, gid: 5, size: 6, mtimeMs: 7, ctimeMs: 8 };

test("two looks with equal facts saw the same file", () => {
  expect([isSameFile(ONE, { ...ONE }), isSamePlace(ONE, { ...ONE })]).toEqual([true, true]);
});

test.each(["dev", "ino", "mode", "uid", "gid"] as const)("another %s is another place and file", (name) => {
  const other = { ...ONE, [name]: 99 };
  expect([isSamePlace(ONE, other), isSameFile(ONE, other)]).toEqual([false, false]);
});

test.each(["size", "mtimeMs", "ctimeMs"] as const)(
  "another %s is the same place, not the same file",
  (name) => {
    const other = { ...ONE, [name]: 99 };
    expect([isSamePlace(ONE, other), isSameFile(ONE, other)]).toEqual([true, false]);
  },
);

test.each([
  [0, ""],
  [2, "ab"],
  [3, "abc"],
  [4, "abc"],
])("at most %i bytes of a judged file are %j", async (most, text) => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("file", "abc");
  const listOpened = await watchOpenFiles(/\/file$/);
  expect(Buffer.from(readJudged(path, lstatSync(path), most)).toString()).toBe(text);
  expect(await listOpened()).toEqual([]);
});

test("a file that was changed or replaced since, a directory and a link are not read", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("file", "abc");
  const before = lstatSync(path);
  await chmod(path, 0o600);
  const listOpened = await watchOpenFiles(/\/(?:file|folder)$/);
  expect(errorOf(() => readJudged(path, before, 9))).toMatchObject({ code: "BUSY" });
  mkdirSync(directory.at("folder"));
  const folder = lstatSync(directory.at("folder"));
  expect(errorOf(() => readJudged(directory.at("folder"), folder, 9)).code).toBe("BUSY");
  await symlink(path, directory.at("link"));
  expect(() => readJudged(directory.at("link"), lstatSync(path), 9)).toThrow("ELOOP");
  expect(await listOpened()).toEqual([]);
});
