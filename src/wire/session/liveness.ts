/** Decides what to do about a peer that sends nothing. */
import type { Limits } from "../../limits.ts";

/** The action that is due. `ping`, `unresponsive` and `timedOut` are the three steps of a peer's timeout. */
export type LivenessStep = "fine" | "ping" | "unresponsive" | "timedOut";

/** Measures for how long a peer has sent nothing. */
export type Liveness = {
  /** Whether the peer is not, or not yet, unresponsive. */
  readonly isResponsive: boolean;
  /** When something last came from the peer, in milliseconds; 0 when nothing ever did. */
  readonly heardMs: number;
  /** Something came from the peer: the timeout starts again. */
  restart(nowMs: number): void;
  /** Returns each step of the timeout once, when it is reached, else `fine`. Called about once a second. */
  tick(nowMs: number): LivenessStep;
};

/** This side stood still in a longer gap between ticks, so that gap does not count against the peer. */
const STANDSTILL_MS = 5000;

/** Creates a timeout with the three limits, in milliseconds. It starts with the first `restart` or `tick`. */
export function createLiveness(
  limits: Pick<Limits, "pingAfterMs" | "unresponsiveAfterMs" | "abandonAfterMs">,
): Liveness {
  let heardMs: number | undefined;
  let tickedMs: number | undefined;
  let reached: LivenessStep = "fine";

  const classify = (idleMs: number): LivenessStep => {
    if (idleMs >= limits.abandonAfterMs) return "timedOut";
    if (idleMs >= limits.unresponsiveAfterMs) return "unresponsive";
    return idleMs >= limits.pingAfterMs ? "ping" : "fine";
  };

  return {
    get isResponsive() {
      return reached === "fine" || reached === "ping";
    },
    get heardMs() {
      return heardMs ?? 0;
    },
    restart(nowMs) {
      heardMs = nowMs;
      reached = "fine";
    },
    tick(nowMs) {
      const gapMs = nowMs - (tickedMs ?? nowMs);
      tickedMs = nowMs;
      heardMs ??= nowMs;
      if (gapMs > STANDSTILL_MS) heardMs = Math.min(nowMs, heardMs + gapMs);
      const step = classify(nowMs - heardMs);
      if (step === reached) return "fine";
      reached = step;
      return step;
    },
  };
}
