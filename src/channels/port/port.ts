/** Owns the guest's end of a virtio-serial port, or a pty: reads and writes that never block the process. */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { stat } from "node:fs/promises";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import type { Channel } from "../../wire/channel.ts";
import { closedError, explainFailure } from "../failure.ts";
import type { FailureCase } from "../failure.ts";
import { dialSocket } from "../socket/socket.ts";
import { watchReadiness } from "./port-readiness.ts";
import type { Readiness } from "./port-readiness.ts";

/**
 * Opens the path of `--character-device`: a unix socket, as an emulated machine has, with `dialSocket`, all
 * else with `openPort`. Throws what they throw.
 */
export async function openCharacterDevice(
  path: string,
  options: { signal?: AbortSignal } = {},
): Promise<Channel> {
  const facts = await stat(path).catch(() => undefined);
  return facts?.isSocket() === true ? dialSocket(path, options) : openPort(path);
}

/**
 * Opens the character device at `path`. While the host is away, the iteration and `write` wait and do not
 * end, because a guest does not know whether the host will come back. After `close`, the port can be opened
 * again at once. A pty must be in raw mode; its iteration ends when the far end closes. An open port keeps
 * the process alive.
 *
 * Throws `BUSY` when another process has the port open or no descriptors are left, `DENIED`, or `NO_CHANNEL`,
 * with the system's error as its cause.
 */
export function openPort(path: string): Channel {
  const label = printable(path);
  const { fd, endsWhenEmpty } = openDevice(path);
  const readiness = watchOrClose(fd);
  const scratch = new Uint8Array(CHUNK_BYTES);
  let closing: Promise<void> | undefined;

  /** Reads what is there, up to one chunk. */
  const readChunk = (): { bytes: Uint8Array; rest: "more" | "later" | "away" } => {
    let length = 0;
    while (length < CHUNK_BYTES) {
      const room = scratch.subarray(length);
      const count = attempt(`read port "${label}"`, () =>
        endsWhenEmpty ? readPty(fd, room) : readSync(fd, room),
      );
      if (count === undefined || count === 0) {
        return { bytes: scratch.slice(0, length), rest: count === 0 ? "away" : "later" };
      }
      length += count;
      // A short read means that the port is empty.
      if (count < FULL_READ_BYTES) return { bytes: scratch.slice(0, length), rest: "later" };
    }
    return { bytes: scratch.slice(), rest: "more" };
  };

  const close = (): Promise<void> => {
    closing ??= readiness.close().then(() => closeSync(fd));
    return closing;
  };

  return {
    label,
    async *[Symbol.asyncIterator]() {
      let attempts = 0;
      while (!readiness.isClosed) {
        const { bytes, rest } = readChunk();
        if (bytes.length > 0) yield bytes;
        if (rest === "away" && endsWhenEmpty) return;
        attempts = bytes.length > 0 ? 0 : attempts + 1;
        await (rest === "away" || attempts >= ATTEMPTS ? readiness.wait("READ") : nextTurn());
      }
    },
    async write(bytes) {
      let start = 0;
      let attempts = 0;
      do {
        if (readiness.isClosed) throw closedError(label);
        const chunk = bytes.subarray(start, start + CHUNK_BYTES);
        const count = attempt(`write to port "${label}"`, () => writeSync(fd, chunk));
        start += count ?? 0;
        attempts = count === undefined ? (attempts + 1) % ATTEMPTS : 0;
        if (start < bytes.length)
          await (count !== undefined || attempts > 0 ? nextTurn() : readiness.wait("WRITE"));
      } while (start < bytes.length);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The driver takes 32 KiB per write and gives one page per read at most (drivers/char/virtio_console.c). */
const CHUNK_BYTES = 64 * 1024;
const FULL_READ_BYTES = 4096;

/** Bytes come in bursts and the thread takes as long as a round trip to the host, so we try again first. */
const ATTEMPTS = 5;

const FLAGS = constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOCTTY;

function openDevice(path: string): { fd: number; endsWhenEmpty: boolean } {
  const action = `Cannot open port "${printable(path)}"`;
  try {
    const fd = openSync(path, FLAGS);
    const facts = fstatSync(fd);
    if (facts.isCharacterDevice()) return { fd, endsWhenEmpty: isPty(facts.rdev) };
    closeSync(fd);
  } catch (thrown) {
    throw explainFailure(action, thrown, openCases(path));
  }
  throw new NegotiatorError("NO_CHANNEL", `${action}: it is not a character device`);
}

function watchOrClose(fd: number): Readiness {
  try {
    return watchReadiness(fd);
  } catch (thrown) {
    // A port has room for one process, so a leaked descriptor would keep all others out.
    closeSync(fd);
    throw thrown;
  }
}

/** Source: Documentation/admin-guide/devices.txt, and makedev(3) for the place of the major number. */
function isPty(rdev: number): boolean {
  const major = (rdev >>> 8) & 0xfff;
  return major >= 136 && major <= 143;
}

function readPty(fd: number, room: Uint8Array): number {
  try {
    return readSync(fd, room);
  } catch (thrown) {
    // A pty gives EIO between its hangup and its end of file (drivers/tty/n_tty.c).
    if (errnoOf(thrown) === "EIO") return 0;
    throw thrown;
  }
}

function openCases(path: string): Record<string, FailureCase> {
  const shown = printable(path);
  const denied: FailureCase = { code: "DENIED", condition: "no permission", remedy: "Run as root" };
  const unplugged: FailureCase = {
    code: "NO_CHANNEL",
    condition: "it has no port, or the host removed the port",
    remedy: "List the ports: ls -l /dev/virtio-ports /sys/class/virtio-ports",
  };
  return {
    EBUSY: {
      code: "BUSY",
      condition: "another process has it open",
      remedy: `Find it with: fuser -v ${shown}`,
    },
    ENOENT: { ...unplugged, condition: "there is no such file" },
    EACCES: denied,
    EPERM: denied,
    ENXIO: unplugged,
    ENODEV: unplugged,
  };
}

/** Returns undefined when the port has nothing to read, or no room to write, at present. */
function attempt(action: string, call: () => number): number | undefined {
  try {
    return call();
  } catch (thrown) {
    const errno = errnoOf(thrown);
    if (errno === "EAGAIN" || errno === "EINTR") return undefined;
    throw explainFailure(`Cannot ${action}`, thrown, USE_CASES);
  }
}

const USE_CASES: Record<string, FailureCase> = {
  ENODEV: { code: "NO_CHANNEL", condition: "the host removed the port" },
  EIO: { code: "CLOSED", condition: "the far end is closed" },
};

/** Lets timers, sockets and children run while bytes come faster than they are used. */
function nextTurn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(resolve);
  return promise;
}
