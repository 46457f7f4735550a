/** Reads what a daemon's services need at its start. No file system can hold up this thread meanwhile. */
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { findPolicyFile } from "../../config/config.ts";
import type { Config } from "../../config/config.ts";
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { readPolicyPartsLate } from "../../policy/policy-parts.ts";
import type { PolicyReading } from "../../policy/policy-parts.ts";
import { STATE_FILES } from "../../process/file-turns.ts";
import { takeLeftKeptLate } from "./left-kept.ts";
import type { KeptPlace, TakenKept } from "./left-kept.ts";
import { keptPlace } from "./open-kept.ts";

/** The files of the policy, and the calls that were left: undefined if their file system does not answer. */
export type FirstFiles = { policy: PolicyReading; left: TakenKept | undefined };

const log = logFor("daemon");

/** Resolves with them. Logs a state that cannot be reached. Never rejects. `hasOwn`: see `takeLeftKept`. */
export async function readFirstFiles(
  role: "host" | "guest",
  config: Config,
  hasOwn: boolean,
): Promise<FirstFiles> {
  const [policy, left] = await Promise.all([
    readPolicyPartsLate(findPolicyFile(config).path),
    readLeft(keptPlace(role, config.settings, hasOwn)),
  ]);
  return { policy, left };
}

async function readLeft(place: KeptPlace): Promise<TakenKept | undefined> {
  try {
    // Later operations know by this one that the file system hangs.
    await STATE_FILES.run(() => stat(dirname(place.directory)).catch(() => undefined));
    return await takeLeftKeptLate(place);
  } catch (thrown) {
    log.error(`The detached calls of before are forgotten: ${NegotiatorError.from(thrown).message}`);
    return undefined;
  }
}
