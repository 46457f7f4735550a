/** Keeps buffers for messages of a bulk stream: fresh memory costs more time than the copy into it. */

/** Spare buffers. */
export type BufferPool = {
  /** Returns a buffer of so many bytes, with any content. */
  take(bytes: number): Uint8Array;
  /** Takes a buffer back that nobody uses any longer. */
  give(buffer: Uint8Array): void;
};

/** Holds a stream chunk in base64 with its line. Other messages get memory of their own size. */
const BUFFER_BYTES = 88 * 1024;
const POOLED_FROM_BYTES = 16 * 1024;
const SPARE_BUFFERS = 8;

/** Creates an empty pool. */
export function createBufferPool(): BufferPool {
  const spares: ArrayBuffer[] = [];
  return {
    take(bytes) {
      if (bytes < POOLED_FROM_BYTES || bytes > BUFFER_BYTES) return Buffer.allocUnsafeSlow(bytes);
      return new Uint8Array(spares.pop() ?? new ArrayBuffer(BUFFER_BYTES), 0, bytes);
    },
    give({ buffer }) {
      const isOurs = buffer instanceof ArrayBuffer && buffer.byteLength === BUFFER_BYTES;
      if (isOurs && spares.length < SPARE_BUFFERS) spares.push(buffer);
    },
  };
}
