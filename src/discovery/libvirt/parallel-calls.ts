/** Makes a few calls of virsh at the same time. */

/** A `virsh` call takes 15–35 ms of one processor, so more of them would slow down the host's own work. */
export const PARALLEL_CALLS = 4;

/** Resolves with the results in the order of `items`. At most `limit` of them are worked on at once. */
export async function mapBounded<Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = items.entries();
  const workThrough = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: limit }, workThrough));
  return results;
}
