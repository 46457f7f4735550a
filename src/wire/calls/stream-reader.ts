/** The receiving end of one byte stream: queues its bytes, and gives its sender credit as they are read. */
import type { NegotiatorError } from "../../errors.ts";
import { GAVE_WAY } from "../frames/refusals.ts";
import { createByteQueue } from "./byte-queue.ts";
import type { ByteQueue } from "./byte-queue.ts";
import { fromWireError, toWireError } from "../message.ts";
import type { StreamTotal, WireError } from "../message.ts";
import { createReceiveWindow } from "./receive-window.ts";
import type { FrozenWindow, ReceiveWindow, WindowOptions } from "./receive-window.ts";

/** A received stream, iterated once. The iteration ends with the stream, and throws when the call failed. */
export interface StreamReader extends AsyncIterable<Uint8Array> {
  /** Bytes received so far. */
  readonly bytes: number;
  /** Whether a limit on the other side cut the stream short. Known when the iteration has ended. */
  readonly isTruncated: boolean;
  /** Bytes before the offset at which the stream began here. */
  readonly missedBytes: number;
  /** Ends the iteration, throws away the queued bytes, and asks the sender to stop. */
  cancel(): void;
}

/** The session's side of a reader. Functions that take the peer's messages return its violation, if any. */
export type ReaderEnd = {
  readonly reader: StreamReader;
  /** Offset after the last received byte. */
  readonly offset: number;
  /** The sender may send up to this offset. */
  readonly limit: number;
  /** Whether the first bytes were wanted already. */
  readonly isStarted: boolean;
  /** Whether all bytes were received, or no more are wanted. */
  readonly isDone: boolean;
  /** Whether a reader has taken all received bytes and waits for more. */
  readonly isAwaited: boolean;
  /** Takes a chunk that begins at `offset`. */
  receive(offset: number, bytes: Uint8Array): NegotiatorError | undefined;
  /** Sets the stream's total, of which a part may still come. */
  announce(total: StreamTotal): NegotiatorError | undefined;
  /** Ends the stream. */
  end(total: StreamTotal): NegotiatorError | undefined;
  /** Starts the stream at `offset`; the bytes before it count as missed. */
  begin(offset: number): NegotiatorError | undefined;
  /** Makes the iteration throw `error` after the bytes that were received. */
  fail(error: NegotiatorError): void;
  /** The call is over: the method may never read what is left, so it no longer counts as held. */
  release(): void;
  freeze(): FrozenReader;
};

/** A reader as plain data. `queued` are the bytes that wait, if any do. */
export type FrozenReader = {
  window: FrozenWindow;
  queued?: Uint8Array;
  isStarted: boolean;
  isCancelled: boolean;
  failure?: WireError;
};

type ReaderOptions = {
  frozen?: FrozenReader | undefined;
  window: WindowOptions;
  /** Called once, when the first bytes are wanted. */
  onStart?: () => void;
  /** Called when `limit` has grown. */
  onCredit: () => void;
  onCancel: () => void;
  /** Called when the bytes that waited had to give way. The call has to fail. */
  onGaveWay?: (error: NegotiatorError) => void;
  /** Called once, when the reader is done. */
  onDone: () => void;
};

