/**
 * The calls that one peer's callers made here: those that run, and the answers of those that ended. It outlives the
 * sessions, so that a caller who comes back with the same call id finds its call instead of starting a second one.
 */
import type { NegotiatorError } from "../../errors.ts";
import type { FinalMessage, IncomingEnd } from "./incoming-call.ts";
import type { Limits } from "../../limits.ts";
import type { CallId } from "../message.ts";
import { native } from "../dialects/native.ts";

export type ServedCalls = {
  readonly runningCount: number;
  running(id: CallId): IncomingEnd | undefined;
  finished(id: CallId): FinalMessage | undefined;
  /** The `fingerprint` of the request that began the call of this id, as long as it is running or remembered. */
  fingerprintOf(id: CallId): number | undefined;
  start(id: CallId, call: IncomingEnd, fingerprint: number): void;
  /** Moves the call from the running ones to the memory, as far as that has room. */
  finish(id: CallId, answer: FinalMessage): void;
  /** Nobody will come back for them: also those that their callers left running. */
  cancelAll(reason: NegotiatorError): void;
  /** Forgets answers that are too old; `nowMs` is on the clock of every other call of this. */
  expire(nowMs: number): void;
};

type Running = { call: IncomingEnd; fingerprint: number };
type Remembered = { answer: FinalMessage; fingerprint: number | undefined; bytes: number; atMs: number };

export function createServedCalls(
  limits: Pick<Limits, "finishedCalls" | "finishedBytes" | "finishedMs">,
): ServedCalls {
  const running = new Map<CallId, Running>();
  /** Oldest first. */
  const finished = new Map<CallId, Remembered>();
  let finishedBytes = 0;
  let clockMs = 0;

  const forget = (id: CallId): void => {
    finishedBytes -= finished.get(id)?.bytes ?? 0;
    finished.delete(id);
  };

  return {
    get runningCount() {
      return running.size;
    },
    running: (id) => running.get(id)?.call,
    finished: (id) => finished.get(id)?.answer,
    fingerprintOf: (id) => (running.get(id) ?? finished.get(id))?.fingerprint,
    start: (id, call, fingerprint) => void running.set(id, { call, fingerprint }),
    finish(id, answer) {
      const fingerprint = running.get(id)?.fingerprint;
      running.delete(id);
      const bytes = native.encode(answer).length;
      forget(id);
      finished.set(id, { answer, fingerprint, bytes, atMs: clockMs });
      finishedBytes += bytes;
      for (const oldest of finished.keys()) {
        if (finished.size <= limits.finishedCalls && finishedBytes <= limits.finishedBytes) break;
        forget(oldest);
      }
    },
    cancelAll(reason) {
      for (const { call } of running.values()) call.cancel(reason);
    },
    expire(nowMs) {
      clockMs = nowMs;
      for (const [id, { atMs }] of finished) {
        if (nowMs - atMs < limits.finishedMs) break;
        forget(id);
      }
    },
  };
}
