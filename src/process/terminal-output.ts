/**
 * Writes to terminals without blocking. It loads `node:fs`, so only programs that must not stop with their
 * terminal load it: daemons, and calls with a deadline.
 */
import { constants, fstatSync, openSync, writeSync } from "node:fs";
import { errnoOf } from "../errors.ts";
import { standardOutput } from "../standard-output.ts";
import type { OutputName, Sink } from "../standard-output.ts";

/**
 * From now on, a terminal that is stopped by Control-S does not stop this process. Bun's sink would block it
 * in write(2).
 */
export function keepRunningWithoutTerminal(): void {
  standardOutput.onTerminal((name) => {
    const terminal = openTerminal(DESCRIPTORS[name]);
    return terminal === undefined ? undefined : createTerminalSink(terminal);
  });
}

const DESCRIPTORS = { stdout: 1, stderr: 2 } as const satisfies Record<OutputName, number>;

/** The major number of `/dev/null` and its like (Documentation/admin-guide/devices.txt). */
const MEMORY_DEVICES = 1;

/**
 * Opens the terminal of a descriptor for writing without blocking; undefined if it is not a terminal, or
 * belongs to another user. The mode of the descriptor itself is shared with other programs, so it must not
 * change.
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
