/**
 * Waits for events of descriptors that Bun's event loop cannot watch, or not without reading from them. The
 * kernel adds to an eventfd once a descriptor has an event, and Bun reads the eventfd as a stream. So no
 * thread is needed. Where the kernel cannot do this (before 4.19, or with asynchronous I/O forbidden), a
 * timer looks.
 */
import { closeSync } from "node:fs";
import { NegotiatorError } from "../errors.ts";
import { openEpoll, openEventFd, pollNow, setEpollEvents } from "./libc.ts";
import {
  allowPolls,
  cancelPoll,
  collectPolls,
  createPollRequest,
  endPolls,
  submitPoll,
} from "./libc-polls.ts";

/** The events of poll(2) and epoll(7), on all architectures that we build for (asm-generic/poll.h). */
export const EVENTS = { IN: 0x01, OUT: 0x04, HUP: 0x10 } as const;

/** A watch of one descriptor. A wait may also end without an event, so the caller looks again after it. */
export type DescriptorWatch = {
  readonly isClosed: boolean;
  /** Resolves when one of `events` has come, a hangup or an error, or after `close`. */
  changed(events: number): Promise<void>;
  /** Resolves after that time or after `close`. */
  pause(ms: number): Promise<void>;
  /** Ends all waits, and no longer uses the descriptor. */
  close(): void;
};

/**
 * `byTimer` looks by timer only, as on an old kernel; `byTimerMs` does so for the first milliseconds. A
 * process that has never asked the kernel ends about 40 ms sooner.
 */
type WatchOptions = { isPipe?: boolean; byTimer?: boolean; byTimerMs?: number };

/**
 * Watches `fd` and keeps the process alive until it is closed. Throws `BUSY` when no descriptors are left. A
 * pipe needs none, and only waits for the same events each time.
 */
export function watchDescriptor(fd: number, options: WatchOptions = {}): DescriptorWatch {
  const { isPipe = false, byTimer = false, byTimerMs = 0 } = options;
  const kernelFromMs = performance.now() + byTimerMs;
  const waits = new Set<() => void>();
  const end = (): void => {
    const ended = [...waits];
    waits.clear();
    for (const resolve of ended) resolve();
  };
  const kernel = byTimer ? undefined : openKernelWatch(fd, isPipe, end);
  let isClosed = false;

  const wait = (timeoutMs?: number): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (isClosed) resolve();
    const timer = timeoutMs === undefined || isClosed ? undefined : setTimeout(() => finish(), timeoutMs);
    const finish = (): void => {
      waits.delete(finish);
      clearTimeout(timer);
      resolve();
    };
    if (!isClosed) waits.add(finish);
    return promise;
  };
  return {
    get isClosed() {
      return isClosed;
    },
    async changed(events) {
      for (let ms = FIRST_TIMER_MS; ; ms = Math.min(ms * TIMER_GROWTH, LONGEST_TIMER_MS)) {
        if (performance.now() >= kernelFromMs && kernel?.arm(events) === true) return wait();
        await wait(ms);
        if (isClosed || pollNow(fd, events) !== 0) return;
      }
    },
    pause: wait,
    close() {
      if (isClosed) return;
      isClosed = true;
      kernel?.close();
      end();
    },
  };
}

const FIRST_TIMER_MS = 1;
const LONGEST_TIMER_MS = 10;
const TIMER_GROWTH = 1.1;

/** `arm` returns false if the kernel will not call. A call ends the request of `arm`. */
type KernelWatch = { arm(events: number): boolean; close(): void };

function openKernelWatch(fd: number, isPipe: boolean, call: () => void): KernelWatch | undefined {
  const eventFd = useBell();
  // A request keeps a file open for a moment after its cancel, so another process would find a port busy. And
  // a request cannot watch a terminal. An epoll in between solves both.
  const pollFd = isPipe || eventFd < 0 ? fd : openEpoll(fd);
  if (eventFd < 0 || pollFd < 0) {
    if (eventFd >= 0) leaveBell();
    if (isPipe) return undefined;
    throw new NegotiatorError("BUSY", "Cannot watch a descriptor: too many open descriptors", {
      remedy: "Raise LimitNOFILE= in the service file",
    });
  }
  const token = ++tokens;
  const request = createPollRequest(pollFd, eventFd, token);
  let watched = 0;
  let isSubmitted = false;
  callbacks.set(token, () => {
    isSubmitted = false;
    // The waits that go on say again which events they want.
    watched = 0;
    call();
  });
  const submit = (events: number): boolean => submitPoll(request, isPipe ? events : EVENTS.IN);
  return {
    arm(events) {
      if (!isPipe && (watched | events) !== watched) setEpollEvents(pollFd, fd, (watched |= events));
      if (!isSubmitted) isSubmitted = submit(events);
      if (!isSubmitted) {
        ring();
        isSubmitted = submit(events);
      }
      return isSubmitted;
    },
    close() {
      callbacks.delete(token);
      if (isSubmitted) cancelPoll(request);
      if (!isPipe) closeSync(pollFd);
      leaveBell();
    },
  };
}

/**
 * Watches by timer from now on. The kernel needs tens of milliseconds to give up its requests, and a program
 * that replaces this one would wait for them. So call this some time before.
 */
export function watchByTimer(): void {
  endPolls();
  callbacks.forEach((call) => call());
}

/** Takes `watchByTimer` back. */
export function watchByKernel(): void {
  allowPolls();
}

const callbacks = new Map<number, () => void>();
let tokens = 0;

/** Calls those whose requests have finished. */
function ring(): void {
  for (const token of collectPolls()) callbacks.get(token)?.();
}

/** The eventfd of all watches. It is open while there is a watch, because it keeps the process alive. */
let bell: { eventFd: number; users: number; close(): void } | undefined;

/**
 * Keeps ready what watches need, which takes longer than many a command runs. Keeps the process alive until
 * it is disposed.
 */
export function holdWatching(): Disposable {
  const isHeld = useBell() >= 0;
  return { [Symbol.dispose]: () => void (isHeld && leaveBell()) };
}

/** Returns the eventfd, -1 when no descriptors are left. */
function useBell(): number {
  bell ??= openBell();
  if (bell === undefined) return -1;
  bell.users++;
  return bell.eventFd;
}

function openBell(): typeof bell {
  const eventFd = openEventFd();
  if (eventFd < 0) return undefined;
  const reader = readEvents(eventFd);
  if (reader === undefined) return undefined;
  const listen = async (): Promise<void> => {
    while ((await reader.read()).value !== undefined) ring();
  };
  void listen();
  // A read in progress still uses the descriptor, so it is closed after the cancel.
  const close = (): void => void reader.cancel().then(() => closeSync(eventFd));
  return { eventFd, users: 0, close };
}

function readEvents(eventFd: number) {
  try {
    return Bun.file(eventFd).stream().getReader();
  } catch {
    // The stream makes a duplicate, and no descriptor is left for it.
    closeSync(eventFd);
    return undefined;
  }
}

function leaveBell(): void {
  if (bell === undefined || --bell.users > 0) return;
  bell.close();
  bell = undefined;
}
