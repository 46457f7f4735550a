/**
 * A file of a fixed size that holds the last bytes of a stream. It has a plain descriptor: the runtime ends
 * the program if a `FileHandle` is forgotten open.
 */
import { untilDiskThaws } from "../../frozen-disk.ts";
import { close, closeSync, constants, fstatSync, open, openSync, read, unlink, write } from "node:fs";
import { STATE_FILES } from "../../process/file-turns.ts";

/** A file. Offsets are those of the stream. */
export type RingFile = {
  /** Writes bytes at an offset, over those that are one size older. Rejects as write(2) fails, and late. */
  write(bytes: Uint8Array, offset: number): Promise<void>;
  /** Reads up to `length` bytes from an offset. Rejects as read(2) fails, and late. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Closes it once that is possible. Never rejects, and does not wait for a file system that hangs. */
  close(): Promise<void>;
  /** Closes and removes it as `close` does. */
  remove(): Promise<void>;
};

const OWNER_ONLY = 0o600;
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants;
/** Makes a new file, which only its owner can read. Rejects with the system's error, and late. */
export async function openRingFile(path: string, sizeBytes: number): Promise<RingFile> {
  const flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
  await untilDiskThaws();
  let opening: Promise<number> | undefined;
  try {
    const descriptor = await STATE_FILES.run(() => {
      opening = promised<number>((done) => open(path, flags, OWNER_ONLY, done));
      return opening;
    });
    return ringFileOf(path, descriptor, sizeBytes);
  } catch (thrown) {
    // It may still be opened.
    opening?.then((descriptor) => ringFileOf(path, descriptor, sizeBytes).remove()).catch(() => undefined);
    throw thrown;
  }
}

/**
 * Opens a file that another program has made, and that has the bytes from `start` to `end` of the stream.
 * Returns undefined if it is gone, or shorter than that.
 */
export function reopenRingFile(
  path: string,
  sizeBytes: number,
  { start, end }: { start: number; end: number },
): RingFile | undefined {
  try {
    const descriptor = openSync(path, O_RDWR | O_NOFOLLOW);
    if (start === end || fstatSync(descriptor).size >= Math.min(end, sizeBytes))
      return ringFileOf(path, descriptor, sizeBytes);
    closeSync(descriptor);
  } catch {
    // It is gone.
  }
  return undefined;
}

function ringFileOf(path: string, descriptor: number, sizeBytes: number): RingFile {
  const closeNow = (): Promise<void> =>
    promised<void>((done) => close(descriptor, (error) => done(error, undefined)));
  return {
    async write(bytes, offset) {
      await untilDiskThaws();
      const skipped = Math.max(0, bytes.length - sizeBytes);
      for (let done = skipped; done < bytes.length;) {
        const place = (offset + done) % sizeBytes;
        const length = Math.min(bytes.length - done, sizeBytes - place);
        const start = done;
        done += await STATE_FILES.run(() =>
          promised<number>((end) => write(descriptor, bytes, start, length, place, end)),
        );
      }
    },
    async read(offset, length) {
      const place = offset % sizeBytes;
      const room = new Uint8Array(Math.min(length, sizeBytes - place));
      const count = await STATE_FILES.run(() =>
        promised<number>((end) => read(descriptor, room, 0, room.length, place, end)),
      );
      return room.subarray(0, count);
    },
    close: () => STATE_FILES.clean(closeNow),
    remove: () =>
      STATE_FILES.clean(async () => {
        await closeNow();
        await promised<void>((done) => unlink(path, (error) => done(error, undefined)));
      }),
  };
}

type Done<Value> = (error: Error | null | undefined, value: Value) => void;

/** Returns the promise of a function with a callback. */
function promised<Value>(start: (done: Done<Value>) => void): Promise<Value> {
  const { promise, resolve, reject } = Promise.withResolvers<Value>();
  start((error, value) => (error ? reject(error) : resolve(value)));
  return promise;
}
