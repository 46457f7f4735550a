/** The steps before a method runs: what each of them decides, and what is known after a step that failed. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../src/errors.ts";
import { admit, readmit } from "../../src/methods/admission.ts";
import type { AdmissionOptions } from "../../src/methods/admission.ts";
import type { Defined } from "../../src/methods/method.ts";
import type { Caller } from "../../src/policy/caller.ts";
import { DEFAULT_POLICY, parsePolicy } from "../../src/policy/policy.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { createQuota } from "../../src/policy/quota.ts";
import type { Quota } from "../../src/policy/quota.ts";
import type { Resource } from "../../src/policy/resource.ts";

const RUN = (): Promise<string> => Promise.resolve("done");
const COMMAND: Resource = { kind: "command", name: "check disk", args: ["a b"] };
const TARGET = { guest: "web 1" };
const GUEST: Caller = { via: "guest", name: "web1" };
const LOCAL: Caller = { via: "local", uid: 1000, name: "alice" };

type Method = Defined<unknown, string>;

function methodOf(changes: Partial<Method> = {}): Method {
  return {
    name: "execute",
    isOpen: false,
    own: undefined,
    limits: undefined,
    prepare: () => ({ resource: COMMAND, target: TARGET, run: RUN }),
    ...changes,
  };
}

function optionsOf(changes: Partial<AdmissionOptions> = {}): AdmissionOptions {
  return {
    role: "host",
    caller: GUEST,
    policy: () => DEFAULT_POLICY,
    quota: createQuota(),
    now: () => 0,
    ...changes,
  };
}

const ALLOWING = parsePolicy('[[rules]]\naction = "allow"\nuser = "bob"\n');
const DENYING = parsePolicy('[[rules]]\naction = "deny"\nreason = "not today"\n');
const ABOUT_USERS = parsePolicy('[[rules]]\naction = "deny"\nusers = ["alice"]\n');
const DENYING_USERS = parsePolicy('[[rules]]\naction = "deny"\nusers = ["*"]\n');
const EMPTY = parsePolicy("rules = []\n");
const INVALID: Policy = { kind: "invalid", problem: "a mistake" };

const tryAdmit = (method: Partial<Method> = {}, options: Partial<AdmissionOptions> = {}) =>
  admit({}, () => methodOf(method), optionsOf(options));

/** Returns code and message of the reason why a request is not admitted. */
function refusalOf(...given: Parameters<typeof tryAdmit>): [code: string, message: string] {
  const admission = tryAdmit(...given);
  if (admission.isAdmitted) throw new Error("It is admitted");
  const { code, message } = NegotiatorError.from(admission.thrown);
  return [code, message];
}

test("an admitted request has all facts, the grant and the method's run", () => {
  const params = { a: 1 };
  const given: unknown[] = [];
  const method = methodOf({
    prepare(raw) {
      given.push(raw);
      return { resource: COMMAND, target: TARGET, run: RUN };
    },
  });
  expect(admit(params, () => method, optionsOf({ policy: () => ALLOWING }))).toEqual({
    own: undefined,
    resource: COMMAND,
    target: TARGET,
    rule: 1,
    isAdmitted: true,
    lease: expect.objectContaining({ granted: true }),
    grant: { allowed: true, rule: 1, user: "bob" },
    run: RUN,
  });
  expect(given).toEqual([params]);
});

test("a method that is not found leaves all facts open", () => {
  const thrown = new Error("no method");
  const admission = admit(
    {},
    () => {
      throw thrown;
    },
    optionsOf(),
  );
  expect(admission).toEqual({ own: undefined, resource: { kind: "none" }, isAdmitted: false, thrown });
});

test("invalid parameters leave the resource open, and keep whose method it is", () => {
  const thrown = new Error("invalid");
  const prepare = (): never => {
    throw thrown;
  };
  expect(tryAdmit({ own: "change", prepare })).toEqual({
    own: "change",
    resource: { kind: "none" },
    isAdmitted: false,
    thrown,
  });
});

