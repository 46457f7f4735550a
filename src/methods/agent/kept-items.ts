/** Things that clients leave behind in an agent, by number: they are bounded, and go after a time of rest. */

/** The things of one kind. */
export type KeptItems<Item> = {
  /** Takes the place of a thing that is about to come. Returns undefined if there are too many. */
  reserve(): Place<Item> | undefined;
  /** Returns the thing of that number, which is in use then. */
  find(number: bigint): Item | undefined;
  remove(number: bigint): void;
  /** The number of things. */
  readonly count: number;
  /** Removes those that were not in use for a time. */
  expire(nowMs: number): void;
};

/** A place that nothing has yet. `keep` gives it to a thing, disposing gives it back. */
export type Place<Item> = Disposable & { keep(number: number, item: Item): void };

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
  /** The number of places that nothing has yet. */
  let reserved = 0;
  const forget = (number: number, item: Item): void => {
    items.delete(number);
    drop(item);
  };
  return {
    get count() {
      return items.size;
    },
    reserve() {
      const busy = items.values().reduce((count, { item }) => count + (isIdle(item) ? 0 : 1), 0);
      if (busy + reserved >= most) return undefined;
      reserved++;
      let isOpen = true;
      const close = (): void => {
        if (isOpen) reserved--;
        isOpen = false;
      };
      return {
        keep(number, item) {
          const oldest = items.size < most ? undefined : [...items].find(([, kept]) => isIdle(kept.item));
          if (oldest !== undefined) forget(oldest[0], oldest[1].item);
          items.set(number, { item, usedMs: now() });
          close();
        },
        [Symbol.dispose]: close,
      };
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
