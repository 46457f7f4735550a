/**
 * Reads a descriptor that other processes share, such as our standard input: from its present offset, and
 * without a change of its mode. Bun's own streams read a file from its start, and take some errors for its
 * end.
 */
import { fstatSync, read } from "node:fs";
import { errnoOf } from "../errors.ts";
import { EVENTS, watchDescriptor } from "./descriptor-watch.ts";
import type { DescriptorWatch } from "./descriptor-watch.ts";
import { moveOffset, pollNow, readWithoutWait } from "./libc.ts";

/** A source of input. */
export type InputSource = {
  /**
   * Returns the next bytes, undefined at the end or after `close`. They are in memory that the next read uses
   * again. Rejects with the system's error.
   */
  read(): Promise<Uint8Array | undefined>;
  /** Ends a read that waits for bytes. */
  close(): void;
  /**
   * Moves the offset of a file back by that many bytes, the last that were read. Does nothing where that is
   * not possible, or when another process has read on.
   */
  giveBack(bytes: number): void;
};

/** Opens no descriptor: it reads `fd` itself. */
export function createInputSource(fd: number): InputSource {
  const facts = fstatSync(fd);
  const isFile = (facts.isFile() || facts.isBlockDevice()) && moveOffset(fd, 0) >= 0;
  return isFile ? createFileSource(fd) : createStreamSource(fd, facts.isFIFO());
}

/** A file can be slow, so a thread reads it. */
function createFileSource(fd: number): InputSource {
  const rooms = createRooms();
  /** The last bytes that were read without a gap: from `start` to `end`. */
  let start = moveOffset(fd, 0);
  let end = start;
  let isClosed = false;
  return {
    async read() {
      if (isClosed) return undefined;
      const room = rooms.next();
      const count = await readInThread(fd, room);
      if (count === 0) return undefined;
      const offset = moveOffset(fd, 0);
      // Another process has read in between.
      if (offset - count !== end) start = offset - count;
      end = offset;
      rooms.filled(count);
      return room.subarray(0, count);
    },
    close() {
      isClosed = true;
    },
    giveBack(bytes) {
      if (moveOffset(fd, 0) === end) end = moveOffset(fd, -Math.min(bytes, end - start));
    },
  };
}

function createStreamSource(fd: number, isPipe: boolean): InputSource {
  const rooms = createRooms();
  let watch: DescriptorWatch | undefined;
  let isClosed = false;

  /** Returns undefined when there are no bytes now. */
  const readOnce = async (room: Uint8Array): Promise<number | undefined> => {
    // The first read of a connection that was reset has the error, and the second one looks like the end.
    const count = isPipe ? readWithoutWait(fd, room) : -1;
    if (count >= 0) return count;
    if (pollNow(fd, EVENTS.IN) === 0) return undefined;
    try {
      // It waits only if another process has taken the bytes since.
      return await readInThread(fd, room);
    } catch (thrown) {
      if (errnoOf(thrown) === "EAGAIN") return undefined;
      throw thrown;
    }
  };
  return {
    async read() {
      const room = rooms.next();
      for (;;) {
        const count = isClosed ? 0 : await readOnce(room);
        if (count === 0) return undefined;
        if (count !== undefined) {
          rooms.filled(count);
          return room.subarray(0, count);
        }
        if (isClosed) return undefined;
        watch ??= watchDescriptor(fd, { isPipe, byTimerMs: SHORT_WAIT_MS });
        await watch.changed(EVENTS.IN);
      }
    },
    close() {
      isClosed = true;
      watch?.close();
    },
    giveBack: () => undefined,
  };
}

/** Most programs before us in a pipe have written within this time. */
const SHORT_WAIT_MS = 100;

/** The memory of reads: a bulk stream gets more of it, so that it needs fewer of them. */
type Rooms = { next(): Uint8Array; filled(bytes: number): void };

function createRooms(): Rooms {
  let room = new Uint8Array(SMALL_BYTES);
  let fullReads = 0;
  return {
    next() {
      if (fullReads >= BULK_READS && room.length === SMALL_BYTES) room = new Uint8Array(BULK_BYTES);
      return room;
    },
    filled(bytes) {
      if (bytes === room.length) fullReads++;
    },
  };
}

const SMALL_BYTES = 64 * 1024;
const BULK_BYTES = 256 * 1024;
const BULK_READS = 4;

/** Reads at the offset, and moves it. */
function readInThread(fd: number, room: Uint8Array): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  read(fd, room, 0, room.length, null, (error, count) => (error === null ? resolve(count) : reject(error)));
  return promise;
}
