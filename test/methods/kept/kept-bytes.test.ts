/** The last bytes of a stream: in memory, in a file, and as plain data for another process. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { createKeptBytes } from "../../../src/methods/kept/kept-bytes.ts";
import type { FrozenKeptBytes, KeptBytes } from "../../../src/methods/kept/kept-bytes.ts";
import { STATE_FILES } from "../../../src/process/file-turns.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const SIZES = { memoryBytes: 4, mostBytes: 8 };

function create(path: string, frozen?: FrozenKeptBytes): KeptBytes {
  return createKeptBytes({ path, ...SIZES }, frozen);
}

async function append(kept: KeptBytes, ...texts: string[]): Promise<void> {
  for (const text of texts) await kept.append(Buffer.from(text));
}

async function load(kept: KeptBytes, from: number): Promise<string> {
  return Buffer.from(await kept.load(from)).toString();
}

test("as many bytes as memory may have stay in it, and one more goes to a file with them", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("out");
  const kept = create(path);
  expect([kept.start, kept.end, await load(kept, 0), existsSync(path)]).toEqual([0, 0, "", false]);
  await append(kept, "ab", "cd");
  expect([kept.start, kept.end, await load(kept, 1), existsSync(path)]).toEqual([0, 4, "bcd", false]);
  expect(kept.freeze()).toEqual({ memory: Buffer.from("abcd"), hasFile: false, start: 0, end: 4 });
  await append(kept, "e");
  expect([kept.start, kept.end, await load(kept, 1), existsSync(path)]).toEqual([0, 5, "bcde", true]);
  expect(kept.freeze()).toEqual({ hasFile: true, start: 0, end: 5 });
  await append(kept, "fgh");
  expect([kept.start, await load(kept, 0)]).toEqual([0, "abcdefgh"]);
  await append(kept, "ij");
  expect([kept.start, kept.end, await load(kept, 2), await load(kept, 8)]).toEqual([2, 10, "cdefgh", "ij"]);
  await kept.remove();
  expect([existsSync(path), kept.freeze().memory]).toEqual([false, undefined]);
});

test("a first write that is too large for memory goes to the file", async () => {
  await using directory = await createTemporaryDirectory();
  const kept = create(directory.at("out"));
  await append(kept, "abcdefghij");
  expect([kept.start, kept.end, await load(kept, 2)]).toEqual([2, 10, "cdefgh"]);
  await kept.remove();
});

test("bytes that no file takes are cut, and so are those before them", async () => {
  const kept = create("/absent/out");
  await append(kept, "abc", "defg");
  expect([kept.start, kept.end, await load(kept, 7)]).toEqual([7, 7, ""]);
  expect(kept.freeze()).toEqual({ hasFile: false, start: 7, end: 7 });
  await append(kept, "h");
  expect([kept.start, kept.end]).toEqual([8, 8]);
  await kept.remove();
});

test("saved bytes are in the file, from which another process goes on", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("out");
  const first = create(path);
  await append(first, "abc");
  await first.save();
  const frozen = first.freeze();
  expect(frozen).toEqual({ hasFile: true, start: 0, end: 3 });
  const next = create(path, frozen);
  await append(next, "defghij");
  expect([next.start, next.end, await load(next, 2), await load(next, 8)]).toEqual([2, 10, "cdefgh", "ij"]);
  await next.remove();
  expect(existsSync(path)).toBe(false);
});

test("nothing is saved without bytes, and what cannot be saved is cut", async () => {
  await using directory = await createTemporaryDirectory();
  const empty = create(directory.at("out"));
  await empty.save();
  expect([empty.freeze(), existsSync(directory.at("out"))]).toEqual([
    { hasFile: false, start: 0, end: 0 },
    false,
  ]);
  const lost = create("/absent/out");
  await append(lost, "abc");
  await lost.save();
  expect(lost.freeze()).toEqual({ hasFile: false, start: 3, end: 3 });
});

test("frozen memory goes on without the file that a write had begun", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("out", "half");
  const kept = create(path, { memory: Buffer.from("abc"), hasFile: false, start: 0, end: 3 });
  await STATE_FILES.clean(() => Promise.resolve());
  expect([await load(kept, 0), existsSync(path)]).toEqual(["abc", false]);
  await append(kept, "defg");
  expect(await load(kept, 0)).toBe("abcdefg");
  await kept.remove();
});

test("a frozen file that is gone has no bytes, and the stream goes on behind them", async () => {
  await using directory = await createTemporaryDirectory();
  const kept = create(directory.at("out"), { hasFile: true, start: 2, end: 10 });
  expect([kept.start, kept.end, await load(kept, 10)]).toEqual([10, 10, ""]);
  await append(kept, "k");
  expect([kept.start, kept.end, await load(kept, 10)]).toEqual([10, 11, "k"]);
  await kept.remove();
});
