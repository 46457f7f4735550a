/** Owns the guest's end of a virtio-serial port, or a pty: reads and writes that never block the process. */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { stat } from "node:fs/promises";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import { shellWord } from "../../shell-word.ts";
import { printable } from "../../printable.ts";
import { EVENTS } from "../../process/descriptor-watch.ts";
import { noteDescriptor } from "../../process/kept-resources.ts";
import { pollNow, readInto, writeFrom } from "../../process/libc.ts";
import type { Channel, FrozenChannel } from "../../wire/channel.ts";
import { closedError, explainFailure } from "../failure.ts";
import type { FailureCase } from "../failure.ts";
import { dialSocket } from "../socket/socket.ts";
import { adoptConnection } from "../socket/socket-connection.ts";
import { createPortProgress, deadPortError } from "./dead-port.ts";
import { watchReadiness } from "./port-readiness.ts";
import type { Readiness } from "./port-readiness.ts";
import { nextTurn } from "../../delay.ts";

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
 * end, because a guest does not know whether the host will come back. The iteration yields one empty piece
 * each time it sees that the host has left. After `close`, the port can be opened
 * again at once. A pty must be in raw mode; its iteration ends when the far end closes. The iteration throws
 * `NO_CHANNEL` when the port has taken nothing for 20 s although the host sends. An open port keeps the
 * process alive.
 *
 * Throws `BUSY` when another process has the port open or no descriptors are left, `DENIED`, or `NO_CHANNEL`,
 * with the system's error as its cause.
 */
export function openPort(path: string): Channel {
  return createPort(printable(path), openDevice(path));
}

/** Goes on with a channel that another program had open. Rejects if the descriptor is not that of one. */
export async function adoptCharacterDevice(frozen: FrozenChannel): Promise<Channel> {
  const { kind, fd, label } = frozen;
  if (kind === "socket") return adoptConnection(frozen);
  return createPort(label, { fd, endsWhenEmpty: isPty(fstatSync(fd).rdev) });
}

function createPort(label: string, { fd, endsWhenEmpty }: Device): Channel {
  const readiness = watchOrClose(fd);
  let buffer = new Uint8Array(CHUNK_BYTES);
  let writtenInTurn = 0;
  let unwritten: Uint8Array = NO_BYTES;
  const progress = createPortProgress();

  /** Returns the first bytes of the buffer, which the reader keeps. */
  const take = (length: number): Uint8Array => {
    if (length < CHUNK_BYTES / 2) return buffer.slice(0, length);
    const taken = buffer.subarray(0, length);
    buffer = new Uint8Array(CHUNK_BYTES);
    return taken;
  };
  /** Reads what is there, up to one chunk. */
  const readChunk = (): { bytes: Uint8Array; rest: "more" | "later" | "away" } => {
    let length = 0;
    while (length < CHUNK_BYTES) {
      const count = readSome(fd, buffer, length, { label, isPty: endsWhenEmpty });
      if (count === undefined || count === 0)
        return { bytes: take(length), rest: count === 0 ? "away" : "later" };
      length += count;
      // A short read means that the port is empty.
      if (count < FULL_READ_BYTES) return { bytes: take(length), rest: "later" };
    }
    return { bytes: take(length), rest: "more" };
  };

  const close = (): Promise<void> => {
    if (!readiness.isClosed) {
      readiness.close();
      closeSync(fd);
    }
    return Promise.resolve();
  };

  return {
    label,
    async *[Symbol.asyncIterator]() {
      let attempts = 0;
      let wasAway = false;
      while (!readiness.isClosed) {
        const { bytes, rest } = readChunk();
        if (bytes.length > 0) {
          if (progress.hear(performance.now())) throw deadPortError(label);
          yield bytes;
        }
        if (rest === "away" && endsWhenEmpty) return;
        if (rest === "away" && (bytes.length > 0 || !wasAway)) yield new Uint8Array(0);
        wasAway = rest === "away";
        attempts = bytes.length > 0 ? 0 : attempts + 1;
        await (rest === "away" || attempts >= ATTEMPTS ? readiness.wait("READ") : nextTurn());
      }
    },
    async write(bytes) {
      let start = 0;
      let attempts = 0;
      do {
        if (readiness.isClosed) throw closedError(label);
        const count = writeSome(fd, bytes, start, label);
        start += count ?? 0;
        unwritten = bytes.subarray(start);
        writtenInTurn += count ?? 0;
        attempts = count === undefined ? (attempts + 1) % ATTEMPTS : 0;
        if (count === undefined) progress.wait(performance.now());
        else progress.take();
        if (count !== undefined && writtenInTurn < BYTES_PER_TURN) continue;
        writtenInTurn = 0;
        await (count !== undefined || attempts > 0 ? nextTurn() : readiness.wait("WRITE"));
      } while (start < bytes.length);
    },
    freeze: () =>
      readiness.isClosed
        ? undefined
        : { kind: "port", fd: noteDescriptor(fd), label, unread: NO_BYTES, unwritten },
    close,
    [Symbol.asyncDispose]: close,
  };
}

