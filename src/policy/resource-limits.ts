/** The bounds that a command can have; `process/command-cgroup.ts` sets them. */
import * as v from "valibot";

/** A program needs about a megabyte to start at all. */
const LEAST_BYTES = 1024 * 1024;

/** The most memory of a command with all its processes, in bytes. */
export const MemoryMaxBytes = v.pipe(v.number(), v.safeInteger(), v.minValue(LEAST_BYTES));

/** The most processes and threads of a command at once. The kernel has no larger number (PID_MAX_LIMIT). */
export const TasksMax = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(4_194_304));
