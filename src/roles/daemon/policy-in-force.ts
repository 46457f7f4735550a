/** The policy that a daemon decides by, and whether its file has changed since it was read. */
import { findPolicyFile } from "../../config/config.ts";
import type { Config } from "../../config/config.ts";
import { NegotiatorError } from "../../errors.ts";
import type { Policy } from "../../policy/policy.ts";
import { fingerprintPolicy, loadPolicy } from "../../policy/policy-file.ts";
import type { PolicyRequest } from "../../policy/rule-match.ts";
import { printable } from "../../printable.ts";
import { checkCall } from "./call-check.ts";
import type { CheckSources } from "./call-check.ts";
import type { DaemonVerdict } from "./policy-check-method.ts";

/** The policy in force. */
export type PolicyInForce = {
  readonly policy: Policy;
  /** The reason why it denies everything; undefined for a policy that can be used. */
  readonly problem: string | undefined;
  /** Judges a call by it. Rejects as `checkCall` does. */
  check(request: PolicyRequest, sources: CheckSources): Promise<DaemonVerdict>;
  /** Reads the file again; the path may be another one. */
  reload(config: Config): void;
};

/** Reads the policy. A failure is logged, and denies everything. */
export function createPolicyInForce(role: "host" | "guest", first: Config): PolicyInForce {
  let file = findPolicyFile(first);
  let fingerprint = fingerprintPolicy(file);
  let policy = loadPolicy(file);
  return {
    get policy() {
      return policy;
    },
    get problem() {
      return policy.kind === "invalid" ? policy.problem : undefined;
    },
    async check(request, sources) {
      const isStale = fingerprintPolicy(file) !== fingerprint;
      const stale = isStale ? explainStale(role, file.path) : null;
      if (policy.kind === "invalid") throw unusable(policy.problem, stale);
      return { ...(await checkCall(policy, request, sources)), stale };
    },
    reload(next) {
      file = findPolicyFile(next);
      fingerprint = fingerprintPolicy(file);
      policy = loadPolicy(file, policy);
    },
  };
}

function explainStale(role: "host" | "guest", path: string): string {
  const changed = `The ${role}'s daemon has not read the policy "${printable(path)}" as it is now`;
  return `${changed}\nLoad it: negotiator ${role} reload`;
}

function unusable(problem: string, stale: string | null): NegotiatorError {
  return new NegotiatorError("BAD_CONFIG", stale === null ? problem : `${problem}\n${stale}`);
}
