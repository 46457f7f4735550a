/** Reads the names of guests from a file. */
import { stat } from "node:fs/promises";
import { errnoOf, NegotiatorError } from "../../../errors.ts";
import { printable } from "../../../printable.ts";
import { createInputSource } from "../../../process/input-source.ts";
import { decodeUtf8 } from "../../../strict/utf8.ts";

/** Most bytes of such a file: names of tens of thousands of guests. */
const MOST_BYTES = 1024 * 1024;

/**
 * Returns the names: one on each line, without the blanks around them, empty lines, and comments that begin
 * with `#`. `-` is our standard input. Throws `BAD_USAGE` for a file that cannot be read, is not UTF-8, is
 * too large, or names no guest.
 */
export async function readGuestsFile(path: string): Promise<string[]> {
  const text = decodeUtf8(await readBounded(path));
  if (text === undefined) throw badFile(path, "it is not UTF-8");
  const names = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (names.length === 0) throw badFile(path, "it names no guest");
  return names;
}

async function readBounded(path: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const part of path === "-" ? readInput() : await openFile(path)) {
      bytes += part.length;
      if (bytes > MOST_BYTES) throw badFile(path, `it has more than ${MOST_BYTES} bytes`);
      parts.push(part);
    }
  } catch (thrown) {
    if (thrown instanceof NegotiatorError) throw thrown;
    throw badFile(path, REASONS[errnoOf(thrown) ?? ""] ?? NegotiatorError.from(thrown).message);
  }
  return Buffer.concat(parts);
}

async function openFile(path: string): Promise<AsyncIterable<Uint8Array>> {
  const facts = await stat(path);
  if (facts.isDirectory()) throw badFile(path, "it is a directory");
  if (!facts.isFile() && !facts.isFIFO()) throw badFile(path, "it is not a file");
  return Bun.file(path).stream();
}

async function* readInput(): AsyncGenerator<Uint8Array> {
  const source = createInputSource(0);
  for (;;) {
    const bytes = await source.read();
    if (bytes === undefined) return;
    // The source uses its memory again.
    yield bytes.slice();
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "it does not exist",
  EACCES: "you may not read it",
};

function badFile(path: string, problem: string): NegotiatorError {
  return new NegotiatorError("BAD_USAGE", `Cannot read guests from "${printable(path)}": ${problem}`, {
    remedy: "Write one name on each line; a line that begins with # is a comment",
  });
}
