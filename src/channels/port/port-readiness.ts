/** Tells when a port can be read or written, through a thread that waits for it (`port-poller.ts`). */
import { closeSync, writeSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { NegotiatorError } from "../../errors.ts";
import { createPipe } from "../../process/pipe.ts";
import { INTEREST } from "./port-job.ts";
import type { PollerJob } from "./port-job.ts";

export type Readiness = {
  readonly isStopped: boolean;
  /** Resolves when an attempt may succeed, or after `stop`. One wait per direction at a time. Rejects when the thread died. */
  wait(direction: "READ" | "WRITE"): Promise<void>;
  /** Afterwards nobody but the caller uses the descriptor. Stopping twice does nothing. */
  stop(): Promise<void>;
};

/**
 * Watches `portFd`, which has to be non-blocking. Keeps the process alive until it is stopped. Throws when no pipe can be
 * made or no thread started.
 */
export function watchReadiness(portFd: number): Readiness {
  const { readFd: wakeFd, writeFd } = createPipe();
  const interest = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const job: PollerJob = { portFd, wakeFd, interest };
  const worker = startThread(job, writeFd);
  const ended = Promise.withResolvers<void>();
  const waits = new Map<number, PromiseWithResolvers<void>>();
  let failure: NegotiatorError | undefined;
  let stopping: Promise<void> | undefined;

  const tell = (bits: number): void => {
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
    get isStopped() {
      return stopping !== undefined;
    },
    wait(direction) {
      if (failure !== undefined) return Promise.reject(failure);
      if (stopping !== undefined) return Promise.resolve();
      const wait = Promise.withResolvers<void>();
      waits.set(INTEREST[direction], wait);
      tell(INTEREST[direction]);
      return wait.promise;
    },
    stop() {
      stopping ??= (async () => {
        if (failure === undefined) tell(INTEREST.STOP);
        settle(ALL);
        await ended.promise;
        await worker.terminate();
        closeSync(wakeFd);
        closeSync(writeFd);
      })();
      return stopping;
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
