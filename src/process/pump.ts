/** Moves bytes between a command's pipes and our streams, one chunk at a time, to bound the memory. */
import { closeSync, readSync } from "node:fs";
import { errnoOf } from "../errors.ts";
import { EVENTS, watchDescriptor } from "./descriptor-watch.ts";
import { noteDescriptor } from "./kept-resources.ts";
import { pollNow, readInto, resizePipe, setNonBlocking, writeFrom } from "./libc.ts";
import { settlesWithin } from "./settling.ts";
import { nextTurn } from "../delay.ts";

/**
 * A destination of bytes. The next chunk is read after `write` resolves, into the same memory; its rejection
 * closes the pipe.
 */
export type ByteSink = { write(bytes: Uint8Array): Promise<void> };

/** Facts about one output stream. `bytes` went to the sink; `truncated`: there may have been more. */
export type StreamFacts = { bytes: number; truncated: boolean };

/** A command's output pipe on its way to a sink. */
export type OutputPump = {
  /** Resolves when the pipe has ended or was aborted; never rejects. */
  readonly ended: Promise<void>;
  readonly isEnded: boolean;
  facts(): StreamFacts;
  /** Returns the milliseconds spent waiting for the pipe so far, without the time that the sink took. */
  waitedMs(): number;
  /** Whether the sink has not taken all that was read. */
  readonly isGiving: boolean;
  /** Closes the pipe now: a process that still writes to it gets SIGPIPE. Does nothing after the end. */
  abort(): void;
  /** Returns the pump as plain data, for the program that replaces this one. */
  freeze(): FrozenOutputPump;
};

/** An output pump as plain data. `ungiven` are the bytes that were read, and that the sink has not got. */
export type FrozenOutputPump = { facts: StreamFacts; isClosed: boolean; ungiven: Uint8Array };

/** Takes bytes and throws them away. */
export const NOWHERE: ByteSink = { write: () => Promise.resolve() };

/**
 * Carries all bytes from the pipe to the sink, at most `PIECE_BYTES` at once. Takes over the descriptor; with
 * undefined there is nothing to carry. Goes on with a frozen pump, whose descriptor may be closed already.
 */
export function pumpOutput(
  readFd: number | undefined,
  sink: ByteSink,
  frozen?: FrozenOutputPump,
): OutputPump {
  if (readFd === undefined || frozen?.isClosed === true) return endedPump(frozen ?? NOTHING);
  setNonBlocking(readFd);
  const watch = watchDescriptor(readFd, { isPipe: true });
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const facts: StreamFacts = { bytes: 0, truncated: false, ...frozen?.facts };
  let { ungiven = NO_BYTES }: Partial<FrozenOutputPump> = frozen ?? {};
  let waitedMs = 0;
  let waitingSince: number | undefined;
  let isGiving = false;
  const close = (): void => {
    if (watch.isClosed) return;
    watch.close();
    closeSync(readFd);
    end();
  };
  const abort = (): void => {
    if (!watch.isClosed) facts.truncated = true;
    close();
  };
  /** Returns the milliseconds that the wait took. */
  const waitFor = async (waiting: Promise<void>): Promise<number> => {
    waitingSince = performance.now();
    await waiting;
    const ms = performance.now() - waitingSince;
    waitingSince = undefined;
    waitedMs += ms;
    return ms;
  };
  const give = async (bytes: Uint8Array): Promise<void> => {
    isGiving = true;
    for (let start = 0; start < bytes.length && !watch.isClosed; start += PIECE_BYTES) {
      const piece = bytes.subarray(start, start + PIECE_BYTES);
      facts.bytes += piece.length;
      ungiven = bytes.subarray(start + piece.length);
      await sink.write(piece);
    }
    isGiving = false;
  };
  const carry = async (): Promise<void> => {
    /** Memory of a bulk stream. Fresh memory for each read would cost more than the read itself. */
    let room: Uint8Array | undefined;
    let turnAt = facts.bytes + BYTES_PER_TURN;
    /** A command that has just started has written nothing. */
    let isEmpty = frozen === undefined;
    if (ungiven.length > 0) await give(ungiven);
    while (!watch.isClosed) {
      const bytes = isEmpty ? undefined : room === undefined ? readSmall(readFd) : readOnce(readFd, room);
      isEmpty = false;
      if (bytes?.length === 0) return;
      if (bytes !== undefined) await give(bytes);
      if (watch.isClosed) return;
      if (facts.bytes >= BULK_BYTES && room === undefined) {
        resizePipe(readFd, BULK_PIPE_BYTES);
        room = new Uint8Array(BULK_ROOM_BYTES);
      }
      if (bytes === undefined) {
        const ms = await waitFor(watch.changed(EVENTS.IN));
        // More comes soon, and one read for all of it costs less than many.
        if (ms < GATHER_MS && facts.bytes >= BULK_BYTES) await waitFor(watch.pause(GATHER_MS));
      } else if (facts.bytes >= turnAt) {
        turnAt = facts.bytes + BYTES_PER_TURN;
        await nextTurn();
      }
    }
  };
  void carry().then(close, abort);
  return {
    ended,
    facts: () => ({ ...facts }),
    waitedMs: () => waitedMs + (waitingSince === undefined ? 0 : performance.now() - waitingSince),
    get isEnded() {
      return watch.isClosed;
    },
    get isGiving() {
      return isGiving && !watch.isClosed;
    },
    abort,
    freeze() {
      if (!watch.isClosed) noteDescriptor(readFd);
      return { facts: { ...facts }, isClosed: watch.isClosed, ungiven: ungiven.slice() };
    },
  };
}

