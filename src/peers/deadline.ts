/** Enforces the limits of a call on the caller's side, because the peer may fail to. */
import { clampDelay, LATE_MS } from "../delay.ts";
import { NegotiatorError } from "../errors.ts";
import type { Answer, OutgoingCall } from "../wire/calls/outgoing-call.ts";
import type { Session } from "../wire/session/session.ts";

/** The signs of life of a peer. */
export type Pulse = Pick<Session, "ask" | "heardMs">;

/** The limits of a call in milliseconds from now. */
export type AnswerLimits = {
  /** The deadline; 0 for none. */
  timeoutMs: number;
  /** The time in which the peer must show that it is there; 0 for no limit. */
  connectTimeoutMs?: number | undefined;
  /** The time after the deadline in which the answer and the rest of the output may still come. */
  lateMs?: number;
};

const WATCH_MS = 1000;
const STALLED_MS = 5000;

/**
 * Resolves with the answer after all output has arrived. The caller must read the output. A failure rejects
 * at once.
 *
 * Rejects with the error of `explainNoAnswer` if the call was not sent by its deadline or within
 * `connectTimeoutMs`, and with `UNKNOWN_OUTCOME` if it was sent and the peer has sent nothing since. Rejects
 * with `TIMEOUT`
 * - if the call has not ended `lateMs` after the deadline, whatever it waits for,
 * - if the peer has answered and stays alive, but does not send the output that it announced.
 */
export async function answerInTime(
  call: OutgoingCall,
  limits: AnswerLimits,
  pulse: Pulse,
  explainNoAnswer: () => NegotiatorError,
): Promise<Answer> {
  const over = call.over.catch(() => undefined);
  const timers = startTimers(call, limits, pulse, explainNoAnswer);
  // A failed call's readers wait for its output too, so the limits hold until the end.
  void over.then(() => timers.clear());
  void call.answer.catch(() => undefined).then(() => watchOutput(call, over, pulse));
  const answer = await call.answer;
  await call.over;
  return answer;
}

type Timers = { clear: () => void };

function startTimers(
  call: OutgoingCall,
  { timeoutMs, connectTimeoutMs = 0, lateMs = LATE_MS.caller }: AnswerLimits,
  pulse: Pulse,
  explainNoAnswer: () => NegotiatorError,
): Timers {
  const startMs = performance.now();
  let isAnswered = false;
  const setAnswered = (): void => void (isAnswered = true);
  call.answer.then(setAnswered, setAnswered);
  const timers = new Set<Timer>();
  const after = (ms: number, act: () => void): void => void timers.add(setTimeout(act, clampDelay(ms)));
  const end = (error: NegotiatorError): void => {
    if (!isAnswered && call.isSent) call.cancel(error.message);
    call.abort(error);
  };
  /** An agent that lives answers within `lateMs`, so a call that it has does not end here. */
  const askFirst = (act: (askedMs: number) => void): void => {
    if (isAnswered) return;
    if (!call.isSent) return end(explainNoAnswer());
    const askedMs = performance.now();
    pulse.ask();
    after(lateMs, () => act(askedMs));
  };

  if (timeoutMs > 0) {
    after(timeoutMs, () =>
      askFirst((askedMs) => {
        if (isAnswered) return;
        const isSilent = pulse.heardMs < askedMs;
        end(deadlinePassed(isSilent ? explainNoAnswer().message : ALIVE));
      }),
    );
    after(timeoutMs + lateMs, () => {
      if (isAnswered) end(outputLate(call.receivedBytes));
    });
  }
  if (connectTimeoutMs > 0 && (timeoutMs <= 0 || connectTimeoutMs <= timeoutMs)) {
    after(connectTimeoutMs, () =>
      askFirst(() => {
        if (!isAnswered && pulse.heardMs < startMs) end(notReached(explainNoAnswer().message));
      }),
    );
  }
  return {
    clear() {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

/**
 * Aborts the call when a live peer does not send the rest of the output. Time in which the channel is cut, or
 * our reader is busy, does not count.
 */
function watchOutput(call: OutgoingCall, over: Promise<unknown>, pulse: Pulse): void {
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
    if (stalledMs >= STALLED_MS) call.abort(outputWithheld(bytes));
    else if (!hasMoved) pulse.ask();
  };
  const timer = setInterval(look, WATCH_MS);
  void over.then(() => clearInterval(timer));
}

const ALIVE = "It is alive, but does not answer this call";

function outputWithheld(bytes: number): NegotiatorError {
  return new NegotiatorError(
    "TIMEOUT",
    `The peer has answered, but sends no more of its output: ${bytes} bytes came, and it announced more`,
  );
}

function outputLate(bytes: number): NegotiatorError {
  return new NegotiatorError(
    "TIMEOUT",
    `The deadline has passed before all output was there: ${bytes} bytes came`,
    { remedy: "Give the call more time with --timeout SECONDS" },
  );
}

function deadlinePassed(why: string): NegotiatorError {
  return new NegotiatorError(
    "TIMEOUT",
    `The deadline has passed, and the other side does not say how the call ended. ${why}`,
  );
}

function notReached(why: string): NegotiatorError {
  return new NegotiatorError("UNKNOWN_OUTCOME", `The call was sent, and may still run. ${why}`);
}
