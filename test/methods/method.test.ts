/** The dispatcher: what gets through to a method, and what is answered and written down of everything else. */
import { expect, test } from "bun:test";
import * as v from "valibot";
import type { AuditEntry } from "../../src/audit/audit-line.ts";
import { NegotiatorError } from "../../src/errors.ts";
import { createDispatcher, defineMethod } from "../../src/methods/method.ts";
import type { DispatcherOptions, Method } from "../../src/methods/method.ts";
import { DEFAULT_POLICY, denyAll, parsePolicy } from "../../src/policy/policy.ts";
import { createQuota } from "../../src/policy/quota.ts";
import { rejectionOf } from "../support/error-of.ts";
import { createServedLink } from "../support/served-link.ts";
import { until } from "../support/until.ts";

const add = defineMethod({
  name: "add",
  params: v.object({ a: v.number(), b: v.pipe(v.number(), v.maxValue(9)) }),
  subject: ({ a, b }) => ({ command: "add", args: [`${a}`, `${b}`] }),
  run: async ({ a, b }) => ({ result: a + b, outcome: { exitCode: 0 } }),
});
const hello = defineMethod({
  name: "hello",
  isOpen: true,
  params: v.optional(v.object({})),
  run: async () => ({ result: "hello" }),
});

function failing(thrown: unknown): Method {
  return defineMethod({ name: "fail", params: v.unknown(), run: () => Promise.reject(thrown) });
}

function serve(changes: Partial<DispatcherOptions> = {}) {
  const lines: AuditEntry[] = [];
  const dispatch = createDispatcher({
    role: "host",
    direction: "incoming",
    caller: { guest: "web1", uuid: "u-1" },
    methods: [add, hello],
    policy: () => DEFAULT_POLICY,
    quota: createQuota(),
    audit: { record: (entry) => void lines.push(entry) },
    now: () => performance.now(),
    ...changes,
  });
  const link = createServedLink(dispatch);
  const call = async (method: string, params?: unknown) =>
    (await link.caller.call({ method, params }).answer).result;
  const written = (count: number) => until("it is written down", () => lines.length >= count && lines);
  return { link, lines, call, written };
}

test("a call that is allowed runs, is answered and written down with its outcome", async () => {
  const { link, call, written } = serve();
  await using _ = link;
  expect(await call("add", { a: 1, b: 2, unknown: true })).toBe(3);
  expect(await written(1)).toEqual([
    {
      role: "host",
      direction: "incoming",
      peer: { guest: "web1", uuid: "u-1" },
      callId: expect.any(String),
      method: "add",
      decision: "allowed",
      command: "add",
      args: ["1", "2"],
      rule: "default",
      exitCode: 0,
      durationMs: expect.any(Number),
    },
  ]);
});

test("an open method needs no leave, and leaves no line", async () => {
  const { link, lines, call } = serve({ policy: () => denyAll("broken") });
  await using _ = link;
  expect(await call("hello")).toBe("hello");
  expect(lines).toEqual([]);
});

test("what the policy denies does not run, and the reason is told and written down", async () => {
  const policy = parsePolicy('[[rules]]\naction = "deny"\ncommands = ["add"]\nreason = "no sums"\n');
  const { link, call, written } = serve({ policy: () => policy });
  await using _ = link;
  const error = await rejectionOf(call("add", { a: 1, b: 1 }));
  expect(error).toMatchObject({ code: "DENIED", message: 'The host denies the command "add": no sums' });
  expect(await written(1)).toMatchObject([
    { decision: "denied", rule: 1, errorCode: "DENIED", command: "add" },
  ]);
});

test("the policy is asked anew for each call, with who the channel says it is", async () => {
  let policy = DEFAULT_POLICY;
  const { link, call } = serve({ policy: () => policy });
  await using _ = link;
  expect(await call("add", { a: 1, b: 1 })).toBe(2);
  policy = parsePolicy('[[rules]]\naction = "allow"\nguests = ["web2"]\n');
  expect((await rejectionOf(call("add", { a: 1, b: 1, guest: "web2" }))).code).toBe("DENIED");
  policy = parsePolicy('[[rules]]\naction = "allow"\nguests = ["web1"]\narguments = ["1", "..."]\n');
  expect(await call("add", { a: 1, b: 1 })).toBe(2);
  expect((await rejectionOf(call("add", { a: 2, b: 1 }))).code).toBe("DENIED");
});

