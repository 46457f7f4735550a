/** Waits until a port can be read or written. */
import { EVENTS, watchDescriptor } from "../../process/descriptor-watch.ts";
import { pollNow } from "../../process/libc.ts";

/** A watch of one port's descriptor. */
export type Readiness = {
  readonly isClosed: boolean;
  /** Resolves when an attempt may succeed, when the host has come back, or after `close`. */
  wait(direction: "READ" | "WRITE"): Promise<void>;
  /** Ends all waits. The descriptor is not used afterwards. */
  close(): void;
};

/**
 * Watches `portFd`, which must be non-blocking, and keeps the process alive until it is closed. Throws when
 * no descriptors are left.
 *
 * While the host is away, poll(2) returns at once (drivers/char/virtio_console.c), so a wait pauses between
 * calls. A host that came, wrote and left between two calls leaves bytes without an event, so every twentieth
 * call counts as readable.
 */
export function watchReadiness(portFd: number): Readiness {
  const watch = watchDescriptor(portFd);
  const awayPolls = { READ: 0, WRITE: 0 };
  return {
    get isClosed() {
      return watch.isClosed;
    },
    async wait(direction) {
      const wanted = direction === "READ" ? EVENTS.IN : EVENTS.OUT;
      while (!watch.isClosed) {
        const events = pollNow(portFd, wanted);
        // A failed port counts as ready, because the read or write then throws the error.
        if ((events & (EVENTS.OUT | ~KNOWN)) !== 0) return;
        if ((events & EVENTS.HUP) === 0) {
          const wasAway = awayPolls[direction] > 0;
          awayPolls[direction] = 0;
          if (wasAway || (events & wanted) !== 0) return;
          await watch.changed(wanted);
        } else {
          const polls = awayPolls[direction]++;
          if (direction === "READ" && polls % POLLS_PER_READ === 0) return;
          await watch.pause(Math.min(FIRST_PAUSE_MS * 2 ** polls, LONGEST_PAUSE_MS));
        }
      }
    },
    close: () => watch.close(),
  };
}

const KNOWN = EVENTS.IN | EVENTS.OUT | EVENTS.HUP;
const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 50;
const POLLS_PER_READ = 20;
