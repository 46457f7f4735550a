/** The policy that a daemon decides by, and whether the files have changed since they were read. */
import { findPolicyFile, isUnread } from "../../config/config.ts";
import type { Config } from "../../config/config.ts";
import { NegotiatorError } from "../../errors.ts";
import type { Policy } from "../../policy/policy.ts";
import { fingerprintPolicy, loadPolicy, NO_POLICY } from "../../policy/policy-file.ts";
import type { PolicyFile } from "../../policy/policy-file.ts";
import { readPolicyPartsLate } from "../../policy/policy-parts.ts";
import type { PolicyReading } from "../../policy/policy-parts.ts";
import type { PolicyRequest } from "../../policy/rule-match.ts";
import { printable } from "../../printable.ts";
import { checkCall } from "./call-check.ts";
import type { CheckSources } from "./call-check.ts";
import type { DaemonVerdict } from "./policy-check-method.ts";

/** The policy in force. */
export type PolicyInForce = {
  /** The settings with which it was read. */
  readonly config: Config;
  readonly policy: Policy;
  /** The reason why it denies everything; undefined for a policy that can be used. */
  readonly problem: string | undefined;
  /**
   * Resolves with which file the daemon has not read as it is now, and what to do; undefined if there is
   * none.
   */
  findUnread(): Promise<string | undefined>;
  /** Judges a call by it. Rejects as `checkCall` does. */
  check(request: PolicyRequest, sources: CheckSources): Promise<DaemonVerdict>;
  /** Reads the files again; the path may be another one. Resolves when they are in force. Never rejects. */
  reload(config: Config): Promise<void>;
};

/** A caller of `status` waits a few seconds at most. */
const LOOK_MS = 1000;

/**
 * Returns the policy of the files that were read (`readPolicyPartsLate`). A failure is logged, and denies
 * everything. No file system can hold up this thread after that.
 */
export function createPolicyInForce(
  role: "host" | "guest",
  first: Config,
  firstReading?: PolicyReading,
): PolicyInForce {
  const locate = (from: Config): PolicyFile => ({
    ...findPolicyFile(from),
    loadedBy: `negotiator ${role} reload`,
  });
  let config = first;
  let file = locate(config);
  let fingerprint = fingerprintPolicy(file, firstReading);
  let policy = loadPolicy(file, undefined, firstReading);
  const findStale = async (): Promise<string | undefined> => {
    const { path, setBy } = file;
    const reading = await readPolicyPartsLate(path, LOOK_MS);
    const now = fingerprintPolicy(file, reading);
    if (now === fingerprint) return undefined;
    if (now === NO_POLICY && setBy === undefined) return explainGone(role, path);
    return findSilence(reading) ?? explainUnread(role, `the policy "${printable(path)}"`);
  };
  const findUnreadConfig = async (): Promise<string | undefined> => {
    try {
      const { path } = config.file;
      return (await isUnread(config, LOOK_MS))
        ? explainUnread(role, `the config "${printable(path)}"`)
        : undefined;
    } catch (thrown) {
      return NegotiatorError.from(thrown).message;
    }
  };
  return {
    get config() {
      return config;
    },
    get policy() {
      return policy;
    },
    get problem() {
      return policy.kind === "invalid" ? policy.problem : undefined;
    },
    async findUnread() {
      const [unread, stale] = await Promise.all([findUnreadConfig(), findStale()]);
      return unread ?? stale;
    },
    async check(request, sources) {
      const stale = (await findStale()) ?? null;
      if (policy.kind === "invalid") throw unusable(policy.problem, stale);
      return { ...(await checkCall(policy, request, sources)), stale };
    },
    async reload(next) {
      const nextFile = locate(next);
      const reading = await readPolicyPartsLate(nextFile.path);
      config = next;
      file = nextFile;
      fingerprint = fingerprintPolicy(file, reading);
      policy = loadPolicy(file, policy, reading);
    },
  };
}

/** Returns why the files do not answer; undefined if they do. */
function findSilence(reading: PolicyReading): string | undefined {
  try {
    reading();
    return undefined;
  } catch (thrown) {
    const { code, message } = NegotiatorError.from(thrown);
    return code === "TIMEOUT" ? message : undefined;
  }
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
