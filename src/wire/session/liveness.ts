/** Tells from the silence of a peer what to do about it. */
import type { Limits } from "../../limits.ts";

/** `ask`: it is time for a ping. `unresponsive`, `abandon`: the silence has lasted that long; each is told once. */
export type Silence = "fine" | "ask" | "unresponsive" | "abandon";

export type Liveness = {
  readonly isResponsive: boolean;
  /** When something last came from the peer; 0 is never. */
  readonly heardMs: number;
  /** Something came from the peer. */
  heard(nowMs: number): void;
  /** To be called about once a second. */
  tick(nowMs: number): Silence;
};

/** A longer gap between two ticks is time in which this side itself stood still; it is not the peer's silence. */
const STANDSTILL_MS = 5000;

export function createLiveness(
  limits: Pick<Limits, "pingAfterMs" | "unresponsiveAfterMs" | "abandonAfterMs">,
): Liveness {
  let heardMs: number | undefined;
  let tickedMs: number | undefined;
  let told: Silence = "fine";

  return {
    get isResponsive() {
      return told === "fine" || told === "ask";
    },
    get heardMs() {
      return heardMs ?? 0;
    },
    heard(nowMs) {
      heardMs = nowMs;
      told = "fine";
    },
    tick(nowMs) {
      const gapMs = nowMs - (tickedMs ?? nowMs);
      tickedMs = nowMs;
      heardMs ??= nowMs;
      if (gapMs > STANDSTILL_MS) heardMs = Math.min(nowMs, heardMs + gapMs);
      const silence = classify(nowMs - heardMs);
      if (silence === told) return "fine";
      told = silence;
      return silence;
    },
  };

  function classify(silentMs: number): Silence {
    if (silentMs >= limits.abandonAfterMs) return "abandon";
    if (silentMs >= limits.unresponsiveAfterMs) return "unresponsive";
    return silentMs >= limits.pingAfterMs ? "ask" : "fine";
  }
}
