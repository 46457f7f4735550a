/** Owns channels in memory: a pair of them, each the far end of the other, under the control of a test. */
import { createCondition } from "../../src/channels/condition.ts";
import { closedError } from "../../src/channels/failure.ts";
import type { Channel } from "../../src/wire/channel.ts";

/** `capacityBytes`: `write` waits while that many bytes are unread in its direction; 64 KiB by default. */
export type MemoryPairOptions = { labels?: readonly [string, string]; capacityBytes?: number };

/** An index of `ends`. */
export type End = 0 | 1;

/** Both ends, and what a test does to the bytes between them. */
export type MemoryPair = {
  readonly ends: readonly [Channel, Channel];
  /** How many bytes were written at `from` and not delivered yet. */
  inFlightBytes(from: End): number;
  /**
   * Delivers up to `maxBytes` (all by default) that were written at `from`, and returns how many bytes that
   * were. `pieceBytes` gives the size of each piece, at least 1; without it they arrive in one piece.
   */
  deliver(from: End, maxBytes?: number, pieceBytes?: () => number): number;
  /** Delivers all bytes at once from now on. */
  flow(): void;
  /** Loses the bytes in flight and ends both iterations, each after the delivered bytes. */
  cut(): void;
  /** Cuts after the first `keptBytes(n)` of the n bytes in flight in each direction have arrived. */
  tear(keptBytes: (inFlightBytes: number) => number): void;
};

/**
 * Creates both ends. Bytes written before an end closes can still be delivered; then the far end's iteration
 * ends. Uses neither timers nor random numbers.
 */
export function createMemoryPair({
  labels = ["memory 0", "memory 1"],
  capacityBytes = 64 * 1024,
}: MemoryPairOptions = {}): MemoryPair {
  const wires = [createWire(labels[0], capacityBytes), createWire(labels[1], capacityBytes)] as const;
  const tear = (keptBytes: (inFlightBytes: number) => number): void => {
    for (const wire of wires) {
      wire.deliver(keptBytes(wire.inFlightBytes));
      wire.end("cut");
    }
  };
  return {
    ends: [createEnd(labels[0], wires[0], wires[1]), createEnd(labels[1], wires[1], wires[0])],
    inFlightBytes: (from) => wires[from].inFlightBytes,
    deliver: (from, maxBytes, pieceBytes) => wires[from].deliver(maxBytes, pieceBytes),
    flow: () => wires.forEach((wire) => wire.flow()),
    cut: () => tear(() => 0),
    tear,
  };
}

function createEnd(label: string, outgoing: Wire, incoming: Wire): Channel {
  const close = async (): Promise<void> => {
    outgoing.end("finished");
    incoming.closeReader();
  };
  return {
    label,
    [Symbol.asyncIterator]: () => incoming.read(),
    write: (bytes) => outgoing.write(bytes),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** One direction. `finished` lets the reader have all written bytes, `cut` only the delivered ones. */
type Wire = {
  readonly inFlightBytes: number;
  write(bytes: Uint8Array): Promise<void>;
  read(): AsyncGenerator<Uint8Array, void>;
  deliver(maxBytes?: number, pieceBytes?: () => number): number;
  flow(): void;
  end(next: "finished" | "cut"): void;
  closeReader(): void;
};

function createWire(label: string, capacityBytes: number): Wire {
  const delivered: Uint8Array[] = [];
  let inFlight = new Uint8Array(0);
  let deliveredBytes = 0;
  let state: "open" | "finished" | "cut" = "open";
  let isFlowing = false;
  const readable = createCondition();
  const writable = createCondition();

  const deliver = (maxBytes = Infinity, pieceBytes = (): number => inFlight.length): number => {
    const total = Math.min(maxBytes, inFlight.length);
    for (let left = total; left > 0;) {
      const size = Math.min(Math.max(pieceBytes(), 1), left);
      delivered.push(inFlight.slice(0, size));
      inFlight = inFlight.slice(size);
      deliveredBytes += size;
      left -= size;
    }
    readable.notify();
    return total;
  };
  const end = (next: "finished" | "cut"): void => {
    state = state === "cut" ? "cut" : next;
    if (state === "cut") inFlight = new Uint8Array(0);
    readable.notify();
    writable.notify();
  };

  return {
    get inFlightBytes() {
      return inFlight.length;
    },
    async write(bytes) {
      for (let start = 0; ;) {
        if (state !== "open") throw closedError(label);
        const room = capacityBytes - inFlight.length - deliveredBytes;
        const taken = bytes.subarray(start, start + Math.max(room, 0));
        inFlight = Uint8Array.from(Buffer.concat([inFlight, taken]));
        start += taken.length;
        if (isFlowing) deliver();
        if (start >= bytes.length) return;
        await writable.wait();
      }
    },
    async *read() {
      for (;;) {
        const piece = delivered.shift();
        if (piece !== undefined) {
          deliveredBytes -= piece.length;
          writable.notify();
          yield piece;
        } else if (state === "cut" || (state === "finished" && inFlight.length === 0)) {
          return;
        } else {
          await readable.wait();
        }
      }
    },
    deliver,
    flow() {
      isFlowing = true;
      deliver();
    },
    end,
    closeReader() {
      delivered.length = deliveredBytes = 0;
      end("cut");
    },
  };
}
