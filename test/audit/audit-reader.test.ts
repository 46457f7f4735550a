/** Reads audit files with their rotated ones, while they are written. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, chmodSync, renameSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { createAuditReader } from "../../src/audit/audit-reader.ts";
import type { AuditReader } from "../../src/audit/audit-reader.ts";
import { readEntries } from "../../src/audit/read-entries.ts";
import type { BadLines } from "../../src/audit/read-entries.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../support/temporary-directory.ts";

let directory: TemporaryDirectory;
let path: string;

beforeEach(async () => {
  directory = await createTemporaryDirectory();
  path = directory.at("audit.jsonl");
});

afterEach(() => directory[Symbol.asyncDispose]());

const ALL = { sinceMs: Number.NEGATIVE_INFINITY };

function textsOf(reader: AuditReader, isLast = false): (string | undefined)[] {
  return [...reader.lines(isLast)].map(({ text }) => text);
}

describe("a reader", () => {
  test("yields the lines of rotated files first, by their numbers", () => {
    for (const [suffix, text] of [
      ["", "new"],
      [".1", "one"],
      [".2", "two"],
      [".10", "ten"],
      [".old", "not"],
    ] as const)
      writeFileSync(`${path}${suffix}`, `${text}\n`);
    using reader = createAuditReader(path, ALL);
    expect(textsOf(reader)).toEqual(["ten", "two", "one", "new"]);
  });

  test("begins with the file that is written, for current", () => {
    writeFileSync(`${path}.1`, "one\n");
    writeFileSync(path, "new\n");
    using reader = createAuditReader(path, "current");
    expect(textsOf(reader)).toEqual(["new"]);
  });

  test("passes over files that ended before the time", () => {
    writeFileSync(`${path}.1`, "one\n");
    utimesSync(`${path}.1`, 1000, 1000);
    writeFileSync(path, "new\n");
    using reader = createAuditReader(path, { sinceMs: 2_000_000 });
    expect(textsOf(reader)).toEqual(["new"]);
  });

  test("without files yields nothing, and later the file that has come", () => {
    using reader = createAuditReader(path, ALL);
    expect(textsOf(reader)).toEqual([]);
    writeFileSync(path, "new\n");
    expect(textsOf(reader)).toEqual(["new"]);
  });

  test("goes on over two rotations without a lost or repeated line", () => {
    writeFileSync(path, "a\n");
    using reader = createAuditReader(path, ALL);
    expect(textsOf(reader)).toEqual(["a"]);
    appendFileSync(path, "b\n");
    renameSync(path, `${path}.1`);
    writeFileSync(path, "c\n");
    renameSync(`${path}.1`, `${path}.2`);
    renameSync(path, `${path}.1`);
    writeFileSync(path, "d\n");
    expect(textsOf(reader)).toEqual(["b", "c", "d"]);
    expect(textsOf(reader)).toEqual([]);
  });

  test("yields the torn last line of a file that was rotated, apart from the next file", () => {
    writeFileSync(path, "a\ntorn");
    using reader = createAuditReader(path, ALL);
    expect(textsOf(reader)).toEqual(["a"]);
    renameSync(path, `${path}.1`);
    writeFileSync(path, "b\n");
    expect(textsOf(reader)).toEqual(["torn", "b"]);
  });

  test("goes on with a new file when the old one was removed", () => {
    writeFileSync(path, "a\n");
    using reader = createAuditReader(path, ALL);
    expect(textsOf(reader)).toEqual(["a"]);
    renameSync(path, directory.at("elsewhere"));
    writeFileSync(path, "b\n");
    expect(textsOf(reader)).toEqual(["b"]);
  });

  test("begins again in a file that was emptied", () => {
    writeFileSync(path, "long line\n");
    using reader = createAuditReader(path, ALL);
    expect(textsOf(reader)).toEqual(["long line"]);
    truncateSync(path);
    writeFileSync(path, "b\n");
    expect(textsOf(reader)).toEqual(["b"]);
  });

  test("waits for the end of a line, unless it is the last look", () => {
    writeFileSync(path, "a\nhal");
    using reader = createAuditReader(path, ALL);
    expect(textsOf(reader)).toEqual(["a"]);
    appendFileSync(path, "f\nre");
    expect(textsOf(reader)).toEqual(["half"]);
    expect(textsOf(reader, true)).toEqual(["re"]);
  });

  test("reads lines of several chunks, and yields no text for one of more than 1 MiB", () => {
    const long = "x".repeat(200_000);
    writeFileSync(path, `${long}\n${"y".repeat(3 * 1024 * 1024)}\nend\n`);
    using reader = createAuditReader(path, ALL);
    expect(textsOf(reader)).toEqual([long, undefined, "end"]);
  });

  test.skipIf(process.getuid?.() !== 0)("refuses a pipe and a link instead of waiting", async () => {
    const made = Bun.spawnSync(["mkfifo", path]);
    expect(made.exitCode).toBe(0);
    using reader = createAuditReader(path, ALL);
    expect(() => textsOf(reader)).toThrow(`Cannot read the audit file "${path}": it is not a regular file`);
    chmodSync(path, 0o600);
  });
});

function line(seconds: number): string {
  return `{"time":"2026-01-02T03:04:0${seconds}.000Z","n":${seconds}}\n`;
}

describe("entries", () => {
  test("of two files come in the order of their times, and bad lines are counted with their places", () => {
    const other = directory.at("audit-denied.jsonl");
    writeFileSync(`${path}.1`, line(1));
    writeFileSync(path, `${line(4)}\nnot json\n[]\n{"time":"never"}\n${line(5)}{"time":"2026-01-`);
    writeFileSync(other, `${line(2)}${line(3)}${line(6)}`);
    using first = createAuditReader(path, ALL);
    using second = createAuditReader(other, ALL);
    const bad: BadLines = { count: 0, places: [] };
    const entries = [...readEntries([first, second], { isLast: true, bad })];
    expect(entries.map(({ members }) => members["n"])).toEqual([1, 2, 3, 4, 5, 6]);
    expect(bad).toEqual({ count: 4, places: [3, 4, 5, 7].map((number) => `${path}:${number}`) });
  });
});