const NO_BYTES = new Uint8Array(0);

/** The driver takes 32 KiB per write and gives one page per read at most (drivers/char/virtio_console.c). */
const CHUNK_BYTES = 64 * 1024;
const FULL_READ_BYTES = 4096;

/**
 * So many bytes are written before timers, sockets and children run, also by several writes in a row. A small
 * call beside a bulk stream needs several turns.
 */
const BYTES_PER_TURN = 64 * 1024;

/** Bytes come in bursts, and a wait costs more than a few attempts, so we try again first. */
const ATTEMPTS = 5;

const FLAGS = constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOCTTY;

type Device = { fd: number; endsWhenEmpty: boolean };

function openDevice(path: string): Device {
  const action = `Cannot open port "${printable(path)}"`;
  try {
    const fd = openSync(path, FLAGS);
    const facts = fstatSync(fd);
    if (facts.isCharacterDevice()) return { fd, endsWhenEmpty: isPty(facts.rdev) };
    closeSync(fd);
  } catch (thrown) {
    throw explainFailure(action, thrown, openCases(path));
  }
  throw new NegotiatorError("NO_CHANNEL", `${action}: it is not a character device`, {
    remedy: LIST_PORTS,
  });
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

const LIST_PORTS = "List the ports: ls -l /dev/virtio-ports /sys/class/virtio-ports";

function openCases(path: string): Record<string, FailureCase> {
  const denied: FailureCase = {
    code: "DENIED",
    condition: "no permission",
    remedy: "Run as root, with sudo",
  };
  const unplugged: FailureCase = {
    code: "NO_CHANNEL",
    condition: "it has no port, or the host removed the port",
    remedy: LIST_PORTS,
  };
  return {
    EBUSY: {
      code: "BUSY",
      condition: "another process has it open",
      remedy: `Find it with: fuser -v ${shellWord(path)}`,
    },
    ENOENT: { ...unplugged, condition: "there is no such file" },
    EACCES: denied,
    EPERM: denied,
    ENXIO: unplugged,
    ENODEV: unplugged,
  };
}

/** Reads once. Returns undefined when there is nothing to read now, 0 when the far end is away. */
function readSome(
  fd: number,
  room: Uint8Array,
  start: number,
  { label, isPty }: { label: string; isPty: boolean },
): number | undefined {
  const count = readInto(fd, room, start);
  // An error of node:fs takes as long as many reads, so first look whether there is one.
  if (count >= 0) return count;
  if (pollNow(fd, EVENTS.IN) === 0) return undefined;
  try {
    return readSync(fd, room, start, room.length - start, null);
  } catch (thrown) {
    // A pty gives EIO between its hangup and its end of file (drivers/tty/n_tty.c).
    if (isPty && errnoOf(thrown) === "EIO") return 0;
    return explainUse(`read port "${label}"`, thrown);
  }
}

/** Writes once. Returns undefined when the port is full. */
function writeSome(fd: number, bytes: Uint8Array, start: number, label: string): number | undefined {
  const count = bytes.length === 0 ? 0 : writeFrom(fd, bytes, start, CHUNK_BYTES);
  if (count >= 0) return count;
  if ((pollNow(fd, EVENTS.OUT) & ~EVENTS.HUP) === 0) return undefined;
  try {
    return writeSync(fd, bytes, start, Math.min(CHUNK_BYTES, bytes.length - start), null);
  } catch (thrown) {
    return explainUse(`write to port "${label}"`, thrown);
  }
}

/** Returns undefined when the port has nothing to read, or no room to write, at present. */
function explainUse(action: string, thrown: unknown): undefined {
  const errno = errnoOf(thrown);
  if (errno === "EAGAIN" || errno === "EINTR") return undefined;
  throw explainFailure(`Cannot ${action}`, thrown, USE_CASES);
}

const USE_CASES: Record<string, FailureCase> = {
  ENODEV: { code: "NO_CHANNEL", condition: "the host removed the port" },
  EIO: { code: "CLOSED", condition: "the far end is closed" },
};
