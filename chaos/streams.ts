/** Makes the bytes that streams carry: random ones, and text. */
import type { Random } from "../test/support/random.ts";
import { STREAM_PIECES } from "./call.ts";

const PIECE_BYTES = 32 * 1024;

/** Texts that would confuse a careless reader: braces, numbers, line ends, letters of several bytes. */
const TEXTS: readonly string[] = [
  "{",
  '"}',
  "\n",
  "12\n",
  "\r\n",
  "größe",
  "\\",
  "日本",
  '{"method":"negotiate:x"}\n',
  " ",
  "word",
];

/**
 * Writes the files `raw` and `text` to `directory`, and their pieces beside them. Returns the bytes of each,
 * which are equal.
 */
export async function writeStreams(directory: string, random: Random): Promise<number> {
  const bytes = STREAM_PIECES * PIECE_BYTES;
  const streams = { raw: random.bytes(bytes), text: makeText(bytes, random) };
  for (const [name, stream] of Object.entries(streams)) {
    await Bun.write(`${directory}/${name}`, stream);
    for (let piece = 0; piece < STREAM_PIECES; piece++)
      await Bun.write(
        `${directory}/${name}.${piece}`,
        stream.subarray(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES),
      );
  }
  return bytes;
}

function makeText(bytes: number, random: Random): Uint8Array {
  const words: string[] = [];
  // Each word has at least one byte.
  for (let word = 0; word < bytes; word++) words.push(random.pick(TEXTS));
  const text = Buffer.from(words.join(""));
  // The last letter must be whole, so the end is a space.
  return Buffer.from(
    text
      .subarray(0, bytes - 4)
      .toString("utf8")
      .replace(/\uFFFD+$/, "")
      .padEnd(bytes, " "),
  ).subarray(0, bytes);
}
