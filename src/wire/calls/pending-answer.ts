/** The promises of a call that this side made. */
import type { NegotiatorError } from "../../errors.ts";
import { createCompletion } from "./completion.ts";
import type { Completion } from "./completion.ts";
import type { StreamTotals } from "../message.ts";

/** The result of a call, and the totals of the streams that it sent. */
export type Answer = { result: unknown; streams: StreamTotals };

/** A call's answer, and its end. */
export type PendingAnswer = Completion & {
  /** Resolves with the answer. */
  readonly answer: Promise<Answer>;
  /** Resolves when the call is answered and its streams have ended. */
  readonly over: Promise<void>;
  /** Whether an answer came, or the call was aborted. */
  readonly isAnswered: boolean;
  /** Whether the call is answered, and its streams have ended. */
  readonly isOver: boolean;
  /** Marks the call as answered; its promises stay pending. */
  beginAnswer(): void;
  /** Resolves `answer`. */
  resolve(answer: Answer): void;
  /** Rejects `answer` only: the streams may still end in order. */
  reject(error: NegotiatorError): void;
  /** Rejects both promises, and marks the call as answered. */
  rejectAll(error: NegotiatorError): void;
};

/** Creates the promises of a new call. `onOver` is called once, when the call is over. */
export function createPendingAnswer(onOver: () => void): PendingAnswer {
  const answer = Promise.withResolvers<Answer>();
  const over = Promise.withResolvers<void>();
  // A caller may read only the streams and learn of a failure there, so a rejection without a handler must
  // not crash.
  for (const { promise } of [answer, over]) promise.catch(() => {});
  let isAnswered = false;
  let isOver = false;
  const completion = createCompletion(() => {
    isOver = true;
    over.resolve();
    onOver();
  });

  return {
    answer: answer.promise,
    over: over.promise,
    get isAnswered() {
      return isAnswered;
    },
    get isOver() {
      return isOver;
    },
    beginAnswer() {
      isAnswered = true;
    },
    resolve: answer.resolve,
    reject: answer.reject,
    rejectAll(error: NegotiatorError) {
      isAnswered = true;
      answer.reject(error);
      over.reject(error);
    },
    ...completion,
  };
}
