/**
 * The calls that one peer made here: the running ones, and the answers of the finished ones. They outlive
 * the sessions, so that a repeated call id finds its call instead of starting a second one.
 */
import type { NegotiatorError } from "../../errors.ts";
import type { FinalMessage, IncomingEnd } from "./incoming-call.ts";
import type { Limits } from "../../limits.ts";
import type { CallId, Request } from "../message.ts";
import { native } from "../dialects/native.ts";

/** The served calls of one peer, by call id. */
export type ServedCalls = {
  readonly runningCount: number;
  /** Returns the running call with this id. */
  running(id: CallId): IncomingEnd | undefined;
  /** Returns the kept answer of the finished call with this id. */
  finished(id: CallId): FinalMessage | undefined;
  /** Returns the fingerprint of the request that began the running or finished call with this id. */
  fingerprintOf(id: CallId): Fingerprint | undefined;
  /** Adds a running call. */
  start(id: CallId, call: IncomingEnd, fingerprint: Fingerprint): void;
  /** Removes the running call and keeps its answer; the oldest answers are removed to make room. */
  finish(id: CallId, answer: FinalMessage): void;
  /** Cancels all running calls, including detached ones. */
  cancelAll(reason: NegotiatorError): void;
  /**
   * Removes answers that were kept for `finishedMs`. All calls pass the time of one clock, in milliseconds.
   */
  expire(nowMs: number): void;
};

/** A hash of a request. */
export type Fingerprint = bigint | number;

type Running = { call: IncomingEnd; fingerprint: Fingerprint };
type Kept = { answer: FinalMessage; fingerprint: Fingerprint | undefined; bytes: number; atMs: number };

/** Creates an empty store. Its limits bound the kept answers by number, bytes and age. */
export function createServedCalls(
  limits: Pick<Limits, "finishedCalls" | "finishedBytes" | "finishedMs">,
): ServedCalls {
  const running = new Map<CallId, Running>();
  /** In the order in which the calls finished. */
  const finished = new Map<CallId, Kept>();
  let finishedBytes = 0;
  let clockMs = 0;

  const remove = (id: CallId): void => {
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
      remove(id);
      finished.set(id, { answer, fingerprint, bytes, atMs: clockMs });
      finishedBytes += bytes;
      for (const oldest of finished.keys()) {
        if (finished.size <= limits.finishedCalls && finishedBytes <= limits.finishedBytes) break;
        remove(oldest);
      }
    },
    cancelAll(reason) {
      for (const { call } of running.values()) call.cancel(reason);
    },
    expire(nowMs) {
      clockMs = nowMs;
      for (const [id, { atMs }] of finished) {
        if (nowMs - atMs < limits.finishedMs) break;
        remove(id);
      }
    },
  };
}

/**
 * Returns a hash that is equal for requests with the same method and parameters, their members in the same
 * order. A peer that forges two requests with one hash gets the answer of its earlier one, so it gains
 * nothing.
 */
export function fingerprint({ method, params }: Pick<Request, "method" | "params">): Fingerprint {
  return Bun.hash(JSON.stringify([method, params]));
}
