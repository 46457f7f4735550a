/** The memory that all peers of this process share. */
import { DEFAULT_LIMITS } from "../limits.ts";
import { createMemory } from "../wire/memory.ts";

/** The memory of this process. A daemon sets its limit when it starts. */
export const MEMORY = createMemory(DEFAULT_LIMITS.sharedBytes);
