/** How the detached commands of tests end. */
import type { ExecuteResult } from "../../../src/methods/execute-schemas.ts";

/** The result of a command that has ended itself. */
export const ENDED_RESULT: ExecuteResult = { exitCode: 3, signal: null, endedBy: "command", durationMs: 12 };

/** Both its outputs are whole. */
export const UNTRUNCATED = { stdout: { truncated: false }, stderr: { truncated: false } };
