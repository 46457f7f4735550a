/**
 * Gathers bytes that arrive in pieces. Its memory is bounded, and its work is linear for pieces of any size.
 */
import type { MemoryShare } from "../memory.ts";
import { releaseBytes } from "../released-bytes.ts";

/** A growing buffer with a limit. */
export type Collector = {
  /** Bytes added since the last `take`, including bytes over the limit, which were thrown away. */
  readonly length: number;
  /** Whether all bytes were thrown away: more came than the limit allows, or they had to give way. */
  readonly isOver: boolean;
  /** Whether they had to give way, because all peers together held too much. */
  readonly gaveWay: boolean;
  add(bytes: Uint8Array): void;
  /** Returns the bytes so far, which stay; no bytes if they were thrown away. */
  peek(): Uint8Array;
  /**
   * Empties the collector and returns its bytes; no bytes when they were over the limit. The collector does
   * not use their buffer again.
   */
  take(): Uint8Array;
  /** Empties the collector, and gives all its memory back. */
  drop(): void;
};

const FIRST_BYTES = 4096;
/** One long message must not cost memory for ever, so a larger buffer is released after use. */
const KEPT_BYTES = 64 * 1024;

const NO_BYTES = new Uint8Array(0);

/** Creates an empty collector that keeps at most `limitBytes` bytes, in the memory of all peers. */
export function createCollector(limitBytes: number, memory?: MemoryShare): Collector {
  let buffer: Uint8Array = NO_BYTES;
  let length = 0;
  let gaveWay = false;
  const holding = memory?.hold(() => {
    gaveWay = length > 0;
    free();
  });

  const free = (): void => {
    releaseBytes(buffer);
    buffer = NO_BYTES;
    holding?.resize(0);
  };

  const reserve = (needed: number): void => {
    if (needed <= buffer.length) return;
    const bytes = Math.min(limitBytes, Math.max(needed, buffer.length * 2, FIRST_BYTES));
    if (holding?.resize(bytes) === false) {
      // These can be the first bytes, which were not counted when the memory gave way.
      gaveWay = true;
      return;
    }
    const grown = new Uint8Array(bytes);
    grown.set(buffer.subarray(0, length));
    releaseBytes(buffer);
    buffer = grown;
  };

  return {
    get length() {
      return length;
    },
    get isOver() {
      return gaveWay || length > limitBytes;
    },
    get gaveWay() {
      return gaveWay;
    },
    add(bytes) {
      const total = length + bytes.length;
      if (total > limitBytes) free();
      else if (!gaveWay) reserve(total);
      if (!gaveWay && total <= limitBytes) buffer.set(bytes, length);
      length = total;
    },
    peek: () => (gaveWay || length > limitBytes ? new Uint8Array(0) : buffer.slice(0, length)),
    take() {
      const isLost = gaveWay || length > limitBytes;
      const isGiven = !isLost && buffer.length > KEPT_BYTES;
      // A copy of a long message would double its memory.
      const taken = isLost ? NO_BYTES : isGiven ? buffer.subarray(0, length) : buffer.slice(0, length);
      if (isGiven) buffer = NO_BYTES;
      if (buffer.length > KEPT_BYTES || isGiven) free();
      length = 0;
      gaveWay = false;
      return taken;
    },
    drop() {
      free();
      length = 0;
      gaveWay = false;
    },
  };
}