test("a denied request keeps its resource, its target and the rule, and takes no place", () => {
  const quota = createQuota();
  expect(tryAdmit({}, { policy: () => DENYING, quota })).toEqual({
    own: undefined,
    resource: COMMAND,
    target: TARGET,
    rule: 1,
    isAdmitted: false,
    thrown: expect.objectContaining({ code: "DENIED" }),
  });
  expect(quota.size).toBe(0);
});

test.each<[what: string, options: Partial<AdmissionOptions>, message: RegExp]>([
  ["a guest", { policy: () => DENYING }, /^The host denies [^\n]*check disk[^\n]*: not today$/],
  [
    "a guest at no rule",
    { policy: () => EMPTY },
    /^The host denies [^\n]*: no rule of the policy allows it$/,
  ],
  [
    "a guest at a policy with a mistake on the host",
    { policy: () => INVALID },
    /\nCorrect the policy on the host, then: negotiator host check-config && negotiator host reload$/,
  ],
  [
    "the host at a policy with a mistake in the guest",
    { policy: () => INVALID, role: "guest", caller: { via: "host" } },
    /^The guest denies .*\nCorrect the policy in the guest, then: negotiator guest check-config && neg/,
  ],
  [
    "a local user",
    { policy: () => ABOUT_USERS, caller: LOCAL },
    /\nSee which rule decides: negotiator host check-policy --user alice 'web 1' 'check disk' 'a b'$/,
  ],
  [
    "a local user of a guest without a name",
    { policy: () => DENYING_USERS, caller: { via: "local", uid: 1000 }, role: "guest" },
    /\nSee which rule decides: negotiator guest check-policy --user 1000 'web 1' 'check disk' 'a b'$/,
  ],
])("the denial of %s", (_, options, message) => {
  const [code, text] = refusalOf({}, options);
  expect(code).toBe("DENIED");
  expect(text).toMatch(message);
});

test("a denied local call without a target names none, and one without a command has no remedy", () => {
  const options = { policy: () => DENYING_USERS, caller: LOCAL };
  const [, message] = refusalOf(
    { prepare: () => ({ resource: COMMAND, target: undefined, run: RUN }) },
    options,
  );
  expect(message).toEndWith("check-policy --user alice 'check disk' 'a b'");
  const [, other] = refusalOf(
    { prepare: () => ({ resource: { kind: "none" }, target: undefined, run: RUN }) },
    options,
  );
  expect(other).not.toContain("\n");
});

test.each<[what: string, method: Partial<Method>, policy: Policy, rule: unknown]>([
  ["a closed method without a policy", {}, DEFAULT_POLICY, "default"],
  ["a closed method at no rule", {}, EMPTY, undefined],
  ["an open method at no rule", { isOpen: true }, EMPTY, "default"],
  ["an open method at a rule that denies it", { isOpen: true }, DENYING, undefined],
  ["an open method at a policy with a mistake", { isOpen: true }, INVALID, undefined],
  ["an open method at a rule that allows it", { isOpen: true }, ALLOWING, 1],
  ["an own method at a rule that denies it", { own: "question" }, DENYING, "default"],
  ["an own method at a policy with a mistake", { own: "change" }, INVALID, "default"],
  ["a method that needs a rule without a policy", { needsRule: true }, DEFAULT_POLICY, undefined],
  ["a method that needs a rule at one", { needsRule: true }, ALLOWING, 1],
  ["a method that needs a rule at no rule", { needsRule: true }, EMPTY, undefined],
])("%s is admitted by the rule %#", (_, method, policy, rule) => {
  const admission = tryAdmit(method, { policy: () => policy });
  expect(admission.isAdmitted).toBe(rule !== undefined);
  if (rule !== undefined) expect(admission.rule as unknown).toBe(rule);
});

test("a method that needs a rule says so without a policy", () => {
  expect(refusalOf({ needsRule: true })[1]).toEndWith(": no rule of a policy allows it");
});

