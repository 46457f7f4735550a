/**
 * Gathers bytes that arrive in pieces. Its memory is bounded, and its work is linear for pieces of any size.
 */

/** A growing buffer with a limit. */
export type Collector = {
  /** Bytes added since the last `take`, including bytes over the limit, which were thrown away. */
  readonly length: number;
  /** Whether more bytes came than the limit allows. If so, all of them were thrown away. */
  readonly isOver: boolean;
  add(bytes: Uint8Array): void;
  /** Empties the collector and returns a copy of its bytes; no bytes when they were over the limit. */
  take(): Uint8Array;
};

const FIRST_BYTES = 4096;
/** One long message must not cost memory for ever, so a larger buffer is released after use. */
const KEPT_BYTES = 256 * 1024;

/** Creates an empty collector that keeps at most `limitBytes` bytes. */
export function createCollector(limitBytes: number): Collector {
  let buffer = new Uint8Array(0);
  let length = 0;

  const reserve = (needed: number): void => {
    if (needed <= buffer.length) return;
    const grown = new Uint8Array(Math.min(limitBytes, Math.max(needed, buffer.length * 2, FIRST_BYTES)));
    grown.set(buffer.subarray(0, length));
    buffer = grown;
  };

  return {
    get length() {
      return length;
    },
    get isOver() {
      return length > limitBytes;
    },
    add(bytes) {
      const total = length + bytes.length;
      if (total > limitBytes) {
        buffer = new Uint8Array(0);
      } else {
        reserve(total);
        buffer.set(bytes, length);
      }
      length = total;
    },
    take() {
      const taken = length > limitBytes ? new Uint8Array(0) : buffer.slice(0, length);
      if (buffer.length > KEPT_BYTES) buffer = new Uint8Array(0);
      length = 0;
      return taken;
    },
  };
}
