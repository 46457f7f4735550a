/** Checks the tables `[[guests]]` of the config, for `check-config`. */
import { NegotiatorError } from "../../errors.ts";
import { DIALECTS } from "../../peers/dialects.ts";
import type { Invocation } from "../cli/subcommand.ts";
import { createFinders } from "./finders.ts";

/** Returns the problems; an empty list if there are none. */
export async function judgeGuests({ config, dialects = DIALECTS }: Invocation): Promise<string[]> {
  try {
    createFinders(config.settings, [], dialects);
    return [];
  } catch (thrown) {
    return [NegotiatorError.from(thrown).message];
  }
}
