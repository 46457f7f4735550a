/** The steps before a method runs: find it, validate the parameters, ask the policy, count the call. */
import type { AuditPeer } from "../audit/audit-line.ts";
import { NegotiatorError } from "../errors.ts";
import { decide } from "../policy/policy.ts";
import type { Decision, Policy } from "../policy/policy.ts";
import type { Lease, Quota } from "../policy/quota.ts";
import { callerKey } from "../policy/caller.ts";
import type { Caller } from "../policy/caller.ts";
import type { Defined, Grant } from "./method.ts";
import { formatResource } from "../policy/resource.ts";
import type { Resource } from "../policy/resource.ts";

/** Options of an admission. */
export type AdmissionOptions = {
  role: "host" | "guest";
  caller: Caller;
  /** Returns the policy. Called for every request, so that a reload counts at once. */
  policy: () => Policy;
  /** May be shared by several dispatchers; its keys contain the caller. */
  quota: Quota;
  /** Returns milliseconds of a monotonic clock. */
  now: () => number;
};

/**
 * A request after these steps. A step that failed leaves the members of later steps unset. The receiver of an
 * admitted request must dispose of `lease` when the request ends. `thrown` is the reason why a request was
 * not admitted.
 */
export type Admission<Context, Ended> = Known &
  (
    | { isAdmitted: true; lease: Lease; grant: Grant; run: (context: Context) => Promise<Ended> }
    | { isAdmitted: false; thrown: unknown }
  );

type Known = {
  isOpen: boolean;
  resource: Resource;
  target?: AuditPeer | undefined;
  rule?: Decision["rule"] | undefined;
};

/**
 * Returns the admission of a request with these parameters; `find` returns or throws its method. Never
 * throws.
 */
export function admit<Context, Ended>(
  params: unknown,
  find: () => Defined<Context, Ended>,
  options: AdmissionOptions,
): Admission<Context, Ended> {
  let known: Known = { isOpen: false, resource: { kind: "none" } };
  try {
    const method = find();
    known = { ...known, isOpen: method.isOpen };
    const { resource, target, run } = method.prepare(params);
    known = { ...known, resource, target };
    const decision = judge(method, resource, options);
    known = { ...known, rule: decision.rule };
    if (!decision.allowed) {
      const denied = `The ${options.role} denies ${formatResource(resource, method.name)}`;
      // The caller cannot know that no rule has decided, so that `check-policy` would not help.
      const place = options.role === "guest" ? "in the guest" : "on the host";
      const remedy = `Find the mistake ${place}: negotiator ${options.role} check-config`;
      throw new NegotiatorError("DENIED", `${denied}: ${decision.reason}`, {
        ...(decision.rule === "invalid" && { remedy }),
      });
    }
    const lease = take(method, decision, options);
    return { ...known, isAdmitted: true, lease, grant: decision, run };
  } catch (thrown) {
    return { ...known, isAdmitted: false, thrown };
  }
}

type Named = Pick<Defined<never, unknown>, "name" | "isOpen" | "limits">;

function judge({ name, isOpen }: Named, resource: Resource, { caller, policy }: AdmissionOptions): Decision {
  const decision = decide(policy(), { caller, method: name, resource });
  // An open method needs no rule that allows it. A rule that denies it still counts.
  const isOverlooked = !decision.allowed && isOpen && typeof decision.rule !== "number";
  return isOverlooked ? { allowed: true, rule: "default" } : decision;
}

/**
 * Counts the call under the limits of the method and of the rule. Throws `BUSY` if one of them is reached.
 */
function take({ name, limits }: Named, grant: Grant, { caller, quota, now }: AdmissionOptions): Lease {
  const ofMethod = limits && { key: ["method", name, ...callerKey(caller)], limits };
  const ofRule = { key: ["rule", grant.rule, ...callerKey(caller)], limits: grant };
  const lease = quota.takeAll(ofMethod === undefined ? [ofRule] : [ofMethod, ofRule], now());
  if (lease.granted) return lease;
  const owner = lease.claim === ofRule ? "The policy's limit" : `The limit of the method "${name}"`;
  throw new NegotiatorError("BUSY", `${owner} is reached: ${lease.reason}`);
}
