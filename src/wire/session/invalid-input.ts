/** Counts a peer's invalid input, and ignores a peer that sends too much of it. */
import { NegotiatorError } from "../../errors.ts";

/** The count of invalid frames and messages. */
export type InvalidInput = {
  /** Whether there was too much invalid input: nothing the peer sends is read until `reset`. */
  readonly isTooMuch: boolean;
  /** Counts one invalid frame or message. */
  add(error: NegotiatorError): void;
  /** Sets the count to zero. */
  clearCount(): void;
  /** Sets the count to zero, and listens to the peer again. */
  reset(): void;
};

type InvalidInputOptions = {
  /** The most invalid input that is answered. */
  limit: number;
  onInvalid: (error: NegotiatorError) => void;
  onTooMuch: (reason: NegotiatorError) => void;
};

/**
 * Creates a count of zero. `onInvalid` is called for each input up to the limit, `onTooMuch` once after it.
 */
export function createInvalidInput({ limit, onInvalid, onTooMuch }: InvalidInputOptions): InvalidInput {
  let count = 0;
  let isTooMuch = false;

  return {
    get isTooMuch() {
      return isTooMuch;
    },
    add(error) {
      if (++count <= limit) return onInvalid(error);
      if (isTooMuch) return;
      isTooMuch = true;
      onTooMuch(new NegotiatorError("BAD_FRAME", "The peer sent too many invalid messages"));
    },
    clearCount() {
      count = 0;
    },
    reset() {
      count = 0;
      isTooMuch = false;
    },
  };
}
