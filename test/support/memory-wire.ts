/** One direction of a memory channel: bytes under way, bytes delivered and not read yet, and both together bounded. */
import { createCondition } from "../../src/channels/condition.ts";
import { closedError } from "../../src/channels/failure.ts";

export type MemoryWire = {
  readonly inFlightBytes: number;
  write(bytes: Uint8Array): Promise<void>;
  read(): AsyncGenerator<Uint8Array, void>;
  deliver(maxBytes?: number, pieceBytes?: () => number): number;
  flow(): void;
  /** The writer has closed: reading ends after all that it wrote. */
  finish(): void;
  /** The reader has closed: nothing is read or taken any more. */
  abandon(): void;
  /** Nothing passes any more; what was delivered can still be read. */
  cut(): void;
};

/** `label` is the writing end's. `write` copies what it takes, and waits while `capacityBytes` are unread. */
export function createMemoryWire(label: string, capacityBytes: number): MemoryWire {
  const delivered: Uint8Array[] = [];
  let inFlight = new Uint8Array(0);
  let deliveredBytes = 0;
  let state: "open" | "finished" | "cut" = "open";
  let isFlowing = false;
  const readerBell = createCondition();
  const writerBell = createCondition();

  const deliver = (maxBytes = Infinity, pieceBytes = (): number => inFlight.length): number => {
    const total = Math.min(maxBytes, inFlight.length);
    for (let left = total; left > 0;) {
      const size = Math.min(Math.max(pieceBytes(), 1), left);
      delivered.push(inFlight.slice(0, size));
      inFlight = inFlight.slice(size);
      deliveredBytes += size;
      left -= size;
    }
    readerBell.notify();
    return total;
  };
  const end = (next: "finished" | "cut"): void => {
    state = state === "cut" ? "cut" : next;
    if (state === "cut") inFlight = new Uint8Array(0);
    readerBell.notify();
    writerBell.notify();
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
        await writerBell.wait();
      }
    },
    async *read() {
      for (;;) {
        const piece = delivered.shift();
        if (piece !== undefined) {
          deliveredBytes -= piece.length;
          writerBell.notify();
          yield piece;
        } else if (state === "cut" || (state === "finished" && inFlight.length === 0)) {
          return;
        } else {
          await readerBell.wait();
        }
      }
    },
    deliver,
    flow() {
      isFlowing = true;
      deliver();
    },
    finish: () => end("finished"),
    abandon() {
      delivered.length = deliveredBytes = 0;
      end("cut");
    },
    cut: () => end("cut"),
  };
}
