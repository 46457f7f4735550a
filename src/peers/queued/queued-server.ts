/** Answers a peer whose messages have no ids: one request at a time, in the order of the requests. */
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { isJsonObject } from "../../wire/json.ts";
import type { ForeignServer, ServerLine } from "../dialect.ts";

/** The parts of a server that depend on the dialect. */
export type QueuedRequests<Request> = {
  /** Returns the request in a message, or undefined if the message has none. */
  read(object: Parameters<ForeignServer["take"]>[0]): Request | undefined;
  /** Returns how much memory a waiting request takes, in bytes. */
  bytesOf(request: Request): number;
  /**
   * Returns the encoded answer. Stops when `signal` aborts; the answer is then dropped. A rejection is a bug.
   */
  answer(request: Request, signal: AbortSignal): Promise<QueuedAnswer>;
};

/** An encoded answer. Each piece is made when the one before it was written. The server disposes it. */
export type QueuedAnswer = { pieces: Iterable<Uint8Array> } & Disposable;

/** An answer in one piece. */
export function wholeAnswer(bytes: Uint8Array): QueuedAnswer {
  return { pieces: [bytes], [Symbol.dispose]: () => undefined };
}

const log = logFor("peers");

const EMPTY_TEXT_BYTES = 32;

/** More requests get no answer. A refusal out of order would look like the answer to another request. */
const WAITING_REQUESTS = 64;

/** Creates a server that takes the requests in turn. */
export function createQueuedServer<Request>(
  line: Pick<ServerLine, "send" | "unsent" | "limits" | "memory">,
  requests: QueuedRequests<Request>,
): ForeignServer {
  const queue: { request: Request; bytes: number }[] = [];
  let waitingBytes = 0;
  let isBusy = false;
  let wake: (() => void) | undefined;
  let presence = new AbortController();

  const enqueue = (request: Request): void => {
    if (queue.length >= WAITING_REQUESTS) return;
    const bytes = requests.bytesOf(request);
    if (queue.length > 0 && waitingBytes + bytes > line.limits.lengthPrefixedBytes) return;
    if (line.memory?.take(bytes) === false) return;
    queue.push({ request, bytes });
    waitingBytes += bytes;
    void work();
  };

  const next = (): Request | undefined => {
    const waiting = line.unsent() > 0 ? undefined : queue.shift();
    waitingBytes -= waiting?.bytes ?? 0;
    line.memory?.give(waiting?.bytes ?? 0);
    return waiting?.request;
  };

  /** Resolves when all that was sent is written, or when the peer is gone. */
  const waitUntilWritten = async (signal: AbortSignal): Promise<void> => {
    while (line.unsent() > 0 && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      await promise;
    }
  };

  const send = async (answer: QueuedAnswer, signal: AbortSignal): Promise<void> => {
    let isFirst = true;
    for (const bytes of answer.pieces) {
      if (!isFirst) await waitUntilWritten(signal);
      // A peer that connected meanwhile would take this for the answer to its own request.
      if (signal.aborted) return;
      line.send(bytes);
      isFirst = false;
    }
  };

  const work = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    try {
      for (let request = next(); request !== undefined; request = next()) {
        const { signal } = presence;
        using answer = await requests.answer(request, signal);
        await send(answer, signal);
      }
    } catch (thrown) {
      // The peer would take the next answer for the missing one, so its waiting requests are dropped.
      dropAll();
      log.error(`A request got no answer: ${NegotiatorError.from(thrown).message}`);
    } finally {
      isBusy = false;
    }
  };

  const dropAll = (): void => {
    queue.length = 0;
    line.memory?.give(waitingBytes);
    waitingBytes = 0;
  };

  return {
    take(object) {
      const request = requests.read(object);
      if (request !== undefined) enqueue(request);
    },
    resume() {
      wake?.();
      void work();
    },
    cancelAll() {
      dropAll();
      presence.abort(new NegotiatorError("CANCELLED", "The caller is gone"));
      presence = new AbortController();
      wake?.();
    },
  };
}

/** Returns how much memory a parsed JSON value takes, in bytes, for `bytesOf`. */
export function estimateBytes(value: unknown): number {
  if (typeof value === "string") return EMPTY_TEXT_BYTES + Buffer.byteLength(value);
  let bytes = EMPTY_TEXT_BYTES;
  if (Array.isArray(value)) for (const item of value) bytes += estimateBytes(item);
  else if (isJsonObject(value))
    for (const [key, member] of Object.entries(value)) bytes += estimateBytes(key) + estimateBytes(member);
  return bytes;
}
