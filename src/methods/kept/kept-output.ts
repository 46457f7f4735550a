/**
 * Keeps the last bytes of a stream for callers that read it later: in memory at first, and in a file once
 * there are more. Any number of readers can follow it.
 */
import { unlink } from "node:fs/promises";
import { openRingFile } from "./ring-file.ts";
import type { RingFile } from "./ring-file.ts";

/** A stream that is kept. Offsets count the bytes of the stream from its start. */
export type KeptOutput = {
  /** The offset of the first byte that is still there. */
  readonly start: number;
  /** The offset behind the last byte so far. */
  readonly end: number;
  /** Whether the stream has ended, and whether bytes are missing at its end. */
  readonly isEnded: boolean;
  readonly isTruncated: boolean;
  /** Adds bytes, and resolves when they are kept. Never rejects: bytes that cannot be kept are cut. */
  write(bytes: Uint8Array): Promise<void>;
  /** The stream has ended. */
  finish(facts?: { truncated: boolean }): void;
  /**
   * Yields the bytes from an offset on, and follows the stream to its end. Leaves out bytes that are no
   * longer kept. Stops when the output is removed.
   */
  read(from: number): AsyncGenerator<Uint8Array, void, undefined>;
  /** Removes what is kept. */
  remove(): Promise<void>;
};

/** Options of a kept output. `path` is that of its file, which does not exist yet. */
export type KeptOutputOptions = { path: string; memoryBytes: number; mostBytes: number };

/** The most bytes that a reader gets at once. */
const PIECE_BYTES = 64 * 1024;
const NO_BYTES = new Uint8Array(0);

/** Creates an output without bytes. Makes no file before it has more than `memoryBytes`. */
export function createKeptOutput({ path, memoryBytes, mostBytes }: KeptOutputOptions): KeptOutput {
  let memory: Uint8Array | undefined = new Uint8Array(0);
  let file: RingFile | undefined;
  let start = 0;
  let end = 0;
  let [isEnded, isTruncated, isRemoved] = [false, false, false];
  let changed = Promise.withResolvers<void>();
  let writing = Promise.resolve();
  /** A descriptor that is closed during a read could stand for another file by then. */
  const readings = new Set<Promise<Uint8Array>>();

  const notify = (): void => {
    changed.resolve();
    changed = Promise.withResolvers();
  };

  const endAfterWrites = async (truncated: boolean): Promise<void> => {
    await writing;
    isEnded = true;
    isTruncated = truncated;
    notify();
  };

  const append = async (bytes: Uint8Array): Promise<void> => {
    if (isRemoved) return;
    const target = end + bytes.length;
    try {
      if (memory !== undefined && target <= memoryBytes) {
        memory = Buffer.concat([memory, bytes]);
      } else {
        if (file === undefined) {
          file = await openRingFile(path, mostBytes);
          if (memory !== undefined) await file.write(memory, end - memory.length);
        }
        memory = undefined;
        // Readers must not take bytes that this write replaces.
        start = Math.max(start, target - mostBytes);
        await file.write(bytes, end);
      }
    } catch {
      // For example a full disk: what was kept stays, and these bytes are cut.
      memory = undefined;
      start = target;
    }
    end = target;
    notify();
  };

  const load = async (from: number): Promise<Uint8Array> => {
    if (memory !== undefined) return memory.slice(from, from + PIECE_BYTES);
    const reading = file?.read(from, Math.min(PIECE_BYTES, end - from)) ?? Promise.resolve(NO_BYTES);
    readings.add(reading);
    return reading.finally(() => readings.delete(reading));
  };

  return {
    get start() {
      return start;
    },
    get end() {
      return end;
    },
    get isEnded() {
      return isEnded;
    },
    get isTruncated() {
      return isTruncated;
    },
    write(bytes) {
      const copy = new Uint8Array(bytes);
      writing = writing.then(() => append(copy));
      return writing;
    },
    finish: ({ truncated } = { truncated: false }) => void endAfterWrites(truncated),
    async *read(from) {
      for (let at = from; ;) {
        if (isRemoved) return;
        at = Math.max(at, start);
        if (at >= end) {
          if (isEnded) return;
          await changed.promise;
          continue;
        }
        const piece = await load(at);
        // The piece may have been replaced while it was read.
        if (piece.length === 0 || at < start) continue;
        at += piece.length;
        yield piece;
      }
    },
    async remove() {
      isRemoved = true;
      notify();
      await writing;
      await Promise.allSettled(readings);
      memory = undefined;
      if (file !== undefined) await removeFile(file, path);
    },
  };
}

async function removeFile(file: RingFile, path: string): Promise<void> {
  await file.close().catch(() => undefined);
  await unlink(path).catch(() => undefined);
}
