/** Keeps buffers for messages of a bulk stream: fresh memory costs more time than the copy into it. */

/** Spare buffers. */
export type BufferPool = {
  /** Returns a buffer of so many bytes, with any content. */
  take: (bytes: number) => Uint8Array;
  /** Takes back a buffer that is not used any longer. */
  give(buffer: Uint8Array): void;
};

/** Hold a stream chunk with its line, raw or in base64. Other messages get as much memory as they need. */
const RAW_BYTES = 66 * 1024;
const BASE64_BYTES = 88 * 1024;
const POOLED_FROM_BYTES = 16 * 1024;
const SPARE_BUFFERS = 8;

/** Creates an empty pool. */
export function createBufferPool(): BufferPool {
  const spares = new Map<number, ArrayBuffer[]>([
    [RAW_BYTES, []],
    [BASE64_BYTES, []],
  ]);
  return {
    take(bytes) {
      if (bytes < POOLED_FROM_BYTES || bytes > BASE64_BYTES) return Buffer.allocUnsafeSlow(bytes);
      const size = bytes <= RAW_BYTES ? RAW_BYTES : BASE64_BYTES;
      return new Uint8Array(spares.get(size)?.pop() ?? new ArrayBuffer(size), 0, bytes);
    },
    give({ buffer }) {
      if (!(buffer instanceof ArrayBuffer)) return;
      const same = spares.get(buffer.byteLength);
      if (same !== undefined && same.length < SPARE_BUFFERS) same.push(buffer);
    },
  };
}
