/** Keeps the output of a program in memory, up to a bound. */
import type { ByteSink } from "./pump.ts";

/** A sink that keeps what it gets. `isFull`: it got more than its bound, and has dropped the rest. */
export type BoundedOutput = ByteSink & { readonly isFull: boolean; bytes: () => Buffer };

/** Creates an empty sink, which takes all bytes and keeps at most `mostBytes`. */
export function createBoundedOutput(mostBytes: number): BoundedOutput {
  const parts: Uint8Array[] = [];
  let length = 0;
  return {
    get isFull() {
      return length > mostBytes;
    },
    bytes: () => Buffer.concat(parts),
    write(bytes) {
      length += bytes.length;
      if (length <= mostBytes) parts.push(bytes.slice());
      return Promise.resolve();
    },
  };
}
