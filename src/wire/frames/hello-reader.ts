/** Finds hellos wherever they stand in the bytes of a listener's channel, and reads them. */
import { UNASKED_MARKS } from "../../limits.ts";
import { native } from "../dialects/native.ts";
import type { MemoryShare } from "../memory.ts";
import { parseJsonObject } from "../json.ts";
import type { Message } from "../message.ts";
import { createLineCutter } from "./line.ts";
import { createOpeningFinder, HELLO_OPENING } from "./openings.ts";

/**
 * `taken` is how many bytes were used. `end` is there when the line ended: with its hello, if it is one, and
 * how many bytes were parsed.
 */
export type HelloStep = { taken: number; end?: { message: Message | undefined; parsedBytes: number } };

/** Reads one hello after the other. */
export type HelloReader = {
  /** Whether a hello has begun and is not complete. */
  readonly hasBegun: boolean;
  /**
   * Returns where the first marker that ends in these bytes begins. A negative place is in earlier bytes. The
   * bytes after the marker have to be passed again, after `start`.
   */
  find(bytes: Uint8Array): number | undefined;
  /** A marker was found: the hello begins, and one that had begun before is thrown away. */
  start(): void;
  /** Takes bytes up to the end of the hello at most. */
  take(bytes: Uint8Array): HelloStep;
  /** Returns the bytes of the begun hello, which stay. */
  peek(): Uint8Array;
  /** Throws the begun hello away. */
  drop(): void;
  /** Begins with the bytes of another channel. */
  reset(): void;
};

/** Creates a reader for hellos of at most `lineBytes`. */
export function createHelloReader(lineBytes: number, memory?: MemoryShare): HelloReader {
  const line = createLineCutter(lineBytes, memory);
  let markers = createOpeningFinder(HELLO_OPENING);

  return {
    get hasBegun() {
      return line.hasBegun;
    },
    find: (bytes) => markers.find(bytes),
    start() {
      line.drop();
      line.take(HELLO_OPENING);
    },
    take(bytes) {
      const cut = line.take(bytes);
      const { taken, line: found, refused } = cut;
      if (found !== undefined)
        return { taken, end: { message: decodeHello(found), parsedBytes: found.length } };
      return refused === undefined ? { taken } : { taken, end: { message: undefined, parsedBytes: 0 } };
    },
    peek: () => line.peek(),
    drop: () => line.drop(),
    reset() {
      line.drop();
      markers = createOpeningFinder(HELLO_OPENING);
    },
  };
}

function decodeHello(line: Uint8Array): Message | undefined {
  try {
    const message = native.decode(parseJsonObject(line, UNASKED_MARKS));
    return message.kind === "request" ? message : undefined;
  } catch {
    return undefined;
  }
}
