/** Keeps the last bytes of a stream: in memory at first, and in a file once there are more. */
import { unlink } from "node:fs/promises";
import { STATE_FILES } from "../../process/file-turns.ts";
import { openRingFile, reopenRingFile } from "./ring-file.ts";
import type { RingFile } from "./ring-file.ts";

/** Kept bytes, by their offsets in the stream. */
export type KeptBytes = {
  /** The offset of the first byte that is still there. */
  readonly start: number;
  /** The offset behind the last byte so far. */
  readonly end: number;
  /** Adds bytes, one call after the other. Never rejects: bytes that cannot be kept are cut. */
  append(bytes: Uint8Array): Promise<void>;
  /** Returns some bytes from an offset on. They may have been replaced meanwhile. */
  load(from: number): Promise<Uint8Array>;
  remove(): Promise<void>;
  /** Puts all bytes into the file and closes it, for another process. Nothing is added or loaded after. */
  save(): Promise<void>;
  freeze(): FrozenKeptBytes;
};

/** Kept bytes as plain data. Without `memory` they are in the file. */
export type FrozenKeptBytes = { memory?: Uint8Array; hasFile: boolean; start: number; end: number };

/** Options of kept bytes. `path` is that of the file, which does not exist yet. */
export type KeptBytesOptions = { path: string; memoryBytes: number; mostBytes: number };

/** The most bytes of one load. */
const PIECE_BYTES = 64 * 1024;
const NO_BYTES = new Uint8Array(0);

/** Creates an empty store, or a frozen one again. Makes no file before it has more than `memoryBytes`. */
export function createKeptBytes(
  { path, memoryBytes, mostBytes }: KeptBytesOptions,
  frozen: FrozenKeptBytes | undefined,
): KeptBytes {
  let memory: Uint8Array | undefined = frozen === undefined ? NO_BYTES : frozen.memory;
  // A write that was under way may have begun to make the file.
  if (frozen !== undefined && memory !== undefined) void STATE_FILES.clean(() => unlink(path));
  let file = frozen?.hasFile === true ? reopenRingFile(path, mostBytes, frozen) : undefined;
  let { start = 0, end = 0 }: Partial<FrozenKeptBytes> = frozen ?? {};
  // A file that is gone has no bytes to read.
  if (memory === undefined && file === undefined) start = end;
  /** A descriptor that is closed during a read could stand for another file by then. */
  const readings = new Set<Promise<Uint8Array>>();

  const moveToFile = async (): Promise<RingFile> => {
    file ??= await openRingFile(path, mostBytes);
    if (memory !== undefined) await file.write(memory, end - memory.length);
    memory = undefined;
    return file;
  };

  return {
    get start() {
      return start;
    },
    get end() {
      return end;
    },
    async append(bytes) {
      const target = end + bytes.length;
      try {
        if (memory !== undefined && target <= memoryBytes) {
          memory = Buffer.concat([memory, bytes]);
        } else {
          const opened = await moveToFile();
          // Readers must not take bytes that this write replaces.
          start = Math.max(start, target - mostBytes);
          await opened.write(bytes, end);
        }
      } catch {
        // For example a full disk, or one that does not answer: what was kept stays, and these bytes are cut.
        memory = undefined;
        start = target;
      }
      end = target;
    },
    async load(from) {
      if (memory !== undefined) return memory.slice(from, from + PIECE_BYTES);
      const reading = file?.read(from, Math.min(PIECE_BYTES, end - from)) ?? Promise.resolve(NO_BYTES);
      readings.add(reading);
      return reading.finally(() => readings.delete(reading));
    },
    async remove() {
      await Promise.allSettled(readings);
      memory = undefined;
      await file?.remove();
    },
    async save() {
      try {
        if (memory !== undefined && memory.length > 0) await moveToFile();
      } catch {
        start = end;
      }
      memory = undefined;
      await Promise.allSettled(readings);
      await file?.close();
    },
    freeze: () => ({ ...(memory !== undefined && { memory }), hasFile: file !== undefined, start, end }),
  };
}
