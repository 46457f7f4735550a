/** Holds the first bytes of a stream back while they may be the words of a helper, not of the command. */
import type { ByteSink } from "./pump.ts";

/** A sink before the command's own. */
export type HeldOutput = ByteSink & {
  /** Whether the bytes so far may be the beginning of the helper's words, or there are none. */
  readonly isOpen: boolean;
  /** The helper's words without its name; undefined if it has said nothing. */
  readonly said: string | undefined;
  /** Passes on what is held: it is the command's. */
  passOn(): Promise<void>;
  /** Returns what is held; undefined when nothing is held any longer. */
  freeze(): FrozenOutput | undefined;
};

/** Held bytes as plain data, with the name of the helper. */
export type FrozenOutput = { name: string; bytes: Uint8Array };

/** Words of a helper are short. More than this are the command's. */
const MOST_BYTES = 64 * 1024;

/**
 * `name` is the word by which the helper was called, with which each of its messages begins. `first` are
 * bytes that were held before.
 */
export function holdOutput(name: string, sink: ByteSink, first?: Uint8Array): HeldOutput {
  const start = Buffer.from(`${name}: `);
  let held: Buffer | undefined = Buffer.from(first ?? []);
  const isFull = (bytes: Buffer): boolean => bytes.length >= start.length;
  return {
    get isOpen() {
      return held !== undefined;
    },
    get said() {
      return held !== undefined && isFull(held) ? held.subarray(start.length).toString() : undefined;
    },
    freeze: () => held && { name, bytes: held },
    async passOn() {
      const rest = held;
      held = undefined;
      if (rest !== undefined && rest.length > 0) await sink.write(rest);
    },
    async write(bytes) {
      if (held === undefined) return sink.write(bytes);
      held = Buffer.concat([held, bytes]);
      const length = Math.min(held.length, start.length);
      const fits = held.subarray(0, length).equals(start.subarray(0, length));
      if (fits && held.length <= MOST_BYTES) return undefined;
      const all = held;
      held = undefined;
      return sink.write(all);
    },
  };
}
