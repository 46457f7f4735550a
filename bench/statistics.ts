/** Owns rounds and medians. */

/** One way of doing something. Measures it once, and returns the figure. */
export type Lane = () => Promise<number>;

/** Returns the middle figure, or the mean of both middle ones. Throws without figures. */
export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new Error("There are no figures");
  return (lower + upper) / 2;
}

/**
 * Measures every lane once a round, so that a busy minute of the machine slows all of them. Returns the
 * median of each lane.
 */
export async function measureRounds<Name extends string>(
  lanes: Readonly<Partial<Record<Name, Lane>>>,
  rounds: number,
): Promise<(name: Name) => number> {
  const figures = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, lane] of Object.entries<Lane | undefined>(lanes)) {
      if (lane === undefined) continue;
      figures.set(name, [...(figures.get(name) ?? []), await lane()]);
    }
  }
  return (name) => median(figures.get(name) ?? []);
}

/** Calls `work` `count` times, one after the other. Returns the milliseconds of each call. */
export async function timeEach(count: number, work: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let done = 0; done < count; done++) {
    const startMs = performance.now();
    await work();
    times.push(performance.now() - startMs);
  }
  return times;
}
