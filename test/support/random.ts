/** Owns reproducible random numbers: the same seed gives the same numbers. */

/** A generator of random values. */
export type Random = {
  /** An integer from 0 to `below` - 1. */
  below(below: number): number;
  /** True in one of `times` cases. */
  oneIn(times: number): boolean;
  bytes(length: number): Uint8Array;
  pick<T>(items: readonly T[]): T;
};

/** Creates a mulberry32 generator, with 32 bits of state. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (limit: number): number => next() % limit;
  return {
    below,
    oneIn: (times) => below(times) === 0,
    bytes: (length) => Uint8Array.from({ length }, () => below(256)),
    pick(items) {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error("Cannot pick from an empty list");
      return item;
    },
  };
}

/** Returns the seed of this run: `NEGOTIATOR_TEST_SEED`, or a new one. */
export function chooseSeed(): number {
  const given = process.env["NEGOTIATOR_TEST_SEED"];
  return given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
}
