/** A queue of bytes that wait for their reader. Many small chunks cost little more than their bytes. */

/** Takes chunks of bytes and gives them out in order. */
export type ByteQueue = {
  /** Adds bytes. A large chunk is kept, a small one is copied; an empty one does nothing. */
  push(bytes: Uint8Array): void;
  /** Removes and returns the oldest bytes, which may join small chunks; undefined when the queue is empty. */
  shift(): Uint8Array | undefined;
  /** Returns all bytes, which stay. */
  peek(): Uint8Array;
  /** Removes all bytes. */
  clear(): void;
};

/** An array costs about a hundred bytes, so chunks below this size are copied into blocks. */
const SMALL_BYTES = 1024;
const BLOCK_BYTES = 4096;

/** Creates an empty queue. */
export function createByteQueue(): ByteQueue {
  const blocks: { buffer: Uint8Array; used: number }[] = [];

  const copy = (bytes: Uint8Array): void => {
    let block = blocks.at(-1);
    if (block === undefined || block.used + bytes.length > block.buffer.length) {
      block = { buffer: new Uint8Array(BLOCK_BYTES), used: 0 };
      blocks.push(block);
    }
    block.buffer.set(bytes, block.used);
    block.used += bytes.length;
  };

  return {
    push(bytes) {
      if (bytes.length === 0) return;
      if (bytes.length < SMALL_BYTES) copy(bytes);
      else blocks.push({ buffer: bytes, used: bytes.length });
    },
    shift() {
      const first = blocks.shift();
      return first?.buffer.subarray(0, first.used);
    },
    peek: () => Buffer.concat(blocks.map(({ buffer, used }) => buffer.subarray(0, used))),
    clear() {
      blocks.length = 0;
    },
  };
}
