/** Reads what a daemon's services need at its start. No file system can hold up this thread meanwhile. */
import { stat } from "node:fs/promises";
import { findPolicyFile } from "../../config/config.ts";
import type { Config } from "../../config/config.ts";
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { readPolicyPartsLate } from "../../policy/policy-parts.ts";
import type { PolicyReading } from "../../policy/policy-parts.ts";
import { STATE_FILES } from "../../process/file-turns.ts";

/** The files of the policy, and whether the file system of the daemon's state has answered. */
export type FirstFiles = { policy: PolicyReading; isStateReachable: boolean };

const log = logFor("daemon");

/** Resolves with them. Logs a state that cannot be reached. Never rejects. */
export async function readFirstFiles(config: Config): Promise<FirstFiles> {
  const [policy, isStateReachable] = await Promise.all([
    readPolicyPartsLate(findPolicyFile(config).path),
    doesAnswer(config.settings.detached.directory),
  ]);
  return { policy, isStateReachable };
}

async function doesAnswer(directory: string): Promise<boolean> {
  try {
    await STATE_FILES.run(() => stat(directory).catch(() => undefined));
    return true;
  } catch (thrown) {
    log.error(`The detached calls of before are forgotten: ${NegotiatorError.from(thrown).message}`);
    return false;
  }
}
