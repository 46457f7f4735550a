/** Checks our words byte by byte: the runtime puts U+FFFD in the place of bytes that are not UTF-8. */
import { readFileSync } from "node:fs";
import { NegotiatorError } from "../../errors.ts";
import { decodeUtf8, showBytes } from "../../strict/utf8.ts";

/** Throws `BAD_USAGE` if one of the last `count` words of this process is not UTF-8. */
export function checkWords(count: number): void {
  const words = splitAtNul(readFileSync("/proc/self/cmdline")).slice(-count);
  const index = words.findIndex((word) => decodeUtf8(word) === undefined);
  const word = words[index];
  if (word === undefined) return;
  const shown = showBytes(word.subarray(0, SHOWN_BYTES));
  throw new NegotiatorError("BAD_USAGE", `Cannot read word ${index + 1}: "${shown}" is not UTF-8`, {
    remedy: "Write arguments, names and paths in UTF-8; send other bytes on standard input",
  });
}

const SHOWN_BYTES = 100;

/** Each part ends with a NUL. */
function splitAtNul(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0, start);
    parts.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return parts;
}
