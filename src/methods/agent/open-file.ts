/**
 * A file that a client of the guest agent has open. It has a plain descriptor: the runtime ends the program
 * if a `FileHandle` is forgotten open.
 */
import { close, constants, fstat, open, read, readlink, write } from "node:fs";
import type { Stats } from "node:fs";
import { basename, dirname } from "node:path";
import { readCached } from "../../process/libc.ts";
import { releaseBytes } from "../../wire/released-bytes.ts";

/** The bytes that a read has got, as base64, and their number. */
export type ReadPiece = { base64: string; count: number; isAtEnd: boolean };

/**
 * An open file with its place, as fopen(3) has one. All functions reject as the system calls fail. One ends
 * before the next begins, so that two clients can use the same file.
 */
export type OpenFile = {
  /** Reads up to `count` bytes; fewer only at the end, or if a pipe has no more now. */
  read(count: number): Promise<ReadPiece>;
  /** Writes all bytes. */
  write(bytes: Uint8Array): Promise<void>;
  /** Moves to a place, and returns it. */
  seek(offset: bigint, from: "set" | "cur" | "end"): Promise<bigint>;
  close(): Promise<void>;
};

const {
  O_APPEND,
  O_CREAT,
  O_DIRECTORY,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
} = constants;

/** The modes of fopen(3), without their `b`. */
export const FILE_MODES: Readonly<Record<string, number>> = {
  r: O_RDONLY,
  w: O_WRONLY | O_CREAT | O_TRUNC,
  a: O_WRONLY | O_CREAT | O_APPEND,
  "r+": O_RDWR,
  "w+": O_RDWR | O_CREAT | O_TRUNC,
  "a+": O_RDWR | O_CREAT | O_APPEND,
};

const NEW_FILE_MODE = 0o644;

/**
 * Opens the file at `path`, of which no part may be a link: rejects with `ELOOP` otherwise. A pipe or device
 * is never waited for.
 */
export async function openFile(path: string, flags: number): Promise<OpenFile> {
  const descriptor = await openWithoutLinks(path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  const facts = await promised<Stats>((done) => fstat(descriptor, done));
  const isSeekable = facts.isFile() || facts.isBlockDevice();
  let position = 0n;
  const inOrder = createOrder();

  /** Reads a small piece that the kernel has in memory; undefined if it has not all of it. */
  const readAtOnce = (count: number): ReadPiece | undefined => {
    if (!isSeekable || count > pieceRoom.length) return undefined;
    const start = pieceRoom.length - count;
    if (count > 0 && readCached(descriptor, pieceRoom, start, position) < count) return undefined;
    position += BigInt(count);
    return { base64: pieceRoom.toString("base64", start), count, isAtEnd: false };
  };
  const readOnce = (room: Uint8Array, start: number): number | Promise<number> => {
    // A thread that waits for the file system takes longer than most reads.
    const cached = isSeekable ? readCached(descriptor, room, start, position) : -1;
    if (cached >= 0) return cached;
    const place = isSeekable ? position : null;
    return promised<number>((done) => read(descriptor, room, start, room.length - start, place, done));
  };
  const readLater = async (count: number): Promise<ReadPiece> => {
    const room = Buffer.alloc(count);
    let length = 0;
    let isAtEnd = false;
    while (length < count && !isAtEnd) {
      const got = await orNothing(() => readOnce(room, length), length > 0);
      isAtEnd = got === 0;
      length += got;
      position += BigInt(got);
    }
    const base64 = room.toString("base64", 0, length);
    releaseBytes(room);
    return { base64, count: length, isAtEnd };
  };
  return {
    read: (count) => inOrder(async () => readAtOnce(count) ?? readLater(count)),
    write: (bytes) =>
      inOrder(async () => {
        for (let start = 0; start < bytes.length;) {
          const from = start;
          const place = isSeekable && (flags & O_APPEND) === 0 ? Number(position) : null;
          const count = await promised<number>((done) =>
            write(descriptor, bytes, from, bytes.length - from, place, done),
          );
          start += count;
          position += BigInt(count);
        }
        if (isSeekable && (flags & O_APPEND) !== 0) position = BigInt((await sizeOf(descriptor)).size);
      }),
    seek: (offset, from) =>
      inOrder(async () => {
        if (!isSeekable) throw Object.assign(new Error("Illegal seek"), { code: "ESPIPE" });
        const base =
          from === "set" ? 0n : from === "cur" ? position : BigInt((await sizeOf(descriptor)).size);
        if (base + offset < 0n) throw Object.assign(new Error("Invalid argument"), { code: "EINVAL" });
        position = base + offset;
        return position;
      }),
    close: () =>
      inOrder(() => promised<void>((done) => close(descriptor, (error) => done(error, undefined)))),
  };
}

/** The room of small pieces: fresh memory for each would cost more than the read itself. */
const pieceRoom = Buffer.alloc(16 * 1024);

/** Returns the function that begins an action when the one before has ended. */
function createOrder(): <Value>(action: () => Promise<Value>) => Promise<Value> {
  let last: Promise<unknown> | undefined;
  return (action) => {
    const next = last === undefined ? action() : last.then(action, action);
    last = next;
    const end = (): void => {
      if (last === next) last = undefined;
    };
    next.then(end, end);
    return next;
  };
}

/** Resolves with the number of bytes; with 0 after a failure, if there are some bytes already. */
async function orNothing(action: () => number | Promise<number>, hasSome: boolean): Promise<number> {
  try {
    return await action();
  } catch (thrown) {
    if (hasSome) return 0;
    throw thrown;
  }
}

/** Source: open(2), the same number on x86-64 and ARM64. */
const O_PATH = 0o10_000_000;

/**
 * The owner of a directory on the way can put a link there after the policy was asked. So the directory is
 * opened first, and the kernel says where it is.
 */
async function openWithoutLinks(path: string, flags: number): Promise<number> {
  const place = dirname(path);
  const directory = await promised<number>((done) => open(place, O_PATH | O_DIRECTORY, done));
  try {
    const opened = `/proc/self/fd/${directory}`;
    if ((await promised<string>((done) => readlink(opened, done))) !== place)
      throw Object.assign(new Error("A directory on the way is a link"), { code: "ELOOP" });
    return await promised<number>((done) => open(`${opened}/${basename(path)}`, flags, NEW_FILE_MODE, done));
  } finally {
    await promised<void>((done) => close(directory, (error) => done(error, undefined)));
  }
}

function sizeOf(descriptor: number): Promise<Stats> {
  return promised<Stats>((done) => fstat(descriptor, done));
}

type Done<Value> = (error: Error | null | undefined, value: Value) => void;

/** Returns the promise of a function with a callback. */
function promised<Value>(start: (done: Done<Value>) => void): Promise<Value> {
  const { promise, resolve, reject } = Promise.withResolvers<Value>();
  start((error, value) => (error ? reject(error) : resolve(value)));
  return promise;
}
