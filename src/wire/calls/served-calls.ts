/**
 * The calls that one peer made here: the running ones, and the answers of the finished ones. They outlive
 * the sessions, so that a caller can attach to a call, and no call id starts a second call.
 */
import type { NegotiatorError } from "../../errors.ts";
import type { FinalMessage, FrozenIncoming, IncomingEnd } from "./incoming-call.ts";
import type { Limits } from "../../limits.ts";
import type { CallId, Request } from "../message.ts";
import { createOwnMemory } from "../memory.ts";
import type { MemoryShare } from "../memory.ts";
import { native } from "../dialects/native.ts";
import { countBytes } from "./json-bytes.ts";
import { describeServed } from "./served-call.ts";
import type { ServedCall } from "./served-call.ts";

/** The served calls of one peer, by call id. */
export type ServedCalls = {
  readonly runningCount: number;
  /** The bytes of the parameters of the running calls. */
  readonly runningBytes: number;
  /** Whether a running or finished call has this id. */
  has(id: CallId): boolean;
  /** Returns the running call with this id. */
  running(id: CallId): IncomingEnd | undefined;
  /** Returns the kept answer of the finished call with this id. */
  finished(id: CallId): FinalMessage | undefined;
  /** Returns all calls, those that began first in front. */
  list(): ServedCall[];
  /** Takes memory for the parameters of a call. Returns false if there is not enough. */
  take(bytes: number): boolean;
  /** Adds a running call, after `take`. */
  start(id: CallId, call: IncomingEnd): void;
  /** Removes the running call and keeps its answer; the oldest answers are removed to make room. */
  finish(id: CallId, answer: FinalMessage): void;
  /** Cancels all running calls, including detached ones, and keeps no answer any longer. */
  cancelAll(reason: NegotiatorError): void;
  /**
   * Removes answers that were kept for their time. All calls pass the time of one clock, in milliseconds.
   */
  expire(nowMs: number): void;
  /** Returns the calls with their ages in milliseconds. */
  freeze(): FrozenServed;
  /**
   * Adds the frozen calls; `thaw` makes each running call again. Returns those. Called before anything else.
   */
  thaw(frozen: FrozenServed, thaw: (call: FrozenIncoming) => IncomingEnd): IncomingEnd[];
};

/** Served calls as plain data. */
export type FrozenServed = {
  running: { call: FrozenIncoming; ageMs: number }[];
  finished: { answer: FinalMessage; request: Request; ageMs: number; finishedMs: number }[];
};

type Running = { call: IncomingEnd; startMs: number; bytes: number };
type Kept = { answer: FinalMessage; request: Request; bytes: number; startMs: number; endMs: number };

/**
 * Creates an empty store. Its limits bound the kept answers by number, bytes and age, and `memory`, which is
 * the peer's share of the memory of all, bounds them too.
 */
export function createServedCalls(
  limits: Pick<Limits, "finishedCalls" | "finishedBytes" | "finishedMs">,
  memory: MemoryShare = createOwnMemory(),
): ServedCalls {
  const running = new Map<CallId, Running>();
  /** In the order in which the calls finished. */
  const finished = new Map<CallId, Kept>();
  let runningBytes = 0;
  let finishedBytes = 0;
  let clockMs = 0;
  let isClosed = false;

  /** The answers that give way first are the oldest. */
  const held = memory.hold(() => {
    shrink({ calls: limits.finishedCalls, bytes: finishedBytes / 2 });
    if (finishedBytes === held.bytes) shrink({ calls: 0, bytes: 0 });
    held.resize(finishedBytes);
  });

  const remove = (id: CallId): void => {
    finishedBytes -= finished.get(id)?.bytes ?? 0;
    finished.delete(id);
  };
  const shrink = (most: { calls: number; bytes: number }): void => {
    for (const oldest of finished.keys()) {
      if (finished.size <= most.calls && finishedBytes <= most.bytes) break;
      remove(oldest);
    }
  };
  const start = (id: CallId, call: IncomingEnd, startMs: number): void => {
    const bytes = countBytes(call.request.params);
    running.set(id, { call, startMs, bytes });
    runningBytes += bytes;
  };
  const keep = (id: CallId, kept: Omit<Kept, "bytes">, paramsBytes: number): void => {
    // A peer could make us keep large parameters with small answers.
    const bytes = native.encode(kept.answer).length + paramsBytes;
    finished.set(id, { ...kept, bytes });
    finishedBytes += bytes;
    shrink({ calls: limits.finishedCalls, bytes: limits.finishedBytes });
    held.resize(finishedBytes);
  };
  const keepMs = ({ request }: Kept): number =>
    Math.min(request.keepMs ?? limits.finishedMs, limits.finishedMs);

  return {
    get runningCount() {
      return running.size;
    },
    get runningBytes() {
      return runningBytes;
    },
    has: (id) => running.has(id) || finished.has(id),
    running: (id) => running.get(id)?.call,
    finished: (id) => finished.get(id)?.answer,
    list: () => listAll(finished, running, clockMs),
    take: (bytes) => memory.take(bytes),
    start: (id, call) => start(id, call, clockMs),
    finish(id, answer) {
      const call = running.get(id);
      if (call === undefined) return;
      running.delete(id);
      runningBytes -= call.bytes;
      memory.give(call.bytes);
      if (isClosed) return;
      const { request } = call.call;
      keep(id, { answer, request, startMs: call.startMs, endMs: clockMs }, call.bytes);
    },
    cancelAll(reason) {
      for (const { call } of running.values()) call.cancel(reason);
      isClosed = true;
      shrink({ calls: 0, bytes: 0 });
      held.resize(0);
    },
    expire(nowMs) {
      clockMs = nowMs;
      for (const [id, kept] of finished) if (nowMs - kept.endMs >= keepMs(kept)) remove(id);
      if (finishedBytes !== held.bytes) held.resize(finishedBytes);
    },
    freeze: () => freezeAll(finished, running, clockMs),
    thaw(frozen, thawCall) {
      for (const { answer, request, ageMs, finishedMs } of frozen.finished) {
        const times = { startMs: clockMs - ageMs, endMs: clockMs - finishedMs };
        keep(String(answer.id), { answer, request, ...times }, countBytes(request.params));
      }
      return frozen.running.map(({ call, ageMs }) => {
        memory.charge(countBytes(call.request.params));
        const end = thawCall(call);
        start(call.request.id, end, clockMs - ageMs);
        return end;
      });
    },
  };
}

type Finished = ReadonlyMap<CallId, Kept>;
type AllRunning = ReadonlyMap<CallId, Running>;

function listAll(finished: Finished, running: AllRunning, nowMs: number): ServedCall[] {
  const kept = [...finished.values()].map(({ request, startMs, endMs }) => ({
    ...describeServed(request),
    state: "finished" as const,
    startedMs: nowMs - startMs,
    finishedMs: nowMs - endMs,
  }));
  const open = [...running.values()].map(({ call: { request }, startMs }) => ({
    ...describeServed(request),
    state: "running" as const,
    startedMs: nowMs - startMs,
  }));
  return [...kept, ...open].sort((one, other) => other.startedMs - one.startedMs);
}

function freezeAll(finished: Finished, running: AllRunning, nowMs: number): FrozenServed {
  return {
    running: [...running.values()].map(({ call, startMs }) => ({
      call: call.freeze(),
      ageMs: nowMs - startMs,
    })),
    finished: [...finished.values()].map(({ answer, request, startMs, endMs }) => ({
      answer,
      request,
      ageMs: nowMs - startMs,
      finishedMs: nowMs - endMs,
    })),
  };
}
