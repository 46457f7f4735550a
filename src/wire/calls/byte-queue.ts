/** Bytes that wait for their reader, in pieces as they came; many small pieces do not cost more than their bytes. */

export type ByteQueue = {
  push(bytes: Uint8Array): void;
  /** The oldest piece, which may hold several that were pushed. */
  shift(): Uint8Array | undefined;
  clear(): void;
};

/** Pieces below this size are gathered in blocks: an array of its own costs about a hundred bytes. */
const SMALL_BYTES = 1024;
const BLOCK_BYTES = 4096;

export function createByteQueue(): ByteQueue {
  const pieces: { buffer: Uint8Array; used: number }[] = [];

  const gather = (bytes: Uint8Array): void => {
    let block = pieces.at(-1);
    if (block === undefined || block.used + bytes.length > block.buffer.length) {
      block = { buffer: new Uint8Array(BLOCK_BYTES), used: 0 };
      pieces.push(block);
    }
    block.buffer.set(bytes, block.used);
    block.used += bytes.length;
  };

  return {
    push(bytes) {
      if (bytes.length === 0) return;
      if (bytes.length < SMALL_BYTES) gather(bytes);
      else pieces.push({ buffer: bytes, used: bytes.length });
    },
    shift() {
      const first = pieces.shift();
      return first?.buffer.subarray(0, first.used);
    },
    clear() {
      pieces.length = 0;
    },
  };
}
