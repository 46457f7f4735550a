/** Waits until a port can be read or written, with the help of a thread (`port-poller.ts`). */
import { closeSync, writeSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { NegotiatorError } from "../../errors.ts";
import { createPipe } from "../../process/pipe.ts";
import { INTEREST } from "./port-poller.ts";
import type { PollerJob } from "./port-poller.ts";

/** A watch of one port's descriptor. */
export type Readiness = {
  readonly isClosed: boolean;
  /**
   * Resolves when an attempt may succeed, or after `close`. One wait per direction at a time. Rejects when
   * the thread fails.
   */
  wait(direction: "READ" | "WRITE"): Promise<void>;
  /** Resolves when the thread no longer uses the descriptor. */
  close(): Promise<void>;
};

/**
 * Watches `portFd`, which must be non-blocking, and keeps the process alive until it is closed. Throws when
 * it cannot make a pipe or start a thread.
 */
export function watchReadiness(portFd: number): Readiness {
  const { readFd: wakeFd, writeFd } = createPipe();
  const interest = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const job: PollerJob = { portFd, wakeFd, interest };
  const worker = startThread(job, writeFd);
  const ended = Promise.withResolvers<void>();
  const waits = new Map<number, PromiseWithResolvers<void>>();
  let failure: NegotiatorError | undefined;
  let closing: Promise<void> | undefined;

  const request = (bits: number): void => {
    Atomics.or(interest, 0, bits);
    writeSync(writeFd, WAKE);
  };
  const settle = (ready: number): void => {
    for (const [bit, { resolve, reject }] of waits) {
      if ((ready & bit) === 0) continue;
      waits.delete(bit);
      if (failure === undefined) resolve();
      else reject(failure);
    }
  };
  worker.on("message", (ready: number) => {
    settle(ready);
    if (ready === INTEREST.STOP) ended.resolve();
  });
  worker.on("error", (cause) => {
    failure = new NegotiatorError("INTERNAL", `Cannot watch a port: ${NegotiatorError.from(cause).message}`, {
      cause,
    });
    settle(ALL);
    ended.resolve();
  });

  return {
    get isClosed() {
      return closing !== undefined;
    },
    wait(direction) {
      if (failure !== undefined) return Promise.reject(failure);
      if (closing !== undefined) return Promise.resolve();
      const wait = Promise.withResolvers<void>();
      waits.set(INTEREST[direction], wait);
      request(INTEREST[direction]);
      return wait.promise;
    },
    close() {
      closing ??= (async () => {
        if (failure === undefined) request(INTEREST.STOP);
        settle(ALL);
        await ended.promise;
        await worker.terminate();
        closeSync(wakeFd);
        closeSync(writeFd);
      })();
      return closing;
    },
  };
}

function startThread(job: PollerJob, writeFd: number): Worker {
  try {
    return new Worker(new URL("./port-poller.ts", import.meta.url), { workerData: job });
  } catch (thrown) {
    closeSync(job.wakeFd);
    closeSync(writeFd);
    throw thrown;
  }
}

const WAKE = new Uint8Array(1);
const ALL = INTEREST.READ | INTEREST.WRITE;