/** Creates a reader that is not read yet, or a frozen one again, for which `onDone` is not called. */
export function createReader(options: ReaderOptions): ReaderEnd {
  const { frozen } = options;
  const window = createReceiveWindow(options.window, frozen?.window);
  let failure = frozen?.failure && fromWireError(frozen.failure, true);
  let { isCancelled = false, isStarted = false }: Partial<FrozenReader> = frozen ?? {};
  let isDone = isCancelled || failure !== undefined || window.isComplete;
  if (isDone) window.close();
  const waiting = createWait();
  // Bytes of the stream are lost then, so it must not end as if it were complete.
  const queue = createHeldQueue(options.window.memory, () => {
    failure = GAVE_WAY;
    options.onGaveWay?.(GAVE_WAY);
    settle();
  });

  if (frozen?.queued !== undefined) queue.push(frozen.queued);
  const settle = (): void => {
    waiting.wake();
    if (isDone || !(isCancelled || failure !== undefined || window.isComplete)) return;
    isDone = true;
    window.close();
    options.onDone();
  };
  /** Returns the next step of the iteration; undefined when it has to wait. */
  const take = (): Step | undefined => {
    // A stream that failed before it was cancelled must not look complete.
    if (isCancelled && failure === undefined) return END;
    const bytes = queue.shift();
    if (bytes !== undefined) {
      if (!isDone && window.consume(bytes.length)) options.onCredit();
      return { done: false, value: bytes };
    }
    if (failure !== undefined) throw failure;
    return isDone ? END : undefined;
  };

  const start = (): void => {
    if (!isStarted && !isDone) options.onStart?.();
    isStarted = true;
  };

  const finish = (set: () => NegotiatorError | undefined): NegotiatorError | undefined => {
    if (isCancelled) return undefined;
    const violation = set();
    if (violation === undefined) settle();
    return violation;
  };

  const cancel = (): void => {
    const isOpen = !isDone;
    isCancelled = true;
    queue.clear();
    if (isOpen) options.onCancel();
    settle();
  };

  return {
    reader: readerOf(window, {
      cancel,
      [Symbol.asyncIterator]: () => iterate({ start, take, ...waiting }),
    }),
    get offset() {
      return window.offset;
    },
    get isStarted() {
      return isStarted;
    },
    get limit() {
      return window.limit;
    },
    get isDone() {
      return isDone;
    },
    get isAwaited() {
      return waiting.isPaused() && !isDone;
    },
    receive(offset, bytes) {
      if (isCancelled) return undefined;
      const violation = window.receive(offset, bytes.length);
      if (violation !== undefined) return violation;
      queue.push(bytes);
      settle();
      return undefined;
    },
    announce: (total) => finish(() => window.announce(total)),
    end: (total) => finish(() => window.end(total)),
    begin: (offset) => window.begin(offset),
    fail(error) {
      if (isDone) return;
      failure = error;
      queue.release();
      settle();
    },
    release: () => queue.release(),
    freeze() {
      const facts = { window: window.freeze(), ...frozenBytes(queue), isStarted, isCancelled };
      return failure === undefined ? facts : { ...facts, failure: toWireError(failure) };
    },
  };
}

/** Most readers have no bytes that wait, and bytes are the slow part of a state. */
function frozenBytes(queue: ByteQueue): Pick<FrozenReader, "queued"> {
  const queued = queue.peek();
  return queued.length > 0 ? { queued } : {};
}

/** A queue whose bytes count as memory of the peer, until `release`. When they give way, it is empty. */
function createHeldQueue(
  memory: WindowOptions["memory"],
  onGaveWay: () => void,
): ByteQueue & { release(): void } {
  const queue = createByteQueue();
  const held = memory?.hold(() => {
    clear();
    onGaveWay();
  });
  const release = (): void => void held?.resize(0);
  const clear = (): void => {
    queue.clear();
    release();
  };
  return {
    push(bytes) {
      queue.push(bytes);
      held?.resize(held.bytes + bytes.length);
    },
    shift() {
      const bytes = queue.shift();
      if (held !== undefined && bytes !== undefined) held.resize(Math.max(0, held.bytes - bytes.length));
      return bytes;
    },
    peek: () => queue.peek(),
    clear,
    release,
  };
}

/** Returns the side of a reader that a method sees. */
function readerOf(
  window: ReceiveWindow,
  actions: Pick<StreamReader, "cancel" | typeof Symbol.asyncIterator>,
): StreamReader {
  return {
    get bytes() {
      return window.offset - window.missedBytes;
    },
    get isTruncated() {
      return window.isTruncated;
    },
    get missedBytes() {
      return window.missedBytes;
    },
    ...actions,
  };
}

type Step = IteratorResult<Uint8Array, undefined>;

const END: Step = { done: true, value: undefined };

/** A wait for more bytes. `wake` ends it, if there is one. */
type Wait = { isPaused: () => boolean; pause: () => Promise<void>; wake: () => void };

function createWait(): Wait {
  let waiter: PromiseWithResolvers<void> | undefined;
  let isPaused = false;
  return {
    isPaused: () => isPaused,
    async pause() {
      waiter ??= Promise.withResolvers<void>();
      isPaused = true;
      await waiter.promise;
      isPaused = false;
    },
    wake() {
      waiter?.resolve();
      waiter = undefined;
    },
  };
}

/** `take` returns the next step, undefined when `pause` has to come first. */
type Steps = Omit<Wait, "isPaused"> & { start: () => void; take: () => Step | undefined };

/** A generator would take several more turns of promises for each piece of a bulk stream. */
function iterate({ start, take, pause, wake }: Steps): AsyncIterator<Uint8Array, undefined> {
  let isLeft = false;
  return {
    async next() {
      start();
      for (;;) {
        const step = isLeft ? END : take();
        if (step !== undefined) return step;
        await pause();
      }
    },
    return() {
      isLeft = true;
      wake();
      return Promise.resolve(END);
    },
  };
}
