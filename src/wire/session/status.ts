/** The state of a session, and its changes. */
import type { NegotiatorError } from "../../errors.ts";
import type { ControlQueue } from "./control-queue.ts";

/**
 * `idle`: no hello came yet. `dialling`: this side's hello waits for its answer. `open`: messages flow.
 * `cut`: the channel is gone, or the order of messages is lost, or the peer sent too much invalid input; the
 * dialler has to dial again. `foreign`: the peer speaks another dialect. `ended`: this side has closed the
 * session.
 */
export type SessionState = "idle" | "dialling" | "open" | "cut" | "foreign" | "ended";

/** Holds the state. */
export type Status = {
  readonly state: SessionState;
  /** Sets the state, and reports it if it is another one. */
  change(next: SessionState, reason?: NegotiatorError): void;
  /** Sets the state `cut` and clears the control queue: no message counts until the next hello. */
  cut(reason?: NegotiatorError): void;
};

/** Creates the state of a session, `idle` by default. */
export function createStatus(
  controlQueue: ControlQueue,
  onState: ((state: SessionState, reason?: NegotiatorError) => void) | undefined,
  first: SessionState = "idle",
): Status {
  let state = first;

  const change = (next: SessionState, reason?: NegotiatorError): void => {
    if (state === next) return;
    state = next;
    onState?.(next, reason);
  };

  return {
    get state() {
      return state;
    },
    change,
    cut(reason) {
      controlQueue.clear();
      change("cut", reason);
    },
  };
}
