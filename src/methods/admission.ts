/** The steps before a method runs: find it, validate the parameters, ask the policy, count the call. */
import type { AuditPeer } from "../audit/audit-line.ts";
import { NegotiatorError } from "../errors.ts";
import { decide } from "../policy/policy.ts";
import type { Decision, Policy } from "../policy/policy.ts";
import type { Lease, Quota, QuotaKey } from "../policy/quota.ts";
import { callerKey } from "../policy/caller.ts";
import type { Caller } from "../policy/caller.ts";
import type { Defined, Grant } from "./method.ts";
import { formatResource } from "../policy/resource.ts";
import { shellArguments, shellWord } from "../shell-word.ts";
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
  own: Defined<never, unknown>["own"];
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
  let known: Known = { own: undefined, resource: { kind: "none" } };
  try {
    const method = find();
    known = { ...known, own: method.own };
    const { resource, target, run } = method.prepare(params);
    known = { ...known, resource, target };
    const decision = judge(method, { resource, target }, options);
    known = { ...known, rule: decision.rule };
    if (!decision.allowed) throw denied(decision, { method: method.name, resource, target }, options);
    const lease = take(method, decision, options);
    return { ...known, isAdmitted: true, lease, grant: decision, run };
  } catch (thrown) {
    return { ...known, isAdmitted: false, thrown };
  }
}

/**
 * Returns the admission of a call that another program has admitted with this grant. It counts again, and
 * nothing else is asked.
 */
export function readmit<Context, Ended>(
  params: unknown,
  find: () => Defined<Context, Ended>,
  grant: Grant,
  { caller, quota }: Pick<AdmissionOptions, "caller" | "quota">,
): Admission<Context, Ended> {
  let known: Known = { own: undefined, resource: { kind: "none" }, rule: grant.rule };
  try {
    const method = find();
    const { resource, target, run } = method.prepare(params);
    known = { ...known, own: method.own, resource, target };
    const keys = [ruleKey(grant, caller), ...(method.limits ? [methodKey(method, caller)] : [])];
    return { ...known, isAdmitted: true, lease: quota.retake(keys), grant, run };
  } catch (thrown) {
    return { ...known, isAdmitted: false, thrown };
  }
}

function methodKey({ name }: Named, caller: Caller): QuotaKey {
  return ["method", name, ...callerKey(caller)];
}

function ruleKey({ rule }: Grant, caller: Caller): QuotaKey {
  return ["rule", rule, ...callerKey(caller)];
}

type Asked = { method: string; resource: Resource; target: AuditPeer | undefined };

function denied(
  { rule, reason }: Extract<Decision, { allowed: false }>,
  { method, resource, target }: Asked,
  { role, caller }: AdmissionOptions,
): NegotiatorError {
  const message = `The ${role} denies ${formatResource(resource, method)}: ${reason}`;
  // The caller cannot know that no rule has decided, so that `check-policy` would not help.
  if (rule === "invalid") {
    const place = role === "guest" ? "in the guest" : "on the host";
    const name = `negotiator ${role}`;
    const remedy = `Correct the policy ${place}, then: ${name} check-config && ${name} reload`;
    return new NegotiatorError("DENIED", message, { remedy });
  }
  // A peer gets its remedy where its own daemon or command line knows the words.
  if (caller.via !== "local" || resource.kind !== "command") return new NegotiatorError("DENIED", message);
  const user = shellWord(caller.name ?? String(caller.uid));
  const guest = target?.guest === undefined ? "" : ` ${shellWord(target.guest)}`;
  const words = `--user ${user}${guest} ${shellWord(resource.name)}${shellArguments(resource.args)}`;
  const remedy = `See which rule decides: negotiator ${role} check-policy ${words}`;
  return new NegotiatorError("DENIED", message, { remedy });
}

type Named = Pick<Defined<never, unknown>, "name" | "isOpen" | "own" | "limits" | "needsRule">;

function judge(
  { name, isOpen, own, needsRule = false }: Named,
  { resource, target }: Pick<Asked, "resource" | "target">,
  { caller, policy }: AdmissionOptions,
): Decision {
  if (own !== undefined) return { allowed: true, rule: "default" };
  const decision = decide(policy(), { caller, method: name, resource, target });
  if (needsRule && decision.allowed && decision.rule === "default")
    return { allowed: false, rule: "no-match", reason: "no rule of a policy allows it" };
  // An open method needs no rule that allows it. A rule that denies it still counts, and so does a mistake.
  const isOverlooked = !decision.allowed && isOpen && decision.rule === "no-match";
  return isOverlooked ? { allowed: true, rule: "default" } : decision;
}

/**
 * Counts the call under the limits of the method and of the rule. Throws `BUSY` if one of them is reached.
 */
function take(method: Named, grant: Grant, { role, caller, quota, now }: AdmissionOptions): Lease {
  const { name, limits } = method;
  const ofMethod = limits && { key: methodKey(method, caller), limits };
  const ofRule = { key: ruleKey(grant, caller), limits: grant };
  const lease = quota.takeAll(ofMethod === undefined ? [ofRule] : [ofMethod, ofRule], now());
  if (lease.granted) return lease;
  const owner =
    lease.claim === ofRule
      ? `The limit of the ${role}'s policy`
      : `The ${role}'s limit of the method "${name}"`;
  throw new NegotiatorError("BUSY", `${owner} is reached: ${lease.reason}`);
}
