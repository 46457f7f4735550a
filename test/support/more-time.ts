/** Retries tests that wait for a short time, which may be too short on a busy machine. */

const FIRST_MS = 100;
const LONGEST_MS = 12_800;

/**
 * Repeats `attempt` with twice the time until its outcome `isTelling`, and returns that outcome. After the
 * longest time it returns the last outcome, so that the test shows what is wrong with it.
 */
export async function withMoreTime<Outcome>(
  attempt: (timeMs: number) => Promise<Outcome>,
  isTelling: (outcome: Outcome) => boolean,
): Promise<Outcome> {
  for (let timeMs = FIRST_MS; ; timeMs *= 2) {
    const outcome = await attempt(timeMs);
    if (isTelling(outcome) || timeMs >= LONGEST_MS) return outcome;
  }
}
