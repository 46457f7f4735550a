/** Owns the timeouts of tests with real programs. They are long: they catch hangs and measure nothing. */

/**
 * For one step: a boot, a command, an answer. An emulated guest on a busy machine needs about 20 s for it.
 */
export const STEP_TIMEOUT_MS = 240_000;

/** The default deadline of calls. The program's default of 10 s is too short for such a guest. */
export const CALL_TIMEOUT_SECONDS = 120;

/** For a whole test, or its `beforeAll`. */
export const TEST_TIMEOUT_MS = 600_000;
