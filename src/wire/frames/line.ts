/** Cuts bytes into lines of a limited length. */
import type { NegotiatorError } from "../../errors.ts";
import type { MemoryShare } from "../memory.ts";
import { GAVE_WAY, tooLong } from "./refusals.ts";
import { createCollector } from "./collector.ts";

/**
 * `taken` is how many bytes were used. `line` is a line that ends here, without its LF; `refused` stands for
 * one that was thrown away. `isAlone`: the buffer of the line has nothing else.
 */
export type LineStep = { taken: number; line?: Uint8Array; isAlone?: true; refused?: NegotiatorError };

/** Cuts lines. */
export type LineCutter = {
  /** Whether a line has begun. */
  readonly hasBegun: boolean;
  /** Takes bytes up to the next LF. A line over the limit is thrown away, and reported at its end. */
  take(bytes: Uint8Array): LineStep;
  /** Returns the bytes of the begun line, which stay. */
  peek(): Uint8Array;
  /** Throws the begun line away. */
  drop(): void;
};

const LF = 0x0a;

/** Creates a cutter for lines of at most `limitBytes`. Unfinished ones are in the memory of all peers. */
export function createLineCutter(limitBytes: number, memory?: MemoryShare): LineCutter {
  const begun = createCollector(limitBytes, memory);

  const endLine = (part: Uint8Array, taken: number): LineStep => {
    if (begun.length === 0)
      return part.length <= limitBytes ? { taken, line: part } : { taken, refused: tooLong(limitBytes) };
    begun.add(part);
    const { isOver, gaveWay } = begun;
    const line = begun.take();
    return isOver
      ? { taken, refused: gaveWay ? GAVE_WAY : tooLong(limitBytes) }
      : { taken, line, isAlone: true };
  };

  return {
    get hasBegun() {
      return begun.length > 0;
    },
    take(bytes) {
      const end = bytes.indexOf(LF);
      if (end !== -1) return endLine(bytes.subarray(0, end), end + 1);
      begun.add(bytes);
      return { taken: bytes.length };
    },
    peek: () => begun.peek(),
    drop: () => begun.drop(),
  };
}
