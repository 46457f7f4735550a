/**
 * Keeps the last bytes of a stream for callers that read it later. Any number of readers can follow it.
 */
import { createKeptBytes } from "./kept-bytes.ts";
import type { FrozenKeptBytes, KeptBytesOptions } from "./kept-bytes.ts";

/** A stream that is kept. Offsets count the bytes of the stream from its start. */
export type KeptOutput = {
  /** The offset of the first byte that is still there. */
  readonly start: number;
  /** The offset behind the last byte so far. */
  readonly end: number;
  /** Whether the stream has ended, and whether bytes are missing at its end. */
  readonly isEnded: boolean;
  readonly isTruncated: boolean;
  /** Adds bytes, and resolves when they are kept. Never rejects: bytes that cannot be kept are cut. */
  write(bytes: Uint8Array): Promise<void>;
  /** The stream has ended. */
  finish(facts?: { truncated: boolean }): void;
  /**
   * Yields the bytes from an offset on, and follows the stream to its end. Leaves out bytes that are no
   * longer kept. Stops when the output is removed. `onPiece` gets the offset behind each piece before it.
   */
  read(from: number, onPiece?: (next: number) => void): AsyncGenerator<Uint8Array, void, undefined>;
  /** Removes what is kept. */
  remove(): Promise<void>;
  /** Puts all that is kept into its file, for another process. Readers stop. */
  save(): Promise<void>;
  freeze(): FrozenKeptOutput;
};

/** An output as plain data. `pending` are bytes that are not kept yet. */
export type FrozenKeptOutput = FrozenKeptBytes & {
  pending: Uint8Array;
  isEnded: boolean;
  isTruncated: boolean;
};

/** Creates an output without bytes, or a frozen one again. */
export function createKeptOutput(options: KeptBytesOptions, frozen?: FrozenKeptOutput): KeptOutput {
  const kept = createKeptBytes(options, frozen);
  let [isEnded, isTruncated, isRemoved] = [false, false, false];
  /** Bytes that are not kept yet, and the end that waits for them. */
  const pending: Uint8Array[] = [];
  let ending: { truncated: boolean } | undefined;
  let changed = Promise.withResolvers<void>();
  let writing = Promise.resolve();

  const notify = (): void => {
    changed.resolve();
    changed = Promise.withResolvers();
  };

  const endAfterWrites = async (truncated: boolean): Promise<void> => {
    ending = { truncated };
    await writing;
    isEnded = true;
    isTruncated = truncated;
    notify();
  };

  const append = async (bytes: Uint8Array): Promise<void> => {
    if (!isRemoved) await kept.append(bytes);
    pending.shift();
    notify();
  };

  const write = (bytes: Uint8Array): Promise<void> => {
    const copy = new Uint8Array(bytes);
    pending.push(copy);
    writing = writing.then(() => append(copy));
    return writing;
  };
  if (frozen !== undefined && frozen.pending.length > 0) void write(frozen.pending);
  if (frozen?.isEnded === true) void endAfterWrites(frozen.isTruncated);

  return {
    get start() {
      return kept.start;
    },
    get end() {
      return kept.end;
    },
    get isEnded() {
      return isEnded;
    },
    get isTruncated() {
      return isTruncated;
    },
    write,
    finish: ({ truncated } = { truncated: false }) => void endAfterWrites(truncated),
    async *read(from, onPiece) {
      for (let at = from; ;) {
        if (isRemoved) return;
        at = Math.max(at, kept.start);
        if (at >= kept.end) {
          if (isEnded) return;
          await changed.promise;
          continue;
        }
        const piece = await kept.load(at);
        // The piece may have been replaced while it was read.
        if (piece.length === 0 || at < kept.start) continue;
        at += piece.length;
        onPiece?.(at);
        yield piece;
      }
    },
    freeze() {
      const ends = { isEnded: ending !== undefined, isTruncated: ending?.truncated === true };
      return { ...kept.freeze(), pending: Buffer.concat(pending), ...ends };
    },
    async remove() {
      isRemoved = true;
      notify();
      await writing;
      await kept.remove();
    },
    async save() {
      await writing;
      isRemoved = true;
      notify();
      await kept.save();
    },
  };
}
