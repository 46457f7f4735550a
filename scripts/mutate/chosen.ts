/** THE LIST of chosen faults: those that would hurt most if no test noticed them. */
import { CHOSEN_LIMITS } from "./chosen-limits.ts";
import { CHOSEN_STREAMS } from "./chosen-streams.ts";
import { CHOSEN_TRUST } from "./chosen-trust.ts";
import type { Fault } from "./fault.ts";

/** All chosen faults. */
export const CHOSEN: readonly Fault[] = [...CHOSEN_TRUST, ...CHOSEN_STREAMS, ...CHOSEN_LIMITS];
