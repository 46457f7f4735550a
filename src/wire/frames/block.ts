/** Cuts a block of a known length from bytes that come in pieces. */
import { createByteQueue } from "../calls/byte-queue.ts";
import type { MemoryShare } from "../memory.ts";

/**
 * `taken` is how many bytes were used. `block` is there when the block is complete. It is empty if it
 * `gaveWay`, because all peers together held too much.
 */
export type BlockStep = { taken: number; block?: Uint8Array; gaveWay?: true };

/** Cuts blocks. */
export type BlockCutter = {
  /** Whether a block has begun and is not complete. */
  readonly hasBegun: boolean;
  /** Whether some bytes of the block came. */
  readonly isFilled: boolean;
  /** Begins a block. One that is not kept is skipped, and ends as an empty block. */
  begin(lengthBytes: number, isKept?: boolean): void;
  /** Takes the next bytes of the block. */
  take(bytes: Uint8Array): BlockStep;
  /** Returns the bytes of the begun block, which stay. */
  peek(): Uint8Array;
  /** Throws the begun block away. */
  drop(): void;
};

/** Creates a cutter without a block. It keeps the bytes of a block in the memory of all peers. */
export function createBlockCutter(memory?: MemoryShare): BlockCutter {
  let length = 0;
  let filled = 0;
  let hasBegun = false;
  let isKept = true;
  let gaveWay = false;
  let buffer: Uint8Array | undefined;
  /** The pieces of a large block. A buffer that grows would leave its smaller ones behind. */
  const parts = createByteQueue();
  const holding = memory?.hold(() => {
    gaveWay = true;
    isKept = false;
    free();
  });

  const free = (): void => {
    buffer = undefined;
    parts.clear();
    holding?.resize(0);
  };

  const drop = (): void => {
    hasBegun = false;
    free();
  };

  const end = (taken: number, block: Uint8Array): BlockStep => {
    drop();
    return { taken, block };
  };

  const keep = (part: Uint8Array): void => {
    // A peer may announce more than it sends, so the memory grows with the bytes.
    if (length <= SMALL_BYTES) fill(part);
    else if (holding?.resize(filled + part.length) !== false) parts.push(part);
  };

  const fill = (part: Uint8Array): void => {
    if (buffer === undefined || buffer.length < filled + part.length) {
      const bytes = Math.min(length, Math.max(2 * filled, filled + part.length, FIRST_BYTES));
      if (holding?.resize(bytes) === false) return;
      const grown = Buffer.allocUnsafeSlow(bytes);
      if (buffer !== undefined) grown.set(buffer.subarray(0, filled));
      buffer = grown;
    }
    buffer.set(part, filled);
  };

  /** Returns the kept bytes of a complete block. */
  const join = (): Uint8Array => {
    if (length <= SMALL_BYTES) return buffer?.subarray(0, length) ?? NO_BYTES;
    const pieces: Uint8Array[] = [];
    for (let piece = parts.shift(); piece !== undefined; piece = parts.shift()) pieces.push(piece);
    return Buffer.concat(pieces);
  };

  return {
    get hasBegun() {
      return hasBegun;
    },
    get isFilled() {
      return filled > 0;
    },
    begin(lengthBytes, keeps = true) {
      length = lengthBytes;
      filled = 0;
      isKept = keeps;
      hasBegun = true;
      gaveWay = false;
      free();
    },
    take(bytes) {
      const part = bytes.subarray(0, length - filled);
      if (isKept && filled === 0 && part.length === length) return end(part.length, part);
      if (isKept) keep(part);
      filled += part.length;
      if (filled < length) return { taken: part.length };
      if (gaveWay) return { ...end(part.length, NO_BYTES), gaveWay };
      return end(part.length, isKept ? join() : NO_BYTES);
    },
    peek: () => (length <= SMALL_BYTES ? (buffer?.slice(0, filled) ?? NO_BYTES) : parts.peek()),
    drop,
  };
}

const NO_BYTES = new Uint8Array(0);
/** A block up to this length is kept in one buffer. */
const SMALL_BYTES = 256 * 1024;
/** Holds a stream chunk of the usual size, so that it is copied once. */
const FIRST_BYTES = 64 * 1024 + 1;
