/** Two channels in memory, each the far end of the other; their owner delivers, cuts and tears what is under way. */
import type { Channel } from "../../src/wire/channel.ts";
import { createMemoryWire } from "./memory-wire.ts";

/** `capacityBytes`: `write` waits while so much is unread in its direction; 64 KiB by default. */
export type MemoryPairOptions = { labels?: readonly [string, string]; capacityBytes?: number };

/** Index in `ends`. */
export type End = 0 | 1;

export type MemoryPair = {
  readonly ends: readonly [Channel, Channel];
  /** Bytes that were written at `from` and not delivered yet. */
  inFlightBytes(from: End): number;
  /**
   * Hands up to `maxBytes` (all by default) that were written at `from` to the other end, in pieces of the sizes that
   * `pieceBytes` gives, each at least 1; in one piece without it. Returns how many bytes that were.
   */
  deliver(from: End, maxBytes?: number, pieceBytes?: () => number): number;
  /** From now on, delivers at once whatever is written. */
  flow(): void;
  /** Loses what is under way and ends both iterations, each after what was delivered. */
  cut(): void;
  /** The same, after the first `keptBytes(n)` of the n bytes under way in each direction have arrived. */
  tear(keptBytes: (inFlightBytes: number) => number): void;
};

/** Bytes written before an end is closed can still be delivered; the far end's iteration then ends. No timers, no chance. */
export function createMemoryPair({
  labels = ["memory 0", "memory 1"],
  capacityBytes = 64 * 1024,
}: MemoryPairOptions = {}): MemoryPair {
  const wires = [
    createMemoryWire(labels[0], capacityBytes),
    createMemoryWire(labels[1], capacityBytes),
  ] as const;
  const createEnd = (index: End): Channel => {
    const out = wires[index];
    const incoming = wires[index === 0 ? 1 : 0];
    const close = async (): Promise<void> => {
      out.finish();
      incoming.abandon();
    };
    return {
      label: labels[index],
      [Symbol.asyncIterator]: () => incoming.read(),
      write: (bytes) => out.write(bytes),
      close,
      [Symbol.asyncDispose]: close,
    };
  };
  const tear = (keptBytes: (inFlightBytes: number) => number): void => {
    for (const wire of wires) {
      wire.deliver(keptBytes(wire.inFlightBytes));
      wire.cut();
    }
  };
  return {
    ends: [createEnd(0), createEnd(1)],
    inFlightBytes: (from) => wires[from].inFlightBytes,
    deliver: (from, maxBytes, pieceBytes) => wires[from].deliver(maxBytes, pieceBytes),
    flow: () => wires.forEach((wire) => wire.flow()),
    cut: () => tear(() => 0),
    tear,
  };
}