test("a policy's limits hold, for this rule and this caller", async () => {
  const policy = parsePolicy('[[rules]]\naction = "allow"\nrate = "2/hour"\n');
  const { link, call, written } = serve({ policy: () => policy });
  await using _ = link;
  expect([await call("add", { a: 1, b: 1 }), await call("add", { a: 1, b: 1 })]).toEqual([2, 2]);
  const error = await rejectionOf(call("add", { a: 1, b: 1 }));
  expect(error.code).toBe("BUSY");
  expect(error.message).toStartWith("The policy's limit is reached: ");
  expect((await written(3))[2]).toMatchObject({ decision: "allowed", errorCode: "BUSY" });
});

test.each([
  ["add", undefined, ["params: "]],
  ["add", null, ["params: "]],
  ["add", [], ["a: "]],
  ["add", { a: "1", b: 10 }, ["a: "]],
])("%s with %j names the first problem", async (method, params, parts) => {
  const { link, call, written } = serve();
  await using _ = link;
  const error = await rejectionOf(call(method, params));
  expect(error.code).toBe("BAD_REQUEST");
  expect(error.message).toStartWith(`Cannot call "add": `);
  for (const part of parts) expect(error.message).toContain(part);
  expect(await written(1)).toMatchObject([{ method: "add", errorCode: "BAD_REQUEST" }]);
});

test.each(["nonsense", "constructor", "toString", "__proto__"])("there is no method %s", async (method) => {
  const { link, call } = serve();
  await using _ = link;
  const error = await rejectionOf(call(method));
  expect(error).toMatchObject({
    code: "UNKNOWN_METHOD",
    message: `No method is called "${method}"; there are: add, hello`,
  });
});

const MORE = "The log of the host's daemon says more";
const SHORT = `Cannot answer "fail": something failed that should not; ${MORE}`;
const ACCOUNTS = new NegotiatorError("BUSY", "Cannot do it: later", {
  cause: new NegotiatorError("INTERNAL", "/path: full", { remedy: "Make room" }),
});

test.each<[string, string, unknown, string | undefined]>([
  ["NO_COMMAND", "no such thing", new NegotiatorError("NO_COMMAND", "no such thing"), undefined],
  ["INTERNAL", SHORT, new TypeError("a bug at /a/path"), "a bug at /a/path"],
  ["INTERNAL", SHORT, "a string", "a string"],
  ["BUSY", `Cannot do it: later; ${MORE}`, ACCOUNTS, "/path: full\nMake room"],
])("a method that throws fails its call with %s, and no more", async (code, message, thrown, problem) => {
  const { link, call, written } = serve({ methods: [failing(thrown), hello] });
  await using _ = link;
  expect(await rejectionOf(call("fail"))).toMatchObject({ code, message });
  expect(await call("hello")).toBe("hello");
  const [line] = await written(1);
  expect({ errorCode: line?.errorCode, problem: line?.problem }).toMatchObject({ errorCode: code, problem });
});

test("a local caller, whose call is passed on, is told what was thrown", async () => {
  const bug = new TypeError("a bug at /a/path");
  const { link, call, written } = serve({ direction: "outgoing", methods: [failing(bug)] });
  await using _ = link;
  expect((await rejectionOf(call("fail"))).message).toBe("a bug at /a/path");
  expect((await written(1))[0]).not.toHaveProperty("problem");
});

test("a rule that denies an open method counts, and no rule for it does no harm", async () => {
  let policy = parsePolicy('[[rules]]\naction = "deny"\nmethods = ["hel*"]\n');
  const { link, call } = serve({ policy: () => policy });
  await using _ = link;
  expect((await rejectionOf(call("hello"))).code).toBe("DENIED");
  policy = parsePolicy('[[rules]]\naction = "allow"\ncommands = ["x"]\n');
  expect(await call("hello")).toBeDefined();
});
