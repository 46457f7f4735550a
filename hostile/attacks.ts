/** THE TABLE of attacks. */
import type { Attack } from "./attack.ts";
import { BROKEN_ATTACKS } from "./attacks/broken.ts";
import { CALL_ATTACKS } from "./attacks/calls.ts";
import { LOCAL_ATTACKS } from "./attacks/local.ts";
import { NO_ANSWER_ATTACKS } from "./attacks/no-answer.ts";

/** Every attack, by its name. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  ...NO_ANSWER_ATTACKS,
  ...CALL_ATTACKS,
  ...BROKEN_ATTACKS,
  ...LOCAL_ATTACKS,
};

/** The name of the case in which each attacker makes another attack. */
export const MIXED = "mixed";

/** The attacks of the case `mixed`, one for each attacker in turn. */
export const MIXED_ATTACKS: readonly string[] = [
  "notices-of-values",
  "pings",
  "credit",
  "answers",
  "duplicates",
  "stream-data",
  "unknown-commands",
  "calls-of-values",
  "legacy-lists",
  "hellos",
  "new-connections",
  "unnumbered-lists",
];
