/** Enforces the deadline of a call on the caller's side, because the peer may fail to. */
import { clampDelay } from "../delay.ts";
import { NegotiatorError } from "../errors.ts";
import type { Answer, OutgoingCall } from "../wire/calls/outgoing-call.ts";
import type { Session } from "../wire/session/session.ts";

/** The signs of life of a peer. */
export type Pulse = Pick<Session, "ask" | "heardMs">;

/** A peer needs time to kill a command and to send the rest of its output. */
const LATE_MS = 15_000;
const SILENT_MS = 5000;
const WATCH_MS = 1000;
const STALLED_MS = 5000;

/**
 * Resolves with the answer after all output has arrived. The caller must read the output. A failure rejects
 * at once. `timeoutMs` 0 means no deadline.
 *
 * Rejects with the error of `explainNoAnswer` if the call was not sent by its deadline. Rejects with
 * `TIMEOUT`
 * - if the call has not ended 15 s after the deadline,
 * - if the peer has sent nothing at all 5 s after the deadline,
 * - if the peer has answered and stays alive, but does not send the output that it announced.
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
  // A failed call's readers wait for its output too, so that is watched as well.
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
    setTimeout(
      () => abort(deadlinePassed("It is alive, but does not answer this call")),
      clampDelay(timeoutMs + LATE_MS),
    ),
  ];
  return Promise.race([call.answer, late]).finally(() => {
    for (const timer of timers) clearTimeout(timer);
  });
}

/**
 * Rejects when the rest of the output does not come. Time in which the channel is cut, or our reader is busy,
 * does not count.
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
    `The peer has answered, but sends no more of its output: ${bytes} bytes came, and it announced more`,
  );
}

function deadlinePassed(why: string): NegotiatorError {
  return new NegotiatorError(
    "TIMEOUT",
    `The deadline has passed, and the other side does not say how the call ended. ${why}`,
  );
}
