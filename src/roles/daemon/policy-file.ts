/** The policy that a daemon goes by: what stands in its file at the start and at each reload. */
import { readPolicy } from "../../config/config.ts";
import type { Config } from "../../config/config.ts";
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { denyAll } from "../../policy/policy.ts";
import type { Policy } from "../../policy/policy.ts";
import { printable } from "../../printable.ts";

const log = logFor("policy");

/**
 * The policy as it is now; `before` is the one that a reload replaces. One that cannot be read denies everything, loudly:
 * an administrator who wrote one wants it to hold. So does one that has vanished: from a policy to none leads only a start.
 */
export function loadPolicy(config: Config, before?: Policy): Policy {
  try {
    const policy = readPolicy(config);
    const isGone = policy.kind === "default" && before !== undefined && before.kind !== "default";
    if (isGone) throw vanished(config.settings.policyFile);
    return policy;
  } catch (thrown) {
    const problem = NegotiatorError.from(thrown).message;
    log.error(`Every call is denied until the policy is mended: ${problem}`);
    return denyAll(problem);
  }
}

function vanished(path: string): NegotiatorError {
  const condition = "there is no such file, and there was a policy before";
  return new NegotiatorError("BAD_CONFIG", `Cannot read the policy "${printable(path)}": ${condition}`, {
    remedy: "Put one there, or start the daemon anew to go on without a policy",
  });
}
