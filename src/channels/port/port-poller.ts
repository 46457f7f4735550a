/** A thread of its own that waits until a port can be read or written; `port.ts` starts it and does the reading and writing. */
import { readSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { dlopen, ptr } from "bun:ffi";
import { INTEREST } from "./port-job.ts";
import type { PollerJob } from "./port-job.ts";

/** Events of poll(2), the same numbers on all architectures we build for (include/uapi/asm-generic/poll.h). */
const POLLIN = 0x01;
const POLLOUT = 0x04;
const POLLHUP = 0x10;

/** While the host is away poll(2) returns at once (drivers/char/virtio_console.c), so it is asked now and then only. */
const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 50;
/** A host that came, wrote and left between two looks has left bytes that no event tells of. */
const LOOKS_PER_READ = 20;

/** musl takes every name that starts with `libc.` for itself (ldso/dynlink.c), so glibc's name serves both. */
const libc = dlopen("libc.so.6", { poll: { args: ["ptr", "u64", "i32"], returns: "i32" } });

/** An array of two `struct pollfd`: the pipe and the port. Each has a 32-bit descriptor, 16 bits asked, 16 bits answered. */
const table = new ArrayBuffer(16);
const descriptors = new Int32Array(table);
const events = new Int16Array(table);
const WAKE = { descriptor: 0, asked: 2, answered: 3 } as const;
const PORT = { descriptor: 2, asked: 6, answered: 7 } as const;

if (parentPort !== null) {
  watch(workerData);
  report(INTEREST.STOP);
}

function watch({ portFd, wakeFd, interest }: PollerJob): void {
  const wakes = new Uint8Array(64);
  descriptors[WAKE.descriptor] = wakeFd;
  events[WAKE.asked] = POLLIN;

  /** Gives the port's events; 0 when the owner has something new to say, or the time is over. */
  const poll = (fd: number, asked: number, timeoutMs: number): number => {
    // A negative descriptor is passed over.
    descriptors[PORT.descriptor] = fd;
    events[PORT.asked] = asked;
    events[WAKE.answered] = events[PORT.answered] = 0;
    libc.symbols.poll(ptr(descriptors), 2, timeoutMs);
    if (events[WAKE.answered] !== 0) readSync(wakeFd, wakes);
    return events[PORT.answered] ?? 0;
  };
  const isStopped = (): boolean => (Atomics.load(interest, 0) & INTEREST.STOP) !== 0;

  let awayLooks = 0;
  while (!isStopped()) {
    const wanted = Atomics.load(interest, 0);
    const asked = (wanted & INTEREST.READ ? POLLIN : 0) | (wanted & INTEREST.WRITE ? POLLOUT : 0);
    const answered = poll(asked === 0 ? -1 : portFd, asked, -1);
    if (answered === 0) continue;
    const isAway = (answered & POLLHUP) !== 0;
    const ready = wanted & (isAway && awayLooks % LOOKS_PER_READ !== 0 ? 0 : readyBits(answered));
    if (ready !== 0) {
      Atomics.and(interest, 0, ~ready);
      report(ready);
    }
    awayLooks = isAway ? awayLooks + 1 : 0;
    if (!isAway) continue;
    const endMs = performance.now() + Math.min(FIRST_PAUSE_MS * 2 ** (awayLooks - 1), LONGEST_PAUSE_MS);
    for (
      let leftMs = endMs - performance.now();
      leftMs > 0 && !isStopped();
      leftMs = endMs - performance.now()
    ) {
      poll(-1, 0, Math.ceil(leftMs));
    }
  }
}

/** An error shows when the port is read or written. */
function readyBits(answered: number): number {
  const isFailed = (answered & ~(POLLIN | POLLOUT | POLLHUP)) !== 0;
  const readable = isFailed || (answered & (POLLIN | POLLHUP)) !== 0;
  const writable = isFailed || (answered & POLLOUT) !== 0;
  return (readable ? INTEREST.READ : 0) | (writable ? INTEREST.WRITE : 0);
}

function report(bits: number): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
  parentPort?.postMessage(bits);
}
