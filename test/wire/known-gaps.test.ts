/** What src/wire does not do, each with the smallest case that shows it. A gap that is closed moves to its own file. */
import { describe, expect, test } from "bun:test";
import { findLost, FRESH, TORN } from "./frames/torn-frames.ts";

describe("behind the torn start of a counted frame", () => {
  // An answer to a hello has no count in front, so that nothing shows where it begins inside of a counted frame cut off
  // between two tokens; behind a torn count it is taken for the counted object, and is longer. It does not happen in a
  // session: only a dialler waits for an answer, and it has a fresh framer for every hello, which a peer answers last.
  const torn = Object.entries(TORN).filter(([head]) => !head.startsWith("native"));
  test.failing.each(torn)("%s, a hello answer comes out of the same framer", (_head, bytes) => {
    expect(findLost(bytes, "start", FRESH["hello answer"])).toEqual([]);
  });
});