const LIMITS = { concurrency: 1 };
const LIMITED = parsePolicy('[[rules]]\naction = "allow"\nconcurrency = 1\n');

test.each<[what: string, method: Partial<Method>, policy: Policy, owner: string]>([
  [
    "of a method",
    { limits: LIMITS },
    DEFAULT_POLICY,
    'The host\'s limit of the method "execute" is reached: ',
  ],
  ["of a rule", {}, LIMITED, "The limit of the host's policy is reached: "],
  [
    "of a rule of a limited method",
    { limits: { concurrency: 2 } },
    LIMITED,
    "The limit of the host's policy",
  ],
])("the limit %s holds until the lease of the first call ends", (_, method, policy, owner) => {
  const options = { quota: createQuota(), policy: () => policy };
  const first = tryAdmit(method, options);
  const [code, message] = refusalOf(method, options);
  expect(code).toBe("BUSY");
  expect(message).toStartWith(owner);
  expect(tryAdmit(method, { ...options, caller: { via: "guest", name: "web2" } }).isAdmitted).toBe(true);
  if (first.isAdmitted) first.lease[Symbol.dispose]();
  expect(tryAdmit(method, options).isAdmitted).toBe(true);
});

test("two methods of one caller have a limit each, and a busy request keeps its rule", () => {
  const options = { quota: createQuota() };
  tryAdmit({ limits: LIMITS }, options);
  expect(tryAdmit({ limits: LIMITS, name: "other" }, options).isAdmitted).toBe(true);
  expect(tryAdmit({ limits: LIMITS }, options)).toMatchObject({ isAdmitted: false, rule: "default" });
});

test("the policy and the clock are asked for each request", () => {
  const limits = { rate: { calls: 1, perMs: 1000 } };
  let nowMs = 0;
  let policy: Policy = DEFAULT_POLICY;
  const options = { quota: createQuota(), now: () => nowMs, policy: () => policy };
  expect(tryAdmit({ limits }, options).isAdmitted).toBe(true);
  expect(refusalOf({ limits }, options)[0]).toBe("BUSY");
  nowMs = 1000;
  expect(tryAdmit({ limits }, options).isAdmitted).toBe(true);
  policy = DENYING;
  expect(refusalOf({ limits }, options)[0]).toBe("DENIED");
});

const GRANT = { allowed: true, rule: 3, user: "bob" } as const;

const tryReadmit = (quota: Quota, method: Partial<Method> = {}) =>
  readmit({}, () => methodOf(method), GRANT, { caller: GUEST, quota });

test("a call that another program has admitted keeps its grant, and counts again", () => {
  const quota = createQuota();
  const admission = tryReadmit(quota, { limits: LIMITS, own: "change" });
  expect(admission).toEqual({
    own: "change",
    resource: COMMAND,
    target: TARGET,
    rule: 3,
    isAdmitted: true,
    lease: expect.objectContaining({ granted: true }),
    grant: GRANT,
    run: RUN,
  });
  expect(quota.size).toBe(2);
  expect(refusalOf({ limits: LIMITS }, { quota })[0]).toBe("BUSY");
  if (admission.isAdmitted) admission.lease[Symbol.dispose]();
  expect(quota.size).toBe(0);
  expect(tryAdmit({ limits: LIMITS }, { quota }).isAdmitted).toBe(true);
});

test("a method without limits counts only under its rule", () => {
  const quota = createQuota();
  tryReadmit(quota);
  expect(quota.size).toBe(1);
});

test("a call whose method is gone is not admitted again", () => {
  const quota = createQuota();
  const thrown = new Error("no method");
  const find = (): never => {
    throw thrown;
  };
  expect(readmit({}, find, GRANT, { caller: GUEST, quota })).toEqual({
    own: undefined,
    resource: { kind: "none" },
    rule: 3,
    isAdmitted: false,
    thrown,
  });
  expect(quota.size).toBe(0);
});
