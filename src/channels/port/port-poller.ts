/**
 * A thread that waits until a port can be read or written. `port-readiness.ts` starts it.
 *
 * While the host is away, poll(2) returns at once (drivers/char/virtio_console.c), so the thread sleeps
 * between calls. A host that came, wrote and left between two calls leaves bytes without an event, so every
 * twentieth call counts as readable. The events of poll(2) have the same numbers on all architectures we
 * build for (include/uapi/asm-generic/poll.h).
 */
import { readSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { poll } from "../../process/libc.ts";

/**
 * The thread's start data. `interest` is one 32-bit word in which the owner sets bits of `INTEREST`. After
 * each change the owner writes a byte into the pipe whose reading end is `wakeFd`. The thread answers with a
 * message: the ready bits, which it has cleared in the word. Its last message is `STOP`; after it, the thread
 * does not use the descriptors.
 */
export type PollerJob = { portFd: number; wakeFd: number; interest: Int32Array };

/** The bits of `PollerJob.interest`. */
export const INTEREST = { READ: 1, WRITE: 2, STOP: 4 } as const;

const POLLIN = 0x01;
const POLLOUT = 0x04;
const POLLHUP = 0x10;

const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 50;
const POLLS_PER_READ = 20;

/** Two `struct pollfd`, pipe and port: a 32-bit descriptor, 16 bits asked and 16 bits answered. */
const table = new ArrayBuffer(16);
const descriptors = new Int32Array(table);
const events = new Int16Array(table);
const WAKE = { descriptor: 0, asked: 2, answered: 3 } as const;
const PORT = { descriptor: 2, asked: 6, answered: 7 } as const;

// Only the thread itself has a parent port, so an import from elsewhere does not start it.
if (parentPort !== null) {
  watch(workerData);
  report(INTEREST.STOP);
}

function watch({ portFd, wakeFd, interest }: PollerJob): void {
  const wakes = new Uint8Array(64);
  descriptors[WAKE.descriptor] = wakeFd;
  events[WAKE.asked] = POLLIN;

  /** Returns the port's events, 0 for none. poll(2) skips a negative `fd`. */
  const pollPort = (fd: number, asked: number, timeoutMs: number): number => {
    descriptors[PORT.descriptor] = fd;
    events[PORT.asked] = asked;
    events[WAKE.answered] = events[PORT.answered] = 0;
    poll(table, timeoutMs);
    if (events[WAKE.answered] !== 0) readSync(wakeFd, wakes);
    return events[PORT.answered] ?? 0;
  };
  const isStopped = (): boolean => (Atomics.load(interest, 0) & INTEREST.STOP) !== 0;

  let awayPolls = 0;
  while (!isStopped()) {
    const wanted = Atomics.load(interest, 0);
    const asked = (wanted & INTEREST.READ ? POLLIN : 0) | (wanted & INTEREST.WRITE ? POLLOUT : 0);
    const answered = pollPort(asked === 0 ? -1 : portFd, asked, -1);
    if (answered === 0) continue;
    const isAway = (answered & POLLHUP) !== 0;
    const ready = wanted & (isAway && awayPolls % POLLS_PER_READ !== 0 ? 0 : readyBits(answered));
    if (ready !== 0) {
      Atomics.and(interest, 0, ~ready);
      report(ready);
    }
    awayPolls = isAway ? awayPolls + 1 : 0;
    if (!isAway) continue;
    const endMs = performance.now() + Math.min(FIRST_PAUSE_MS * 2 ** (awayPolls - 1), LONGEST_PAUSE_MS);
    for (
      let leftMs = endMs - performance.now();
      leftMs > 0 && !isStopped();
      leftMs = endMs - performance.now()
    ) {
      pollPort(-1, 0, Math.ceil(leftMs));
    }
  }
}

function readyBits(answered: number): number {
  // A failed port counts as ready, because the read or write then throws the error.
  const isFailed = (answered & ~(POLLIN | POLLOUT | POLLHUP)) !== 0;
  const readable = isFailed || (answered & (POLLIN | POLLHUP)) !== 0;
  const writable = isFailed || (answered & POLLOUT) !== 0;
  return (readable ? INTEREST.READ : 0) | (writable ? INTEREST.WRITE : 0);
}

function report(bits: number): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
  parentPort?.postMessage(bits);
}
