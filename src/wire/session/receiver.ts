/** Reads a channel's bytes as messages, by the rules of this side. Drops frames that are never completed. */
import type { Limits } from "../../limits.ts";
import { createDiallerReader } from "../frames/dialler-reader.ts";
import { createListenerReader } from "../frames/listener-reader.ts";
import type { FrameReader } from "../frames/listener-reader.ts";
import type { MemoryShare } from "../memory.ts";
import type { Reading } from "../reading.ts";

/** Reads bytes. */
export type Receiver = Pick<FrameReader, "lose" | "reset" | "freeze" | "thaw"> & {
  /**
   * Yields what the bytes hold, in order. No bytes mean that the far end has left: a begun frame will not be
   * completed. The caller stops when it wants no more, and then calls `reset`.
   */
  read(bytes: Uint8Array, nowMs: number): Generator<Reading, void, undefined>;
  /** A dialler has sent a hello with this nonce: its answer comes next. */
  expectAnswer(nonce: string): void;
  /**
   * Gives up a frame that has got no byte for `brokenFrameMs`. Returns what that means. On a socket the rest
   * of a frame comes in any case, also from a peer that was stopped.
   */
  tick(nowMs: number): Reading | undefined;
};

/** Options of a receiver. */
export type ReceiverOptions = {
  side: "dialler" | "listener";
  limits: Limits;
  /** Whether the channel is a port, which can be cut at any byte. */
  isOnPort: boolean;
  /** Whether both hellos offer raw chunks. */
  acceptsRaw: () => boolean;
  /** Whether a call of this side waits for its answer. */
  awaitsAnswer: () => boolean;
  /** The peer's share of the memory of all. */
  memory: MemoryShare;
};

/** Creates the receiver of one side. */
export function createReceiver({ side, limits, ...options }: ReceiverOptions): Receiver {
  const { isOnPort } = options;
  const dialler = side === "dialler" ? createDiallerReader(limits, options) : undefined;
  const reader = dialler ?? createListenerReader(limits, options);
  let lastMs = 0;

  return {
    *read(bytes, nowMs) {
      lastMs = nowMs;
      if (bytes.length > 0) {
        yield* reader.push(bytes);
        return;
      }
      const dropped = reader.drop();
      if (dropped !== undefined) yield dropped;
    },
    lose: () => reader.lose(),
    reset: () => reader.reset(),
    freeze: () => reader.freeze(),
    thaw: (frozen) => reader.thaw(frozen),
    expectAnswer: (nonce) => dialler?.expectAnswer(nonce),
    tick(nowMs) {
      const isBroken = isOnPort && reader.hasBegun && nowMs - lastMs >= limits.brokenFrameMs;
      return isBroken ? reader.drop() : undefined;
    },
  };
}
