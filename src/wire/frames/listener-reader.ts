/**
 * Reads the bytes of a listener's port: hellos wherever they stand, native messages, and the requests of old
 * hosts. docs/PROTOCOL.md, "Frames", has the rules.
 */
import { ignored } from "../reading.ts";
import type { Reading } from "../reading.ts";
import { createHelloReader } from "./hello-reader.ts";
import { TORN } from "./message-reader.ts";
import { HELLO_OPENING } from "./openings.ts";
import { createOrderedReader, NO_FRAME } from "./ordered-reader.ts";
import type { ListenerLimits, ListenerOptions, OrderedStep } from "./ordered-reader.ts";

/** Reads frames. */
export type FrameReader = {
  /** Whether a frame has begun and is not complete. */
  readonly hasBegun: boolean;
  /** Yields what the bytes hold, in order. The caller may stop early if it calls `reset` next. */
  push(bytes: Uint8Array): Generator<Reading, void, undefined>;
  /** Throws a begun frame away, because the rest of it will not come. Returns what that means. */
  drop(): Reading | undefined;
  /** The order of messages is lost: only a hello, or an old host's request, counts from now on. */
  lose(): void;
  /** Begins with the bytes of another channel. */
  reset(): void;
  freeze(): FrozenFrames;
  /** Goes on where another reader was frozen. */
  thaw(frozen: FrozenFrames): void;
};

/** The place of a reader in its bytes: what it knows of their order, and the bytes of the begun frame. */
export type FrozenFrames = { isOrdered: boolean; isGreeted: boolean; begun: Uint8Array };

/**
 * Creates the reader of a listener. On a socket, which loses nothing, a hello counts only as the first frame,
 * and a raw chunk may hold anything.
 */
export function createListenerReader(limits: ListenerLimits, options: ListenerOptions): FrameReader {
  const frames = createOrderedReader(limits, options);
  const hellos = createHelloReader(limits.lineBytes, options.memory);
  /** Whether a hello came on this channel. */
  let isGreeted = false;

  const drop = (): void => {
    frames.drop();
    hellos.drop();
  };

  const takeHello = (bytes: Uint8Array): OrderedStep => {
    const { taken, end } = hellos.take(bytes);
    const rest = bytes.subarray(taken);
    if (end === undefined) return { rest };
    const wasOrdered = frames.isOrdered;
    frames.isOrdered = end.message !== undefined;
    if (end.message === undefined) return { rest, reading: wasOrdered ? NO_FRAME : ignored(end.parsedBytes) };
    isGreeted = true;
    return { rest, reading: { kind: "hello", message: end.message } };
  };

  function* read(bytes: Uint8Array): Generator<Reading, void, undefined> {
    for (let rest = bytes; rest.length > 0;) {
      const step = hellos.hasBegun ? takeHello(rest) : frames.take(rest);
      ({ rest } = step);
      if (step.reading?.kind === "broken") frames.lose();
      if (step.reading !== undefined) yield step.reading;
    }
  }

  const findHello = (bytes: Uint8Array): number | undefined =>
    options.isOnPort || !isGreeted ? hellos.find(bytes) : undefined;

  function* push(bytes: Uint8Array): Generator<Reading, void, undefined> {
    let rest = bytes;
    for (let place = findHello(rest); place !== undefined; place = findHello(rest)) {
      if (place > 0) yield* read(rest.subarray(0, place));
      drop();
      hellos.start();
      rest = rest.subarray(place + HELLO_OPENING.length);
    }
    yield* read(rest);
  }

  return {
    get hasBegun() {
      return frames.hasBegun || hellos.hasBegun;
    },
    push,
    drop() {
      const isLost = frames.isOrdered && (frames.hasBegunMessage || hellos.hasBegun);
      drop();
      if (!isLost) return undefined;
      frames.lose();
      return TORN;
    },
    lose: () => frames.lose(),
    freeze: () => ({
      isOrdered: frames.isOrdered,
      isGreeted,
      begun: hellos.hasBegun ? hellos.peek() : frames.peek(),
    }),
    thaw(frozen) {
      frames.isOrdered = frozen.isOrdered;
      isGreeted = frozen.isGreeted;
      skip(push(frozen.begun));
    },
    reset() {
      isGreeted = false;
      frames.lose();
      drop();
      hellos.reset();
    },
  };
}

/** A begun frame has no reading yet. */
export function skip(readings: Iterable<Reading>): void {
  for (const _ of readings);
}
