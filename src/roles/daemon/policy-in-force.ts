/** The policy that a daemon decides by, and whether the files have changed since they were read. */
import { findPolicyFile, isUnread } from "../../config/config.ts";
import type { Config } from "../../config/config.ts";
import { NegotiatorError } from "../../errors.ts";
import type { Policy } from "../../policy/policy.ts";
import { fingerprintPolicy, loadPolicy, NO_POLICY } from "../../policy/policy-file.ts";
import type { PolicyFile } from "../../policy/policy-file.ts";
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
  /** Says which file the daemon has not read as it is now, and what to do; undefined if there is none. */
  readonly unread: string | undefined;
  /** Judges a call by it. Rejects as `checkCall` does. */
  check(request: PolicyRequest, sources: CheckSources): Promise<DaemonVerdict>;
  /** Reads the file again; the path may be another one. */
  reload(config: Config): void;
};

/** Reads the policy. A failure is logged, and denies everything. */
export function createPolicyInForce(role: "host" | "guest", first: Config): PolicyInForce {
  const locate = (from: Config): PolicyFile => ({
    ...findPolicyFile(from),
    loadedBy: `negotiator ${role} reload`,
  });
  let config = first;
  let file = locate(config);
  let fingerprint = fingerprintPolicy(file);
  let policy = loadPolicy(file);
  const explainStale = (): string | undefined => {
    const now = fingerprintPolicy(file);
    if (now === fingerprint) return undefined;
    const isGone = now === NO_POLICY && file.setBy === undefined;
    return isGone
      ? explainGone(role, file.path)
      : explainUnread(role, `the policy "${printable(file.path)}"`);
  };
  return {
    get policy() {
      return policy;
    },
    get problem() {
      return policy.kind === "invalid" ? policy.problem : undefined;
    },
    get unread() {
      const path = printable(config.file.path);
      return isUnread(config) ? explainUnread(role, `the config "${path}"`) : explainStale();
    },
    async check(request, sources) {
      const stale = explainStale() ?? null;
      if (policy.kind === "invalid") throw unusable(policy.problem, stale);
      return { ...(await checkCall(policy, request, sources)), stale };
    },
    reload(next) {
      config = next;
      file = locate(next);
      fingerprint = fingerprintPolicy(file);
      policy = loadPolicy(file, policy);
    },
  };
}

function explainUnread(role: "host" | "guest", file: string): string {
  return `The ${role}'s daemon has not read ${file} as it is now\nLoad it: negotiator ${role} reload`;
}

/** Only a new start leads from a policy to none. */
function explainGone(role: "host" | "guest", path: string): string {
  const gone = `The ${role}'s daemon has a policy, and the file "${printable(path)}" is gone`;
  return [
    `${gone}: a reload would deny every call`,
    `Restart the daemon to run without a policy: systemctl restart negotiator-${role}`,
  ].join("\n");
}

function unusable(problem: string, stale: string | null): NegotiatorError {
  return new NegotiatorError("BAD_CONFIG", stale === null ? problem : `${problem}\n${stale}`);
}
