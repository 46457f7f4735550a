/** The caller's own watch over a call's deadline. */
import { clampDelay } from "../delay.ts";
import { NegotiatorError } from "../errors.ts";
import type { Answer, OutgoingCall } from "../wire/calls/outgoing-call.ts";
import type { Session } from "../wire/session/session.ts";

/** What tells whether the other side is still there. */
export type Pulse = Pick<Session, "ask" | "heardMs">;

/** Long enough for the other side to end a command the hard way and to drain its output. */
const LATE_MS = 15_000;
/** Who says nothing for so long after the deadline, though it is asked, enforces no deadline: it is paused, or gone. */
const SILENT_MS = 5000;
/** Who has answered has all the output in its hands. */
const WATCH_MS = 1000;
const STALLED_MS = 5000;

/**
 * The call's answer, when its output has come whole: somebody has to read that. A failure comes without the output.
 *
 * Rejects with what `explainSilence` says when the call has not even begun by its deadline, and with `TIMEOUT` when it has
 * not ended long after it, or soon after it when the other side says nothing at all. The other side enforces the deadline
 * of what it runs, but somebody has to be there to do it. `timeoutMs` 0 is no deadline. Rejects with `TIMEOUT`, too, when
 * the other side has answered, and lives, but keeps back the output that it named.
 */
export async function answerInTime(
  call: OutgoingCall,
  timeoutMs: number,
  pulse: Pulse,
  explainSilence: () => NegotiatorError,
): Promise<Answer> {
  const startMs = performance.now();
  const answered = timeoutMs > 0 ? answerUntil(call, timeoutMs, pulse, explainSilence) : call.answer;
  const leftMs = (): number =>
    timeoutMs > 0 ? Math.max(0, timeoutMs - (performance.now() - startMs)) + LATE_MS : Infinity;
  // The output of a call that failed must not be waited for without end either.
  const watched = answered.catch(() => undefined).then(() => watchOutput(call, leftMs(), pulse));
  const answer = await answered;
  await Promise.all([call.over, watched]);
  return answer;
}

function answerUntil(
  call: OutgoingCall,
  timeoutMs: number,
  pulse: Pulse,
  explainSilence: () => NegotiatorError,
): Promise<Answer> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const giveUp = (error: NegotiatorError): void => {
    reject(error);
    call.cancel(error.message);
    call.abort(error);
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

/**
 * Gives the call up when its output does not come. Only time counts in which our reader waits for it: for `leftMs` in
 * all, and for less without a byte; there only while the other side says something else, as one that was cut off or
 * paused has its output still. Resolves when the call is over; never rejects.
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
    if (stalledMs >= STALLED_MS || awaitedMs > leftMs) call.abort(keptBack(bytes));
    else if (!hasMoved) pulse.ask();
  };
  const timer = setInterval(look, WATCH_MS);
  return call.over.catch(() => undefined).finally(() => clearInterval(timer));
}

function keptBack(bytes: number): NegotiatorError {
  return new NegotiatorError(
    "TIMEOUT",
    `The other side says that the call has ended, but keeps its output back: ${bytes} bytes came, and it named more`,
  );
}

function noWord(why: string): NegotiatorError {
  return new NegotiatorError(
    "TIMEOUT",
    `The deadline has passed, and the other side does not say how the call ended. ${why}`,
  );
}
