/** Writes the files that bulk commands send. */
import { randomFillSync } from "node:crypto";

/** The kinds of bytes. */
export type Payload = "random" | "zeros" | "text";

const PIECE_BYTES = 1_000_000;

/** Writes a file of each kind, `bytes` long. Returns their paths. */
export async function writePayloads(directory: string, bytes: number): Promise<Record<Payload, string>> {
  const paths = {
    random: `${directory}/random`,
    zeros: `${directory}/zeros`,
    text: `${directory}/text`,
  };
  await write(paths.random, bytes, () => randomFillSync(Buffer.alloc(PIECE_BYTES)));
  await write(paths.zeros, bytes, () => Buffer.alloc(PIECE_BYTES));
  await write(paths.text, bytes, (at) => Buffer.from(logLines(at)).subarray(0, PIECE_BYTES));
  return paths;
}

/** At least a piece of lines as a daemon logs them; `at` makes the pieces differ. */
function logLines(at: number): string {
  let text = "";
  for (let line = 0; text.length < PIECE_BYTES; line++) {
    const ms = at + line * 37;
    const user = (line * 7919 + at) % 10_007;
    text +=
      `${new Date(1_700_000_000_000 + ms).toISOString()} INFO  [worker-${line % 8}] request ${ms} ` +
      `user="u${user}" path=/srv/data/${user % 97}/file-${line}.txt took ${(line % 1000) / 10} ms\n`;
  }
  return text;
}

async function write(path: string, bytes: number, makePiece: (at: number) => Uint8Array): Promise<void> {
  const file = Bun.file(path).writer();
  for (let at = 0; at < bytes; at += PIECE_BYTES) {
    await file.write(makePiece(at).subarray(0, Math.min(PIECE_BYTES, bytes - at)));
    await file.flush();
  }
  await file.end();
}
