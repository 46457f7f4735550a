/** Things that clients leave behind in an agent, by number: they are bounded, and go after a time of rest. */

/** The things of one kind. */
export type KeptItems<Item> = {
  /** Keeps a thing under a number. Returns false if there are too many. */
  add(number: number, item: Item): boolean;
  /** Returns the thing of that number, which is in use then. */
  find(number: bigint): Item | undefined;
  remove(number: bigint): void;
  /** The number of things. */
  readonly count: number;
  /** Removes those that were not in use for a time. */
  expire(nowMs: number): void;
};

/** `most`: how many there may be. `isIdle`: whether one may go now. `drop`: gives back what it holds. */
export type KeptOptions<Item> = {
  most: number;
  idleMs: number;
  now: () => number;
  isIdle: (item: Item) => boolean;
  drop: (item: Item) => void;
};

/** Creates an empty set. With too many, the one that rests longest goes. */
export function createKeptItems<Item>(options: KeptOptions<Item>): KeptItems<Item> {
  const { most, idleMs, now, isIdle, drop } = options;
  /** In the order of their last use. */
  const items = new Map<number, { item: Item; usedMs: number }>();
  const forget = (number: number, item: Item): void => {
    items.delete(number);
    drop(item);
  };
  return {
    get count() {
      return items.size;
    },
    add(number, item) {
      if (items.size >= most) {
        const oldest = [...items].find(([, kept]) => isIdle(kept.item));
        if (oldest === undefined) return false;
        forget(oldest[0], oldest[1].item);
      }
      items.set(number, { item, usedMs: now() });
      return true;
    },
    find(number) {
      const key = Number(number);
      const kept = items.get(key);
      if (kept === undefined) return undefined;
      items.delete(key);
      items.set(key, { item: kept.item, usedMs: now() });
      return kept.item;
    },
    remove: (number) => void items.delete(Number(number)),
    expire(nowMs) {
      for (const [number, { item, usedMs }] of items)
        if (nowMs - usedMs > idleMs && isIdle(item)) forget(number, item);
    },
  };
}
