/** Owns tests in which a short time has to pass: on a busy machine it passes before there was anything to see. */

const FIRST_MS = 100;
const LONGEST_MS = 12_800;

/**
 * Makes attempts, each with twice the time of the one before, and gives the first outcome that `isTelling`. After the
 * longest it gives what there is, so that the test shows what is wrong with it.
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
