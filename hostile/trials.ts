/** THE TABLE of trials. */
import type { Trial } from "./trial.ts";
import { ANSWER_TRIALS } from "./trials/answers.ts";
import { AUDIT_TRIALS } from "./trials/audit.ts";
import { CHANNEL_TRIALS } from "./trials/channels.ts";
import { COMMAND_TRIALS } from "./trials/commands.ts";
import { MEMORY_TRIALS } from "./trials/memory.ts";
import { POLICY_TRIALS } from "./trials/policy.ts";
import { PROCESS_TRIALS } from "./trials/processes.ts";

/** Every trial, by its name. */
export const TRIALS: Readonly<Record<string, Trial>> = {
  ...AUDIT_TRIALS,
  ...POLICY_TRIALS,
  ...MEMORY_TRIALS,
  ...COMMAND_TRIALS,
  ...PROCESS_TRIALS,
  ...CHANNEL_TRIALS,
  ...ANSWER_TRIALS,
};
