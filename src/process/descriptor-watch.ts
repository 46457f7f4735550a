/**
 * Waits for events of a descriptor that Bun's event loop cannot watch, such as a character device. The chain:
 * epoll watches the descriptor, the kernel adds to an eventfd once that epoll has an event, and Bun reads the
 * eventfd as a stream. So no thread is needed. A kernel that cannot do this (before 4.19, or with asynchronous
 * I/O forbidden) leaves the caller with a timer.
 */
import { closeSync } from "node:fs";
import { NegotiatorError } from "../errors.ts";
import { cancelPoll, createPollRequest, openEpoll, openEventFd, setEpollEvents, submitPoll } from "./libc.ts";

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
 * Watches `fd` and keeps the process alive until it is closed. Throws `BUSY` when no descriptors are left.
 * `byTimer` watches as on an old kernel.
 */
export function watchDescriptor(fd: number, { byTimer = false } = {}): DescriptorWatch {
  const waits = new Set<() => void>();
  const end = (): void => {
    const ended = [...waits];
    waits.clear();
    for (const resolve of ended) resolve();
  };
  const kernel = byTimer ? undefined : openKernelWatch(fd, end);
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
    changed: (events) => wait(kernel?.arm(events) === true ? undefined : TIMER_MS),
    pause: wait,
    close() {
      if (isClosed) return;
      isClosed = true;
      kernel?.close();
      end();
    },
  };
}

const TIMER_MS = 10;

/** `arm` returns false if the kernel will not call. A call ends the request of `arm`. */
type KernelWatch = { arm(events: number): boolean; close(): void };

function openKernelWatch(fd: number, call: () => void): KernelWatch {
  const eventFd = openEventFd();
  const epollFd = eventFd < 0 ? -1 : openEpoll(fd);
  if (epollFd < 0) {
    if (eventFd >= 0) closeSync(eventFd);
    throw new NegotiatorError("BUSY", "Cannot watch a descriptor: too many open descriptors", {
      remedy: "Raise LimitNOFILE= in the service file",
    });
  }
  const request = createPollRequest(epollFd, eventFd);
  const reader = Bun.file(eventFd).stream().getReader();
  let watched = 0;
  let isSubmitted = false;
  const listen = async (): Promise<void> => {
    while ((await reader.read()).value !== undefined) {
      isSubmitted = false;
      // The waits that go on say again which events they want.
      watched = 0;
      call();
    }
  };
  void listen();
  return {
    arm(events) {
      if ((watched | events) !== watched) setEpollEvents(epollFd, fd, (watched |= events));
      isSubmitted ||= submitPoll(request);
      return isSubmitted;
    },
    close() {
      if (isSubmitted) cancelPoll(request);
      closeSync(epollFd);
      // A read in progress still uses the descriptor, so it is closed after the cancel.
      void reader.cancel().then(() => closeSync(eventFd));
    },
  };
}