const NO_BYTES = new Uint8Array(0);

const NOTHING: FrozenOutputPump = {
  facts: { bytes: 0, truncated: false },
  isClosed: true,
  ungiven: NO_BYTES,
};

function endedPump(frozen: FrozenOutputPump): OutputPump {
  return {
    ended: Promise.resolve(),
    facts: () => ({ ...frozen.facts }),
    waitedMs: () => 0,
    isEnded: true,
    isGiving: false,
    abort: () => undefined,
    freeze: () => frozen,
  };
}

/** Most bytes that a sink gets at once, and the default capacity of a pipe (pipe(7)). */
const PIECE_BYTES = 65_536;

/** A command with so much output gets a larger pipe and larger reads, so that it seldom waits for us. */
const BULK_BYTES = 256 * 1024;
const BULK_PIPE_BYTES = 1024 * 1024;
const BULK_ROOM_BYTES = 256 * 1024;
const GATHER_MS = 0.5;

/** A sink may take bytes without a turn of the event loop, and others must run. */
const BYTES_PER_TURN = 256 * 1024;

/** Shared by all pumps: each copies what it has read before another one reads. */
let scratch: Uint8Array | undefined;

/** Returns fresh bytes; none at the end, undefined when the pipe is empty now. */
function readSmall(fd: number): Uint8Array | undefined {
  scratch ??= new Uint8Array(PIECE_BYTES);
  return readOnce(fd, scratch)?.slice();
}

/** Returns the filled part of `room`; no bytes at the end, undefined when the pipe is empty now. */
function readOnce(fd: number, room: Uint8Array): Uint8Array | undefined {
  const count = readInto(fd, room);
  if (count >= 0) return room.subarray(0, count);
  // An error of node:fs takes as long as many reads, so first look whether it is just an empty pipe.
  if (pollNow(fd, EVENTS.IN) === 0) return undefined;
  try {
    // Bytes may have come after the first read.
    return room.subarray(0, readSync(fd, room));
  } catch (thrown) {
    if (errnoOf(thrown) === "EAGAIN") return undefined;
    throw thrown;
  }
}

/** The limits of a drain. */
export type DrainLimits = {
  /** The time to wait for the pipes. */
  drainMs: number;
  /** Whether the time that a sink takes counts too. */
  countsSink: boolean;
  /** Ends the wait. */
  until: Promise<unknown>;
};

/**
 * Waits for the ends of the pumps and then aborts them, because a process in the background may keep a pipe
 * open. After a normal exit, only the time spent waiting for the pipe counts, so a slow sink loses nothing. A
 * command that was ended gets `drainMs` in all, because its caller may have stopped reading too. Returns
 * false if a sink had not taken all that was read.
 */
