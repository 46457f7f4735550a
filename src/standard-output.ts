/**
 * Owns our stdout and stderr. node's streams for them take longer to load than all else at the start of a
 * command line, so this writes with Bun's sinks, on which those streams are built.
 */
import { constants, fstatSync, openSync, writeSync } from "node:fs";
import { errnoOf } from "./errors.ts";

/** The name of one of the two. */
export type OutputName = "stdout" | "stderr";

type Sink = { write(bytes: string | Uint8Array): unknown; flush(): unknown };

/** A sink needs a descriptor. Without one, these errors come before any byte is written. */
const NO_DESCRIPTOR: ReadonlySet<string> = new Set(["EMFILE", "ENFILE"]);
const DESCRIPTORS = { stdout: 1, stderr: 2 } as const satisfies Record<OutputName, number>;

const sinks: Partial<Record<OutputName, Sink>> = {};
const lost: Partial<Record<OutputName, Error>> = {};

const SOON_MS = 50;

/** The two streams. It is an object so that tests can replace `write`. */
export const standardOutput = {
  /**
   * Writes in the order of the calls: at once, or later if the reader is slow. Resolves to true when the
   * system has taken all bytes, to false when it refuses them, for example because the reader is gone.
   */
  async write(name: OutputName, bytes: string | Uint8Array): Promise<boolean> {
    try {
      const sink = (sinks[name] ??= openSink(name));
      // Without a flush, the sink keeps a short text until the next turn of the event loop.
      await Promise.all([sink.write(bytes), sink.flush()]);
      return true;
    } catch (thrown) {
      const errno = errnoOf(thrown);
      if (errno === undefined || !(thrown instanceof Error)) throw thrown;
      if (NO_DESCRIPTOR.has(errno)) return writeNow(DESCRIPTORS[name], bytes);
      if (errno !== "EPIPE") lost[name] ??= thrown;
      return false;
    }
  },

  /** Writes as `write` does, and waits a moment for a slow reader. The process may then still be writing. */
  async writeSoon(name: OutputName, text: string): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, SOON_MS);
    await Promise.race([standardOutput.write(name, text), late]);
    clearTimeout(timer);
  },

  /**
   * The first error of that stream, such as a full disk. A reader such as `head` may close it early, so that
   * is not an error.
   */
  lost: (name: OutputName): Error | undefined => lost[name],
};

function openSink(name: OutputName): Sink {
  const terminal = openTerminal(name === "stdout" ? 1 : 2);
  if (terminal !== undefined) return createTerminalSink(terminal);
  return (name === "stdout" ? Bun.stdout : Bun.stderr).writer();
}

/** The major number of `/dev/null` and its like (Documentation/admin-guide/devices.txt). */
const MEMORY_DEVICES = 1;

/**
 * Opens the terminal of a descriptor for writing without blocking; undefined if it is not a terminal, or
 * belongs to another user. Bun's sink would block the whole process in write(2) while a terminal is stopped
 * by Control-S. The mode of the descriptor itself is shared with other programs, so it must not change.
 */
function openTerminal(fd: number): number | undefined {
  const facts = fstatSync(fd);
  if (!facts.isCharacterDevice() || facts.rdev >>> 8 === MEMORY_DEVICES) return undefined;
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return undefined;
  }
}

const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 20;

/** Writes at once, or later while the terminal takes nothing. */
function createTerminalSink(fd: number): Sink {
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();
  const writeAll = async (bytes: Uint8Array): Promise<void> => {
    for (let start = 0, pauseMs = FIRST_PAUSE_MS; start < bytes.length;) {
      try {
        start += writeSync(fd, bytes, start);
        pauseMs = FIRST_PAUSE_MS;
      } catch (thrown) {
        if (errnoOf(thrown) !== "EAGAIN") throw thrown;
        await Bun.sleep(pauseMs);
        pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
      }
    }
  };
  return {
    write(text) {
      const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
      const written = waiting === 0 ? writeAll(bytes) : last.then(() => writeAll(bytes));
      waiting++;
      last = written.catch(() => undefined).finally(() => waiting--);
      return written;
    },
    flush: () => undefined,
  };
}

/** Writes without a new descriptor. Waits for the reader, so it is for the last words of a process. */
function writeNow(fd: number, text: string | Uint8Array): boolean {
  const bytes = Buffer.from(text);
  try {
    for (let start = 0; start < bytes.length;) start += writeSync(fd, bytes, start);
    return true;
  } catch {
    return false;
  }
}
