/** Where a reader of the audit looks: many files, none, and those that it has left behind. */
import { expect, test } from "bun:test";
import { appendFileSync, mkdirSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { createAuditReader } from "../../src/audit/audit-reader.ts";
import type { AuditReader } from "../../src/audit/audit-reader.ts";
import { errorOf } from "../support/error-of.ts";
import { watchOpenFiles } from "../support/open-files.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const ALL = { sinceMs: Number.NEGATIVE_INFINITY };
const MOST_LINE_BYTES = 1024 * 1024;

function linesOf(reader: AuditReader): [text: string | undefined, number: number][] {
  return [...reader.lines(false)].map(({ text, number }) => [text, number]);
}

test("many rotated files are read from the highest number down", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("audit.jsonl");
  const numbers = Array.from({ length: 30 }, (_, index) => ((index * 7) % 30) + 1);
  for (const number of numbers) writeFileSync(`${path}.${number}`, `${number}\n`);
  using reader = createAuditReader(path, ALL);
  const sorted: [string, number][] = Array.from({ length: 30 }, (_, index) => [String(30 - index), 1]);
  expect(linesOf(reader)).toEqual(sorted);
});

test("a directory that is not there has no files, and one that is a file cannot be read", async () => {
  await using directory = await createTemporaryDirectory();
  using absent = createAuditReader(directory.at("absent/audit.jsonl"), ALL);
  expect(linesOf(absent)).toEqual([]);
  await directory.write("file", "");
  using wrong = createAuditReader(directory.at("file/audit.jsonl"), ALL);
  expect(errorOf(() => linesOf(wrong))).toMatchObject({ code: "BAD_CONFIG" });
});

test("a directory in the place of the file cannot be read, and leaves no descriptor", async () => {
  await using directory = await createTemporaryDirectory();
  const listOpened = await watchOpenFiles(/\/audit\.jsonl/);
  mkdirSync(directory.at("audit.jsonl"));
  using reader = createAuditReader(directory.at("audit.jsonl"), ALL);
  expect(errorOf(() => linesOf(reader)).message).toContain("it is not a regular file");
  expect(await listOpened()).toEqual([]);
});

test("a file that was read and rotated is closed, and so is the last one at the disposal", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("audit.jsonl");
  writeFileSync(path, "one\n");
  const listOpened = await watchOpenFiles(/\/audit\.jsonl/);
  {
    using reader = createAuditReader(path, ALL);
    expect(linesOf(reader)).toEqual([["one", 1]]);
    renameSync(path, `${path}.1`);
    writeFileSync(path, "two\n");
    expect(linesOf(reader)).toEqual([["two", 1]]);
    expect(await listOpened()).toEqual([path]);
  }
  expect(await listOpened()).toEqual([]);
});

test("an emptied file is read from its start again, with its lines counted from 1", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("audit.jsonl", "one\ntwo\nhalf a line");
  using reader = createAuditReader(path, ALL);
  expect(linesOf(reader)).toEqual([
    ["one", 1],
    ["two", 2],
  ]);
  truncateSync(path, 0);
  appendFileSync(path, "new\n");
  expect(linesOf(reader)).toEqual([["new", 1]]);
});

test.each([
  [MOST_LINE_BYTES, true],
  [MOST_LINE_BYTES + 1, false],
])("a line of %i bytes that comes in two parts is read: %p", async (length, isRead) => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("audit.jsonl", `before\n${"x".repeat(length)}`);
  using reader = createAuditReader(path, ALL);
  expect(linesOf(reader)).toEqual([["before", 1]]);
  appendFileSync(path, "\nafter\n");
  const [[text] = [], after] = linesOf(reader);
  expect([text?.length, after]).toEqual([isRead ? length : undefined, ["after", 3]]);
});
