/** Writes without a descriptor: the last way for a process that has none left. */
import { writeSync } from "node:fs";

/** Waits for the reader, so it is for short texts. Returns false when the system refuses the bytes. */
export function writeNow(descriptor: 1 | 2, text: string | Uint8Array): boolean {
  const bytes = Buffer.from(text);
  try {
    for (let start = 0; start < bytes.length;) start += writeSync(descriptor, bytes, start);
    return true;
  } catch {
    return false;
  }
}
