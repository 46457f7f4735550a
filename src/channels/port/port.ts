/** Owns a virtio-serial port in a guest, or a pty: reads and writes that never make the process wait. */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { stat } from "node:fs/promises";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import type { Channel } from "../../wire/channel.ts";
import { closedError, explainFailure } from "../failure.ts";
import type { FailureCase } from "../failure.ts";
import { watchReadiness } from "./port-readiness.ts";
import type { Readiness } from "./port-readiness.ts";
import { dialSocket } from "../socket/socket.ts";

/**
 * Opens what `--character-device` names: with `openPort`, or with `dialSocket` when it is a unix socket, as an emulated
 * machine has. Throws what they throw.
 */
export async function openCharacterDevice(
  path: string,
  options: { signal?: AbortSignal } = {},
): Promise<Channel> {
  const facts = await stat(path).catch(() => undefined);
  return facts?.isSocket() === true ? dialSocket(path, options) : openPort(path);
}

/**
 * Opens the character device at `path`. While the host is away the iteration waits, and so does `write`; neither ends,
 * because a guest cannot tell a host that left from one that will be back. After `close` the port can be opened anew at
 * once. A pty has to be in raw mode; its iteration ends when the far end closes. An open port keeps the process alive.
 * Throws `BUSY` when somebody has the port open or no descriptors are left, `DENIED`, or `NO_CHANNEL`, with the system's
 * error as its cause.
 */
export function openPort(path: string): Channel {
  const label = printable(path);
  const { fd, endsWhenEmpty } = openDevice(path);
  const readiness = watchOrClose(fd);
  const scratch = new Uint8Array(PIECE_BYTES);
  let closing: Promise<void> | undefined;

  /** Takes what is there, up to one piece. */
  const readPiece = (): { bytes: Uint8Array; rest: "more" | "later" | "away" } => {
    let length = 0;
    while (length < PIECE_BYTES) {
      const room = scratch.subarray(length);
      const count = attempt(`read port "${label}"`, () =>
        endsWhenEmpty ? readPty(fd, room) : readSync(fd, room),
      );
      if (count === undefined || count === 0) {
        return { bytes: scratch.slice(0, length), rest: count === 0 ? "away" : "later" };
      }
      length += count;
      // A short read says that there was no more, without the cost of another attempt; if there is, poll(2) tells.
      if (count < FULL_READ_BYTES) return { bytes: scratch.slice(0, length), rest: "later" };
    }
    return { bytes: scratch.slice(), rest: "more" };
  };

  const close = (): Promise<void> => {
    closing ??= readiness.stop().then(() => closeSync(fd));
    return closing;
  };

  return {
    label,
    async *[Symbol.asyncIterator]() {
      let looks = 0;
      while (!readiness.isStopped) {
        const { bytes, rest } = readPiece();
        if (bytes.length > 0) yield bytes;
        if (rest === "away" && endsWhenEmpty) return;
        looks = bytes.length > 0 ? 0 : looks + 1;
        await (rest === "away" || looks >= LOOKS ? readiness.wait("READ") : nextTurn());
      }
    },
    async write(bytes) {
      let start = 0;
      let looks = 0;
      do {
        if (readiness.isStopped) throw closedError(label);
        const piece = bytes.subarray(start, start + PIECE_BYTES);
        const count = attempt(`write to port "${label}"`, () => writeSync(fd, piece));
        start += count ?? 0;
        looks = count === undefined ? (looks + 1) % LOOKS : 0;
        if (start < bytes.length)
          await (count !== undefined || looks > 0 ? nextTurn() : readiness.wait("WRITE"));
      } while (start < bytes.length);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The driver takes at most 32 KiB per write, and gives at most one page per read (drivers/char/virtio_console.c). */
const PIECE_BYTES = 64 * 1024;
const FULL_READ_BYTES = 4096;

/**
 * How often one looks again, each time after everybody else had a turn, before the thread is asked to wait. Bytes come in
 * trains, and the way through the thread takes as long as a whole round trip to the host (measured with one processor).
 */
const LOOKS = 5;

/** Non-blocking, so that nothing ever waits in a system call; no controlling terminal, should it be a pty. */
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
  throw new NegotiatorError("NO_CHANNEL", `${action}: it is no character device`);
}

/** An open port that nobody holds would be one that nobody else can open. */
function watchOrClose(fd: number): Readiness {
  try {
    return watchReadiness(fd);
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
}

/** Major numbers 136 to 143 (Documentation/admin-guide/devices.txt); see makedev(3) for where they are in `rdev`. */
function isPty(rdev: number): boolean {
  const major = (rdev >>> 8) & 0xfff;
  return major >= 136 && major <= 143;
}

/** As `readSync`. A pty that is being hung up says EIO until its end of file is in place (drivers/tty/n_tty.c): that is its end too. */
function readPty(fd: number, room: Uint8Array): number {
  try {
    return readSync(fd, room);
  } catch (thrown) {
    if (errnoOf(thrown) === "EIO") return 0;
    throw thrown;
  }
}

function openCases(path: string): Record<string, FailureCase> {
  const shown = printable(path);
  const denied: FailureCase = { code: "DENIED", condition: "no permission", remedy: "Run as root" };
  const unplugged: FailureCase = {
    code: "NO_CHANNEL",
    condition: "no port is behind it, or the host took it away",
    remedy: "List the ports with: ls -l /dev/virtio-ports /sys/class/virtio-ports",
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

/** What `call` gives; undefined when the port has nothing to read, or no room to write, at present. */
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
  ENODEV: { code: "NO_CHANNEL", condition: "the host took the port away" },
  EIO: { code: "CLOSED", condition: "the far end is gone" },
};

/** Lets timers, sockets and children have their turn while bytes come faster than they are used. */
function nextTurn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(resolve);
  return promise;
}
