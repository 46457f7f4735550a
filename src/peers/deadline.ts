/** The caller's own watch over a call's deadline. */
import { clampDelay } from "../delay.ts";
import { NegotiatorError } from "../errors.ts";
import type { Answer, OutgoingCall } from "../wire/outgoing-call.ts";
import type { Session } from "../wire/session.ts";

/** What tells whether the other side is still there. */
export type Pulse = Pick<Session, "ask" | "heardMs">;

/** Long enough for the other side to end a command the hard way and to drain its output. */
const LATE_MS = 15_000;
/** Who says nothing for so long after the deadline, though it is asked, enforces no deadline: it is paused, or gone. */
const SILENT_MS = 5000;

/**
 * The call's answer; but rejects with what `explainSilence` says when the call has not even begun by its deadline, and
 * with `TIMEOUT` when it has not ended long after it, or soon after it when the other side says nothing at all. The
 * other side enforces the deadline of what it runs, but somebody has to be there to do it. `timeoutMs` 0 is no deadline.
 */
export function answerInTime(
  call: OutgoingCall,
  timeoutMs: number,
  pulse: Pulse,
  explainSilence: () => NegotiatorError,
): Promise<Answer> {
  if (timeoutMs <= 0) return call.answer;
  const { promise: late, reject } = Promise.withResolvers<never>();
  const giveUp = (error: NegotiatorError): void => {
    reject(error);
    call.cancel(error.message);
    call.giveUp(error);
  };
  const checkPulse = (sinceMs: number): void => {
    if (pulse.heardMs < sinceMs) giveUp(noWord(explainSilence().message));
  };
  const atDeadline = (): void => {
    if (!call.isSent) return giveUp(explainSilence());
    pulse.ask();
    timers.push(setTimeout(checkPulse, SILENT_MS, performance.now()));
  };
  const timers = [
    setTimeout(atDeadline, clampDelay(timeoutMs)),
    setTimeout(() => giveUp(noWord("It answers, but not this")), clampDelay(timeoutMs + LATE_MS)),
  ];
  return Promise.race([call.answer, late]).finally(() => {
    for (const timer of timers) clearTimeout(timer);
  });
}

function noWord(why: string): NegotiatorError {
  return new NegotiatorError(
    "TIMEOUT",
    `The deadline has passed, and the other side does not say how the call ended. ${why}`,
  );
}

/** What `promise` gives; but rejects with the reason of `signal` as soon as that aborts. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener("abort", abort));
}
