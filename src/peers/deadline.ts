/** Watches over the deadline of a call on the caller's side, in case the side that runs it does not. */
import { clampDelay } from "../delay.ts";
import { NegotiatorError } from "../errors.ts";
import type { Answer, OutgoingCall } from "../wire/calls/outgoing-call.ts";
import type { Session } from "../wire/session/session.ts";

/** Shows whether the peer is still there. */
export type Pulse = Pick<Session, "ask" | "heardMs">;

/** The peer needs so long to end a command with KILL and to drain its output. */
const LATE_MS = 15_000;
/** A peer that sends nothing for so long after the deadline, though it was pinged, is paused or gone. */
const SILENT_MS = 5000;
/** How often the output is looked at, and how long it may stand still once the call was answered. */
const WATCH_MS = 1000;
const STALLED_MS = 5000;

/**
 * The call's answer, once its output has arrived whole; someone has to read that. A failure comes without the
 * output.
 *
 * Rejects with what `explainNoAnswer` gives when the call was not sent by its deadline. Rejects with `TIMEOUT`
 * when the call has not ended 15 s after it, or 5 s after it if the peer sends nothing at all; and when the
 * peer has answered, and sends other messages, but not the output that it announced. `timeoutMs` 0 is no
 * deadline.
 */
export async function answerInTime(
  call: OutgoingCall,
  timeoutMs: number,
  pulse: Pulse,
  explainNoAnswer: () => NegotiatorError,
): Promise<Answer> {
  const startMs = performance.now();
  const answered = timeoutMs > 0 ? answerUntil(call, timeoutMs, pulse, explainNoAnswer) : call.answer;
  const leftMs = (): number =>
    timeoutMs > 0 ? Math.max(0, timeoutMs - (performance.now() - startMs)) + LATE_MS : Infinity;
  // The output of a failed call must not be waited for without end either.
  const watched = answered.catch(() => undefined).then(() => watchOutput(call, leftMs(), pulse));
  const answer = await answered;
  await Promise.all([call.over, watched]);
  return answer;
}

function answerUntil(
  call: OutgoingCall,
  timeoutMs: number,
  pulse: Pulse,
  explainNoAnswer: () => NegotiatorError,
): Promise<Answer> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const abort = (error: NegotiatorError): void => {
    reject(error);
    call.cancel(error.message);
    call.abort(error);
  };
  const checkPulse = (sinceMs: number): void => {
    if (pulse.heardMs < sinceMs) abort(deadlinePassed(explainNoAnswer().message));
  };
  const atDeadline = (): void => {
    if (!call.isSent) return abort(explainNoAnswer());
    pulse.ask();
    timers.push(setTimeout(checkPulse, SILENT_MS, performance.now()));
  };
  const timers = [
    setTimeout(atDeadline, clampDelay(timeoutMs)),
    setTimeout(() => abort(deadlinePassed("It answers, but not this")), clampDelay(timeoutMs + LATE_MS)),
  ];
  return Promise.race([call.answer, late]).finally(() => {
    for (const timer of timers) clearTimeout(timer);
  });
}

/**
 * Aborts the call when its output does not arrive. Only time counts in which our reader waits for it: `leftMs`
 * in all, or 5 s without a byte while the peer sends something else; a peer that was cut off or paused still
 * has its output. Resolves when the call is over; never rejects.
 */
function watchOutput(call: OutgoingCall, leftMs: number, pulse: Pulse): Promise<void> {
  let awaitedMs = 0;
  let stalledMs = 0;
  let bytes = call.receivedBytes;
  let lookedMs = performance.now();
  const look = (): void => {
    const hasMoved = call.receivedBytes > bytes;
    const isAlive = pulse.heardMs >= lookedMs;
    bytes = call.receivedBytes;
    lookedMs = performance.now();
    if (!call.isAwaited || hasMoved) stalledMs = 0;
    else if (isAlive) stalledMs += WATCH_MS;
    if (!call.isAwaited) return;
    awaitedMs += WATCH_MS;
    if (stalledMs >= STALLED_MS || awaitedMs > leftMs) call.abort(outputWithheld(bytes));
    else if (!hasMoved) pulse.ask();
  };
  const timer = setInterval(look, WATCH_MS);
  return call.over.catch(() => undefined).finally(() => clearInterval(timer));
}

function outputWithheld(bytes: number): NegotiatorError {
  return new NegotiatorError(
    "TIMEOUT",
    `The other side has answered, but sends no more of its output: ${bytes} bytes came, and it named more`,
  );
}

function deadlinePassed(why: string): NegotiatorError {
  return new NegotiatorError(
    "TIMEOUT",
    `The deadline has passed, and the other side does not say how the call ended. ${why}`,
  );
}
