/** The error text of a failed command: its words, and the output in it. */
import { expect, test } from "bun:test";
import { createFailureText } from "../../../src/peers/legacy/failure-text.ts";

const WORDS = "External command failed with exit code 1!";
const MARKER = "\n\nStandard output:\n";

/** Reads a text in pieces of so many bytes. */
async function read(text: string, pieceBytes = text.length) {
  const passed: string[] = [];
  const failure = createFailureText(async (bytes) => void passed.push(Buffer.from(bytes).toString()));
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length; start += pieceBytes)
    await failure.push(bytes.subarray(start, start + pieceBytes));
  return { text: failure.text, hasOutput: failure.hasOutput, output: passed.join(""), pieces: passed.length };
}

test.each([1, 2, 7, 1000])(
  "in pieces of %d bytes, the words and the output are split",
  async (pieceBytes) => {
    const output = `out${MARKER}more\n`;
    const found = await read(WORDS + MARKER + output, pieceBytes);
    expect(found).toMatchObject({ text: WORDS, hasOutput: true, output });
  },
);

test("a text whose output is empty has no output, and none is passed on", async () => {
  expect(await read(WORDS + MARKER)).toEqual({ text: WORDS, hasOutput: false, output: "", pieces: 0 });
});

test.each([1, 1000])(
  "in pieces of %d bytes, another text with the marker stays whole",
  async (pieceBytes) => {
    const text = `Other command failed${MARKER}out`;
    expect(await read(text, pieceBytes)).toEqual({ text, hasOutput: false, output: "", pieces: 0 });
  },
);

test("a text without output is given whole, also if it is shorter than the marker", async () => {
  expect((await read("no")).text).toBe("no");
  expect((await read(WORDS)).text).toBe(WORDS);
});

test("words beyond 64 KiB are left out, and the output after them is found", async () => {
  const long = `External command ${"x".repeat(100_000)}`;
  const found = await read(`${long}${MARKER}out`, 1000);
  expect(found.text).toBe(long.slice(0, 64 * 1024));
  expect(found.output).toBe("out");
});
