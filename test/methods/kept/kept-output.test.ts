/** Output that is kept for later readers: its bounds, its file, and readers that follow it. */
import { expect, test } from "bun:test";
import { stat } from "node:fs/promises";
import { createKeptOutput } from "../../../src/methods/kept/kept-output.ts";
import type { KeptOutput } from "../../../src/methods/kept/kept-output.ts";
import { errnoOf } from "../../../src/errors.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const MEMORY_BYTES = 8;
const MOST_BYTES = 20;
const create = (path: string): KeptOutput =>
  createKeptOutput({ path, memoryBytes: MEMORY_BYTES, mostBytes: MOST_BYTES });
const text = (bytes: Iterable<Uint8Array>): string => Buffer.concat([...bytes]).toString();

async function readAll(output: KeptOutput, from = 0): Promise<string> {
  return text(await Array.fromAsync(output.read(from)));
}

const exists = async (path: string): Promise<boolean> => {
  try {
    await stat(path);
    return true;
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return false;
    throw thrown;
  }
};

test.each([
  ["nothing", [], "", 0, false],
  ["as much as fits into memory", ["01234567"], "01234567", 0, false],
  ["one byte more", ["01234567", "8"], "012345678", 0, true],
  ["as much as fits into the file", ["0123456789", "abcdefghij"], "0123456789abcdefghij", 0, true],
  ["one byte too many", ["0123456789", "abcdefghij", "k"], "123456789abcdefghijk", 1, true],
  ["a write that is larger than the file", ["0", `xx${"y".repeat(MOST_BYTES)}`], "y".repeat(20), 3, true],
  [
    "a first write that is larger than the file",
    ["abc".repeat(10)],
    "bcabcabcabcabcabcabc".slice(0, 20),
    10,
    true,
  ],
])(
  "%s: the last bytes are kept, and a file only if memory is too small",
  async (_, writes, kept, start, hasFile) => {
    await using directory = await createTemporaryDirectory();
    const path = directory.at("out");
    const output = create(path);
    for (const bytes of writes) await output.write(Buffer.from(bytes));
    output.finish();
    expect(await readAll(output)).toBe(kept);
    expect({ start: output.start, end: output.end }).toEqual({ start, end: start + kept.length });
    expect(await exists(path)).toBe(hasFile);
    if (hasFile) expect((await stat(path)).mode & 0o777).toBe(0o600);
    await output.remove();
    expect(await exists(path)).toBe(false);
  },
);

test("a reader follows the stream to its end, from the start or from an offset", async () => {
  await using directory = await createTemporaryDirectory();
  const output = create(directory.at("out"));
  await output.write(Buffer.from("abc"));
  const whole = readAll(output);
  const rest = readAll(output, output.end);
  for (const piece of ["def", "ghi", "jkl"]) await output.write(Buffer.from(piece));
  output.finish();
  expect(await whole).toBe("abcdefghijkl");
  expect(await rest).toBe("defghijkl");
  await output.remove();
});

test("bytes are copied, because the caller uses its memory again", async () => {
  await using directory = await createTemporaryDirectory();
  const output = create(directory.at("out"));
  const memory = Buffer.from("abc");
  const written = output.write(memory);
  memory.fill("x");
  await written;
  output.finish();
  expect(await readAll(output)).toBe("abc");
  await output.remove();
});

test("a reader of output that is removed ends", async () => {
  await using directory = await createTemporaryDirectory();
  const output = create(directory.at("out"));
  const reading = readAll(output);
  await output.remove();
  expect(await reading).toBe("");
});

test.each(["missing/out", "there"])(
  "if its file cannot be made at %s, the bytes count as cut",
  async (name) => {
    await using directory = await createTemporaryDirectory();
    const taken = await directory.write("there", "somebody else's");
    const output = create(directory.at(name));
    await output.write(Buffer.from("0123456789"));
    output.finish();
    expect(await readAll(output)).toBe("");
    expect(output.start).toBe(10);
    await output.remove();
    expect(await Bun.file(taken).text()).toBe("somebody else's");
  },
);
