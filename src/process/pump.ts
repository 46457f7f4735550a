/** Moves bytes between a command's pipes and our streams, one piece at a time, so that memory stays bounded. */
import { closeSync } from "node:fs";

/** Where bytes go. The next piece is read only after `write` resolved; its rejection closes the pipe. */
export type ByteSink = { write(bytes: Uint8Array): Promise<void> };

/** What one output stream of a command gave. `bytes` were handed to the sink; `truncated`: there may have been more. */
export type StreamFacts = { bytes: number; truncated: boolean };

export type OutputPump = {
  /** Resolves when the pipe ended or was dropped; never rejects. */
  readonly ended: Promise<void>;
  facts(): StreamFacts;
  /** How long the pump has waited for the pipe so far; the time that the sink took is not in it. */
  waitedMs(): number;
  /** Closes the pipe now: whoever still writes to it gets SIGPIPE. Does nothing once `ended`. */
  drop(): void;
};

/** Carries everything from the pipe to the sink. Takes over the descriptor. */
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
    // A read that is under way ends with `done`; only then is nobody left who would use the descriptor.
    void reader
      .cancel()
      .catch(() => undefined)
      .then(() => closeSync(readFd));
    end();
  };
  const drop = (): void => {
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
  void carry().then(close, drop);
  return {
    ended,
    facts: () => ({ ...facts }),
    waitedMs: () => waitedMs + (waitingSince === undefined ? 0 : performance.now() - waitingSince),
    drop,
  };
}

export type InputPump = {
  /** Closes the command's standard input and lets go of the source. Stopping twice does nothing. */
  stop(): void;
};

/**
 * Carries the source to the pipe and closes it at the end. Takes over the descriptor. A command that closes its input
 * early ends the pump quietly; `onFailure` is called when the source itself throws.
 */
export function pumpInput(
  source: AsyncIterable<Uint8Array>,
  writeFd: number,
  onFailure: (cause: unknown) => void,
): InputPump {
  const sink = Bun.file(writeFd).writer();
  // The writer works on a duplicate of its own.
  closeSync(writeFd);
  const iterator = source[Symbol.asyncIterator]();
  let isOpen = true;
  const stop = (): void => {
    if (!isOpen) return;
    isOpen = false;
    void settle(() => sink.end());
    // Not awaited: a generator that waits for its next piece answers only after that piece.
    void settle(() => iterator.return?.());
  };
  const carry = async (): Promise<void> => {
    for (;;) {
      const next = await iterator.next();
      if (next.done === true || !(await isTaken(next.value))) return;
    }
  };
  /** Whether the pipe took all of it; false when the reader is gone (EPIPE) or we were stopped. */
  const isTaken = async (bytes: Uint8Array): Promise<boolean> => {
    for (let start = 0; start < bytes.byteLength; start += PIECE_BYTES) {
      if (!isOpen) return false;
      try {
        await sink.write(bytes.subarray(start, start + PIECE_BYTES));
        await sink.flush();
      } catch {
        return false;
      }
    }
    return isOpen;
  };
  void carry().then(stop, (cause: unknown) => {
    const wasOpen = isOpen;
    stop();
    if (wasOpen) onFailure(cause);
  });
  return { stop };
}

/**
 * What a pipe holds by default (pipe(7)). A writer that is ended while the pipe is full keeps its last piece and its
 * descriptor until the last reader is gone; with small pieces a left-over process pins little.
 */
const PIECE_BYTES = 65_536;

/** Runs to the end of `action`, whatever comes of it. */
async function settle(action: () => unknown): Promise<void> {
  try {
    await action();
  } catch {
    // The other end is gone, which is what letting go means.
  }
}
