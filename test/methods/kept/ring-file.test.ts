/** A file of a fixed size with the last bytes of a stream. */
import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { symlink } from "node:fs/promises";
import { openRingFile, reopenRingFile } from "../../../src/methods/kept/ring-file.ts";
import { watchOpenFiles } from "../../support/open-files.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const SIZE = 8;
const bytes = (text: string): Uint8Array => Buffer.from(text);

async function textAt(
  file: { read: (at: number, length: number) => Promise<Uint8Array> },
  at: number,
  length: number,
) {
  return Buffer.from(await file.read(at, length)).toString();
}

test("bytes are read at their offsets, also where they go round the end of the file", async () => {
  await using directory = await createTemporaryDirectory();
  const file = await openRingFile(directory.at("ring"), SIZE);
  await file.write(bytes("abcdef"), 0);
  expect([await textAt(file, 1, 3), await textAt(file, 4, 9)]).toEqual(["bcd", "ef"]);
  await file.write(bytes("ghij"), 6);
  // A read ends at the end of the file, and the next one goes on at its start.
  expect([await textAt(file, 2, 8), await textAt(file, 8, 2)]).toEqual(["cdefgh", "ij"]);
  expect(statSync(directory.at("ring"))).toMatchObject({ size: SIZE, mode: 0o100600 });
  await file.close();
});

test("of a write that is larger than the file, the last bytes stay", async () => {
  await using directory = await createTemporaryDirectory();
  const file = await openRingFile(directory.at("ring"), SIZE);
  await file.write(bytes("0123456789abc"), 3);
  expect([await textAt(file, 8, SIZE), await textAt(file, 15, 1), await textAt(file, 14, 1)]).toEqual([
    "56789abc",
    "c",
    "b",
  ]);
  await file.remove();
  expect(statSync(directory.at("ring"), { throwIfNoEntry: false })).toBeUndefined();
});

test("a file that is there already, and a link, are refused", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("ring", "");
  await symlink(directory.at("target"), directory.at("link"));
  expect(openRingFile(path, SIZE)).rejects.toThrow("EEXIST");
  expect(openRingFile(directory.at("link"), SIZE)).rejects.toThrow("EEXIST");
});

test.each([
  ["all its bytes", "abc", { start: 0, end: 3 }, true],
  ["fewer bytes", "ab", { start: 0, end: 3 }, false],
  ["its whole size", "abcdefgh", { start: 4, end: 12 }, true],
  ["less than its size", "abcdefg", { start: 4, end: 12 }, false],
  ["no bytes, of which none are needed", "", { start: 5, end: 5 }, true],
])("a file with %s is opened again or not", async (_, content, range, isThere) => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("ring", content);
  const listOpened = await watchOpenFiles(/\/ring$/);
  const file = reopenRingFile(path, SIZE, range);
  expect(file !== undefined).toBe(isThere);
  await file?.close();
  expect(await listOpened()).toEqual([]);
});

test("a file that is gone, and a link, are not opened again", async () => {
  await using directory = await createTemporaryDirectory();
  await symlink(await directory.write("target", "abc"), directory.at("link"));
  for (const name of ["absent", "link"])
    expect(reopenRingFile(directory.at(name), SIZE, { start: 0, end: 1 })).toBeUndefined();
});
