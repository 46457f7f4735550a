/** Gives the memory of large buffers back before the runtime collects garbage. */

/** Smaller buffers cost little, and the runtime keeps many of them in one block. */
const LARGE_BYTES = 64 * 1024;

/** Gives the memory of a large buffer back, of which these bytes are a part. No view of it has bytes then. */
export function releaseBuffer({ buffer }: Uint8Array): void {
  if (buffer.byteLength >= LARGE_BYTES && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/**
 * Gives the memory of `bytes` back if they are large, and a whole buffer. They are empty after that, and so
 * is every other view of this buffer.
 */
export function releaseBytes({ buffer, length }: Uint8Array): void {
  if (length < LARGE_BYTES || length !== buffer.byteLength || !(buffer instanceof ArrayBuffer)) return;
  buffer.transfer(0);
}
