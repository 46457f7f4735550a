/** Joins the deadline of a caller and the limit of the side that runs or passes on its call. */

/**
 * The milliseconds from now until the deadline of a run, 0 for none. `isOurs`: this side has set it, not the
 * caller.
 */
export type RunLimit = { timeoutMs: number; isOurs: boolean };

/** Returns the shorter one. 0 and undefined mean that there is none. */
export function limitRun(askedMs: number | undefined, allowedMs: number | undefined): RunLimit {
  const timeoutMs = shortest([askedMs, allowedMs]);
  return { timeoutMs, isOurs: timeoutMs > 0 && timeoutMs !== askedMs };
}

/** Returns the shortest of several deadlines in milliseconds. 0 and undefined mean that there is none. */
export function shortest(deadlines: readonly (number | undefined)[]): number {
  const set = deadlines.filter((deadline) => deadline !== undefined && deadline > 0);
  return set.length === 0 ? 0 : Math.min(...set.map(Number));
}
