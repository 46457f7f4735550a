/** A file of a fixed size that holds the last bytes of a stream. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** A file. Offsets are those of the stream. */
export type RingFile = {
  /** Writes bytes at an offset. They replace those that are one size older. Rejects as write(2) fails. */
  write(bytes: Uint8Array, offset: number): Promise<void>;
  /** Reads up to `length` bytes from an offset. Rejects as read(2) fails. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
};

const OWNER_ONLY = 0o600;
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants;

/** Makes a new file, which only its owner can read. Rejects with the system's error. */
export async function openRingFile(path: string, sizeBytes: number): Promise<RingFile> {
  const handle = await open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, OWNER_ONLY);
  return {
    async write(bytes, offset) {
      const skipped = Math.max(0, bytes.length - sizeBytes);
      for (let done = skipped; done < bytes.length;) {
        const place = (offset + done) % sizeBytes;
        const length = Math.min(bytes.length - done, sizeBytes - place);
        const { bytesWritten } = await handle.write(bytes, done, length, place);
        done += bytesWritten;
      }
    },
    async read(offset, length) {
      const place = offset % sizeBytes;
      const room = new Uint8Array(Math.min(length, sizeBytes - place));
      const { bytesRead } = await handle.read(room, 0, room.length, place);
      return room.subarray(0, bytesRead);
    },
    close: () => handle.close(),
  };
}
