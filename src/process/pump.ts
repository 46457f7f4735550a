/** Moves bytes between a command's pipes and our streams, one chunk at a time, to bound the memory. */
import { closeSync } from "node:fs";
import { settlesWithin } from "./settling.ts";

/** A destination of bytes. The next chunk is read after `write` resolves; its rejection closes the pipe. */
export type ByteSink = { write(bytes: Uint8Array): Promise<void> };

/** Facts about one output stream. `bytes` went to the sink; `truncated`: there may have been more. */
export type StreamFacts = { bytes: number; truncated: boolean };

/** A command's output pipe on its way to a sink. */
export type OutputPump = {
  /** Resolves when the pipe has ended or was aborted; never rejects. */
  readonly ended: Promise<void>;
  facts(): StreamFacts;
  /** Returns the milliseconds spent waiting for the pipe so far, without the time that the sink took. */
  waitedMs(): number;
  /** Closes the pipe now: a process that still writes to it gets SIGPIPE. Does nothing after the end. */
  abort(): void;
};

/** Carries all bytes from the pipe to the sink. Takes over the descriptor. */
export function pumpOutput(readFd: number, sink: ByteSink): OutputPump {
  const reader = Bun.file(readFd).stream().getReader();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const facts: StreamFacts = { bytes: 0, truncated: false };
  let isOpen = true;
  let waitedMs = 0;
  let waitingSince: number | undefined;
  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    // A read in progress still uses the descriptor, so it is closed after the cancel.
    void reader
      .cancel()
      .catch(() => undefined)
      .then(() => closeSync(readFd));
    end();
  };
  const abort = (): void => {
    if (isOpen) facts.truncated = true;
    close();
  };
  const carry = async (): Promise<void> => {
    for (;;) {
      waitingSince = performance.now();
      const { value } = await reader.read();
      waitedMs += performance.now() - waitingSince;
      waitingSince = undefined;
      if (value === undefined || !isOpen) return;
      facts.bytes += value.byteLength;
      await sink.write(value);
    }
  };
  void carry().then(close, abort);
  return {
    ended,
    facts: () => ({ ...facts }),
    waitedMs: () => waitedMs + (waitingSince === undefined ? 0 : performance.now() - waitingSince),
    abort,
  };
}

/**
 * Waits for the ends of the pumps and then aborts them, because a process in the background may keep a pipe
 * open. After a normal exit, only the time spent waiting for the pipe counts, so a slow sink loses nothing;
 * `aborted` ends the wait. A command that was ended, without `aborted`, gets `drainMs` in all, because its
 * caller may have stopped reading too.
 */
export async function drain(
  pumps: readonly OutputPump[],
  drainMs: number,
  aborted?: Promise<unknown>,
): Promise<void> {
  await Promise.all(
    pumps.map(async (pump) => {
      if (aborted === undefined) await settlesWithin(pump.ended, drainMs);
      else await waitForEnd(pump, drainMs, Promise.race([pump.ended, aborted]));
      pump.abort();
    }),
  );
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
  /** Closes the command's standard input and the source. */
  close(): void;
};

/**
 * Carries the source to the pipe and closes the pipe at the end. Takes over the descriptor. A command that
 * closes its input early ends the pump without an error; `onFailure` is called when the source itself throws.
 */
export function pumpInput(
  source: AsyncIterable<Uint8Array>,
  writeFd: number,
  onFailure: (cause: unknown) => void,
): InputPump {
  const sink = Bun.file(writeFd).writer();
  // The writer has its own duplicate.
  closeSync(writeFd);
  const iterator = source[Symbol.asyncIterator]();
  let isOpen = true;
  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    void ignoreFailure(() => sink.end());
    // Not awaited, because a generator that waits for its next chunk returns only after that chunk.
    void ignoreFailure(() => iterator.return?.());
  };
  const carry = async (): Promise<void> => {
    for (;;) {
      const next = await iterator.next();
      if (next.done === true || !(await writeAll(next.value))) return;
    }
  };
  /** Returns false when the reader has gone (EPIPE) or the pump was closed. */
  const writeAll = async (bytes: Uint8Array): Promise<boolean> => {
    for (let start = 0; start < bytes.byteLength; start += CHUNK_BYTES) {
      if (!isOpen) return false;
      try {
        await sink.write(bytes.subarray(start, start + CHUNK_BYTES));
        await sink.flush();
      } catch {
        return false;
      }
    }
    return isOpen;
  };
  void carry().then(close, (cause: unknown) => {
    const wasOpen = isOpen;
    close();
    if (wasOpen) onFailure(cause);
  });
  return { close };
}

/**
 * The default capacity of a pipe (pipe(7)), because a writer keeps one chunk until the last reader has gone.
 */
const CHUNK_BYTES = 65_536;

async function ignoreFailure(action: () => unknown): Promise<void> {
  try {
    await action();
  } catch {
    // The other end has gone.
  }
}
