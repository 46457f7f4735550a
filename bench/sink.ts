/** Owns the shell scripts that read a pipe to its end and measure how fast its bytes came. */
import { chmod } from "node:fs/promises";

/** The script. It prints when the first byte came, when the last one came, and how many came between. */
const SINK = `#!/bin/sh
head -c 1 >/dev/null
first=$(date +%s%N)
count=$(wc -c)
echo "$first $(date +%s%N) $count"
`;

/** Returns the MB/s that the script printed. Throws if it did not get exactly `bytes`. */
export function parseSink(text: string, bytes: number): number {
  const [, first, last, count] = /^(\d+) (\d+) (\d+)\s*$/.exec(text) ?? [];
  if (first === undefined || last === undefined) throw new Error(`The reader printed "${text}"`);
  if (Number(count) + 1 !== bytes) throw new Error(`The reader got ${Number(count) + 1} of ${bytes} bytes`);
  const seconds = Number(BigInt(last) - BigInt(first)) / 1e9;
  return bytes / 1e6 / seconds;
}

/** Writes the script into the directory. Returns its path. */
export async function writeSink(directory: string): Promise<string> {
  const path = `${directory}/sink`;
  await Bun.write(path, SINK);
  await chmod(path, 0o755);
  return path;
}
