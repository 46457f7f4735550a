/** Gathers bytes that arrive in pieces: bounded, and linear however small the pieces are. */

export type Collector = {
  /** Bytes added since the last `take`, also those that were over the limit and dropped. */
  readonly length: number;
  /** More came than the limit allows; what was gathered is gone. */
  readonly isOver: boolean;
  add(bytes: Uint8Array): void;
  /** The bytes gathered, for the caller to keep; none when over the limit. The collector is empty afterwards. */
  take(): Uint8Array;
};

const FIRST_BYTES = 4096;
/** A larger buffer is given back after use, so that one long message does not cost memory for ever. */
const KEPT_BYTES = 256 * 1024;

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
