/** Reads a channel's bytes as messages: cuts them into frames, and reads each frame. */
import { NegotiatorError } from "../../errors.ts";
import { createFramer } from "../frames/framing.ts";
import type { Limits } from "../../limits.ts";
import { readFrame } from "../reading.ts";
import type { Reading } from "../reading.ts";

/** A message with its length in bytes, an object of another dialect, or an error. */
export type Received = Reading & { bytes: number };

/** Reads bytes. */
export type Receiver = {
  /** Yields what the bytes hold, in order. The caller stops when it wants no more, and then calls `reset`. */
  read(bytes: Uint8Array): Generator<Received, void, undefined>;
  /** Begins with the bytes of another channel, or ignores the rest of a frame. */
  reset(): void;
};

/** Creates the receiver of one side. */
export function createReceiver(side: "dialler" | "listener", limits: Limits): Receiver {
  // Only an old caller's message may be longer than a line, and an old caller does not call a dialler.
  const lengthPrefixedBytes =
    side === "dialler" ? Math.min(limits.lengthPrefixedBytes, limits.lineBytes) : limits.lengthPrefixedBytes;
  const framerLimits = { lineBytes: limits.lineBytes, lengthPrefixedBytes };
  let framer = createFramer(framerLimits);

  const readWithinLimit = (frame: Uint8Array): Reading => {
    const reading = readFrame(frame);
    const isTooLong = reading.kind === "native" && frame.length > limits.lineBytes;
    return isTooLong ? { kind: "unreadable", error: tooLong(frame.length) } : reading;
  };

  return {
    *read(bytes) {
      for (const frame of framer.push(bytes)) {
        if (frame.kind === "message") yield { ...readWithinLimit(frame.bytes), bytes: frame.bytes.length };
        else yield { kind: "unreadable", error: frame.error, bytes: 0 };
      }
    },
    reset() {
      framer = createFramer(framerLimits);
    },
  };
}

function tooLong(bytes: number): NegotiatorError {
  return new NegotiatorError("TOO_LARGE", `Cannot take a message of ${bytes} bytes`);
}
