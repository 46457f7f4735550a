/** How long tests on real machines wait before they call something hung. It measures nothing: a slow machine has its time. */

/** For one thing: a boot, a command, an answer. An emulated guest on a busy machine takes some twenty seconds for it. */
export const STEP_PATIENCE_MS = 240_000;

/** The deadline of a call that says none; the program's default of ten seconds is too short for such a guest. */
export const CALL_PATIENCE_SECONDS = 120;

/** For a whole test, or what goes before it. */
export const TEST_PATIENCE_MS = 600_000;