export async function drain(pumps: readonly OutputPump[], limits: DrainLimits): Promise<boolean> {
  const { drainMs, countsSink, until } = limits;
  const areTaken = await Promise.all(
    pumps.map(async (pump) => {
      if (pump.isEnded) return true;
      const done = Promise.race([pump.ended, until]);
      if (countsSink) await settlesWithin(done, drainMs);
      else await waitForEnd(pump, drainMs, done);
      const isTaken = !pump.isGiving;
      pump.abort();
      return isTaken;
    }),
  );
  return areTaken.every(Boolean);
}

async function waitForEnd(pump: OutputPump, drainMs: number, done: Promise<unknown>): Promise<void> {
  const limitMs = pump.waitedMs() + drainMs;
  for (;;) {
    const leftMs = limitMs - pump.waitedMs();
    if (leftMs <= 0 || (await settlesWithin(done, Math.max(leftMs, DRAIN_STEP_MS)))) return;
  }
}

const DRAIN_STEP_MS = 20;

/** A source on its way to a command's input pipe. */
export type InputPump = {
  /** Bytes that the pipe has taken so far. */
  readonly bytes: number;
  /** Closes the command's standard input and the source. */
  close(): void;
  /** Returns the pump as plain data, for the program that replaces this one. */
  freeze(): FrozenInputPump;
};

/** An input pump as plain data. `unwritten` are bytes of the source that the pipe has not taken. */
export type FrozenInputPump = { bytes: number; isClosed: boolean; unwritten: Uint8Array };

/**
 * Carries the source to the pipe and closes the pipe at the end. Takes over the descriptor. A command that
 * closes its input early ends the pump without an error. When the source itself throws, the pipe stays open
 * and `onFailure` is called. Goes on with a frozen pump.
 */
export function pumpInput(
  source: AsyncIterable<Uint8Array>,
  writeFd: number,
  onFailure: (cause: unknown) => void,
  frozen?: FrozenInputPump,
): InputPump {
  if (frozen?.isClosed === true) return { ...frozen, close: () => undefined, freeze: () => frozen };
  setNonBlocking(writeFd);
  const watch = watchDescriptor(writeFd, { isPipe: true });
  const iterator = source[Symbol.asyncIterator]();
  let takenBytes = frozen?.bytes ?? 0;
  let unwritten: Uint8Array = NO_BYTES;
  const close = (): void => {
    if (watch.isClosed) return;
    watch.close();
    closeSync(writeFd);
    // Not awaited, because a generator that waits for its next chunk returns only after that chunk.
    void ignoreFailure(() => iterator.return?.());
  };
  const carry = async (): Promise<void> => {
    if (frozen !== undefined && !(await writeAll(frozen.unwritten))) return;
    for (let turnAt = BYTES_PER_TURN, bytes = 0; ;) {
      const next = await iterator.next();
      if (next.done === true || !(await writeAll(next.value))) return;
      bytes += next.value.length;
      if (bytes < turnAt) continue;
      turnAt = bytes + BYTES_PER_TURN;
      await nextTurn();
    }
  };
  /** Returns false when the reader has gone (EPIPE) or the pump was closed. */
  const writeAll = async (bytes: Uint8Array): Promise<boolean> => {
    unwritten = bytes;
    for (let start = 0; start < bytes.length && !watch.isClosed;) {
      const count = Math.max(writeFrom(writeFd, bytes, start), 0);
      start += count;
      takenBytes += count;
      unwritten = bytes.subarray(start);
      if (count > 0) continue;
      const events = pollNow(writeFd, EVENTS.OUT);
      if (events === 0) await watch.changed(EVENTS.OUT);
      else if (events !== EVENTS.OUT) return false;
    }
    return !watch.isClosed;
  };
  // The pipe stays open after a failure, because its end would make a part look like the whole.
  void carry().then(close, (cause: unknown) => {
    if (!watch.isClosed) onFailure(cause);
  });
  return {
    get bytes() {
      return takenBytes;
    },
    close,
    freeze() {
      if (!watch.isClosed) noteDescriptor(writeFd);
      return { bytes: takenBytes, isClosed: watch.isClosed, unwritten: unwritten.slice() };
    },
  };
}

async function ignoreFailure(action: () => unknown): Promise<void> {
  try {
    await action();
  } catch {
    // The other end has gone.
  }
}
