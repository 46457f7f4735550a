/**
 * The dispatcher: which calls reach a method, what the others get as an answer, and what the audit has of
 * all.
 */
import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import type { AuditEntry } from "../../src/audit/audit-line.ts";
import { NegotiatorError } from "../../src/errors.ts";
import type { Caller } from "../../src/policy/caller.ts";
import { createDispatcher } from "../../src/methods/dispatcher.ts";
import type { DispatcherOptions } from "../../src/methods/dispatcher.ts";
import { defineMethod } from "../../src/methods/method.ts";
import type { Method } from "../../src/methods/method.ts";
import { DEFAULT_POLICY, parsePolicy } from "../../src/policy/policy.ts";
import { createQuota } from "../../src/policy/quota.ts";
import { keepEntries } from "../support/audit-sample.ts";
import { rejectionOf } from "../support/error-of.ts";
import { createServedLink } from "../support/served-link.ts";
import { spyOnOutput } from "../support/spied-output.ts";
import { until } from "../support/until.ts";

const add = defineMethod({
  name: "add",
  params: v.object({ a: v.number(), b: v.pipe(v.number(), v.maxValue(9)) }),
  resource: ({ a, b }) => ({ kind: "command", name: "add", args: [`${a}`, `${b}`] }),
  run: async ({ a, b }) => ({ result: a + b, audit: { exitCode: 0 } }),
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
  const dispatcher = createDispatcher({
    role: "host",
    direction: "incoming",
    caller: { via: "guest", name: "web1", uuid: "u-1" },
    methods: [add, hello],
    policy: () => DEFAULT_POLICY,
    quota: createQuota(),
    audit: keepEntries((entry) => void lines.push(entry)),
    now: () => performance.now(),
    ...changes,
  });
  const link = createServedLink(dispatcher.call);
  const call = async (method: string, params?: unknown) =>
    (await link.caller.call({ method, params }).answer).result;
  const written = (count: number) => until("the audit has the entries", () => lines.length >= count && lines);
  return { dispatcher, link, lines, call, written };
}

test("an allowed call is answered, and the audit has an entry with its result", async () => {
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

test("an open method that is answered has an entry in the audit", async () => {
  const { link, lines, call } = serve();
  await using _ = link;
  await call("hello");
  expect(lines).toMatchObject([{ method: "hello", decision: "allowed", rule: "default" }]);
});

test("a denied call gets DENIED with the rule's reason, and the audit has the rule", async () => {
  const policy = parsePolicy('[[rules]]\naction = "deny"\ncommands = ["add"]\nreason = "no sums"\n');
  const { link, call, written } = serve({ policy: () => policy });
  await using _ = link;
  const error = await rejectionOf(call("add", { a: 1, b: 1 }));
  expect(error).toMatchObject({ code: "DENIED", message: 'The host denies the command "add": no sums' });
  expect(await written(1)).toMatchObject([
    { decision: "denied", rule: 1, errorCode: "DENIED", command: "add" },
  ]);
});

test("a changed policy counts for the next call; a guest name in the parameters does not", async () => {
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

test("the third call under a rate of two an hour gets BUSY", async () => {
  const policy = parsePolicy('[[rules]]\naction = "allow"\nrate = "2/hour"\n');
  const { link, call, written } = serve({ policy: () => policy });
  await using _ = link;
  expect([await call("add", { a: 1, b: 1 }), await call("add", { a: 1, b: 1 })]).toEqual([2, 2]);
  const error = await rejectionOf(call("add", { a: 1, b: 1 }));
  expect(error.code).toBe("BUSY");
  expect(error.message).toStartWith("The limit of the host's policy is reached: ");
  expect((await written(3))[2]).toMatchObject({ decision: "allowed", errorCode: "BUSY" });
});

test.each([
  ["add", undefined, ["params: "]],
  ["add", null, ["params: "]],
  ["add", [], ["a: "]],
  ["add", { a: "1", b: 10 }, ["a: "]],
])("%s with the parameters %j gets BAD_REQUEST with the first problem", async (method, params, parts) => {
  const { link, call, written } = serve();
  await using _ = link;
  const error = await rejectionOf(call(method, params));
  expect(error.code).toBe("BAD_REQUEST");
  expect(error.message).toStartWith(`Cannot call "add": `);
  for (const part of parts) expect(error.message).toContain(part);
  expect(await written(1)).toMatchObject([{ method: "add", errorCode: "BAD_REQUEST" }]);
});

test.each(["nonsense", "constructor", "toString", "__proto__"])(
  "a call of %s gets UNKNOWN_METHOD with the known methods",
  async (method) => {
    const { link, call } = serve();
    await using _ = link;
    const error = await rejectionOf(call(method));
    expect(error).toMatchObject({
      code: "UNKNOWN_METHOD",
      message: `No method is called "${method}"; there are: add, hello`,
    });
  },
);

const MORE = "Read the log on the host, at the daemon's terminal or with: journalctl -u negotiator-host";
const SHORT = `Cannot answer "fail": something failed that should not\n${MORE}`;
const PUBLIC_ERROR = new NegotiatorError("BUSY", "Cannot do it: later", {
  cause: new NegotiatorError("INTERNAL", "/path: full", { remedy: "Make room" }),
});

test.each<[string, string, unknown, string | undefined]>([
  ["NO_COMMAND", "no such thing", new NegotiatorError("NO_COMMAND", "no such thing"), undefined],
  ["INTERNAL", SHORT, new TypeError("a bug at /a/path"), "a bug at /a/path"],
  ["INTERNAL", SHORT, "a string", "a string"],
  ["BUSY", `Cannot do it: later\n${MORE}`, PUBLIC_ERROR, "/path: full\nMake room"],
])(
  "a method that throws fails its call with %s and the public message %j",
  async (code, message, thrown, problem) => {
    const { link, call, written } = serve({ methods: [failing(thrown), hello] });
    await using _ = link;
    expect(await rejectionOf(call("fail"))).toMatchObject({ code, message });
    expect(await call("hello")).toBe("hello");
    const [line] = await written(1);
    expect({ errorCode: line?.errorCode, problem: line?.problem }).toMatchObject({
      errorCode: code,
      problem,
    });
  },
);

test("a local user gets the full error of a call that is passed on", async () => {
  const bug = new TypeError("a bug at /a/path");
  const { link, call, written } = serve({ direction: "outgoing", methods: [failing(bug)] });
  await using _ = link;
  expect((await rejectionOf(call("fail"))).message).toBe("a bug at /a/path");
  expect((await written(1))[0]).not.toHaveProperty("problem");
});

test("an open method is denied by a rule that denies it, and runs if no rule matches", async () => {
  let policy = parsePolicy('[[rules]]\naction = "deny"\nmethods = ["hel*"]\n');
  const { link, call } = serve({ policy: () => policy });
  await using _ = link;
  expect((await rejectionOf(call("hello"))).code).toBe("DENIED");
  policy = parsePolicy('[[rules]]\naction = "allow"\ncommands = ["x"]\n');
  expect(await call("hello")).toBe("hello");
});

test("an open method that a rule denies has one entry in the audit, with the rule", async () => {
  const policy = parsePolicy('[[rules]]\naction = "deny"\nmethods = ["hello"]\n');
  const { link, lines, call } = serve({ policy: () => policy });
  await using _ = link;
  expect((await rejectionOf(call("hello"))).code).toBe("DENIED");
  expect(lines).toMatchObject([{ method: "hello", decision: "denied", rule: 1, errorCode: "DENIED" }]);
});

test("the audit's entry of a call that is passed on has its target as the peer", async () => {
  const pass = defineMethod({
    name: "pass",
    params: v.object({ guest: v.string() }),
    resource: () => ({ kind: "command", name: "uptime", args: [] }),
    target: ({ guest }) => ({ guest }),
    run: async () => ({ result: null, audit: { exitCode: 0 } }),
  });
  const { link, call, written } = serve({
    direction: "outgoing",
    caller: { via: "local" },
    methods: [pass],
  });
  await using _ = link;
  await call("pass", { guest: "web2" });
  expect(await written(1)).toMatchObject([{ direction: "outgoing", peer: { guest: "web2" } }]);
});

test("the audit has its entry before the caller has its answer", async () => {
  const order: string[] = [];
  const dispatcher = createDispatcher({
    role: "host",
    direction: "incoming",
    caller: { via: "host" },
    methods: [add, failing(new TypeError("a bug"))],
    policy: () => DEFAULT_POLICY,
    quota: createQuota(),
    audit: keepEntries(({ method }) => void order.push(`entry of ${method}`)),
    now: () => 0,
  });
  await using link = createServedLink((call) =>
    dispatcher.call({
      ...call,
      respond(result) {
        order.push("result");
        call.respond(result);
      },
      fail(error) {
        order.push("error");
        call.fail(error);
      },
    }),
  );
  await link.caller.call({ method: "add", params: { a: 1, b: 1 } }).answer;
  await rejectionOf(link.caller.call({ method: "fail" }).answer);
  expect(order).toEqual(["entry of add", "result", "entry of fail", "error"]);
});

test("a result that cannot be sent fails its call, and the dispatcher does not reject", async () => {
  const errors: NegotiatorError[] = [];
  const { dispatcher } = serve();
  await using link = createServedLink((call) =>
    dispatcher.call({
      ...call,
      respond() {
        throw new TypeError("not encodable");
      },
      fail(error) {
        errors.push(error);
        call.fail(error);
      },
    }),
  );
  await rejectionOf(link.caller.call({ method: "add", params: { a: 1, b: 1 } }).answer);
  expect(errors).toMatchObject([{ code: "INTERNAL" }]);
});

describe("limits of a method", () => {
  const once = defineMethod({
    name: "once",
    params: v.unknown(),
    limits: { rate: { calls: 1, perMs: 3_600_000 } },
    run: async () => ({ result: "done" }),
  });

  test("a rate declared by the method holds without a policy, for each caller", async () => {
    const quota = createQuota();
    const web1 = serve({ methods: [once], quota });
    const web2 = serve({ methods: [once], quota, caller: { via: "guest", name: "web2" } });
    await using owned = new AsyncDisposableStack();
    owned.use(web1.link);
    owned.use(web2.link);
    expect(await web1.call("once")).toBe("done");
    const error = await rejectionOf(web1.call("once"));
    expect(error.code).toBe("BUSY");
    expect(error.message).toStartWith(
      'The host\'s limit of the method "once" is reached: more than 1 calls in 3600 s',
    );
    expect(await web2.call("once")).toBe("done");
    expect(await web1.written(2)).toMatchObject([{ decision: "allowed" }, { errorCode: "BUSY" }]);
  });

  test("a concurrency declared by the method counts calls until they end", async () => {
    const gate = Promise.withResolvers<void>();
    const slow = defineMethod({
      name: "slow",
      params: v.unknown(),
      limits: { concurrency: 1 },
      run: async () => ({ result: await gate.promise.then(() => "done") }),
    });
    const { link, call } = serve({ methods: [slow] });
    await using _ = link;
    const first = call("slow");
    const error = await rejectionOf(call("slow"));
    expect(error.message).toEndWith("1 calls are running, 1 are allowed at once");
    gate.resolve();
    expect(await first).toBe("done");
    expect(await call("slow")).toBe("done");
  });

  test("a call that the method's limit refuses does not use up the policy's rate", async () => {
    let nowMs = 0;
    const policy = parsePolicy('[[rules]]\naction = "allow"\nrate = "2/hour"\n');
    const hourly = defineMethod({
      name: "hourly",
      params: v.unknown(),
      limits: { rate: { calls: 1, perMs: 1000 } },
      run: async () => ({ result: "done" }),
    });
    const { link, call } = serve({ methods: [hourly], policy: () => policy, now: () => nowMs });
    await using _ = link;
    await call("hourly");
    for (let count = 0; count < 5; count++) await rejectionOf(call("hourly"));
    nowMs = 1000;
    expect(await call("hourly")).toBe("done");
  });
});

test("a rule's concurrency of 1 counts each caller for itself, until the call has ended", async () => {
  const gate = Promise.withResolvers<void>();
  const wait = defineMethod({
    name: "wait",
    params: v.unknown(),
    run: async () => ({ result: await gate.promise.then(() => "done") }),
  });
  const policy = parsePolicy('[[rules]]\naction = "allow"\nconcurrency = 1\n');
  const shared = { methods: [wait], quota: createQuota(), policy: () => policy };
  const web1 = serve({ ...shared, caller: guest("web1") });
  const web2 = serve({ ...shared, caller: guest("web2") });
  await using owned = new AsyncDisposableStack();
  owned.use(web1.link);
  owned.use(web2.link);
  const running = web1.call("wait");
  expect(await rejectionOf(web1.call("wait"))).toMatchObject({ code: "BUSY" });
  const served = web2.call("wait");
  expect(await rejectionOf(web2.call("wait"))).toMatchObject({ code: "BUSY" });
  gate.resolve();
  expect([await running, await served]).toEqual(["done", "done"]);
  expect(await web1.call("wait")).toBe("done");
});

function guest(name: string, uuid?: string): Caller {
  return uuid === undefined ? { via: "guest", name } : { via: "guest", name, uuid };
}

describe("quota keys", () => {
  const bug = new TypeError("a bug");
  const limited = parsePolicy('[[rules]]\naction = "allow"\nrate = "1/hour"\n');

  /** Two callers share a quota, under the same rule. `used` calls until its rate is used up. */
  async function exhaust(used: Caller, other: Caller) {
    const quota = createQuota();
    const shared = { methods: [failing(bug)], quota, policy: () => limited, now: () => 0 };
    const one = serve({ ...shared, caller: used });
    const two = serve({ ...shared, caller: other });
    await using owned = new AsyncDisposableStack();
    owned.use(one.link);
    owned.use(two.link);
    const { stderr } = await spyOnOutput(async () => {
      for (let count = 0; count < 20; count++) await rejectionOf(one.call("fail"));
      return undefined;
    });
    const { result, stderr: after } = await spyOnOutput(() => rejectionOf(two.call("fail")));
    return { code: result.code, before: stderr, after };
  }

  test.each<[string, Caller, Caller]>([
    ["a guest called log and a guest called 1", guest("log"), guest("1")],
    ["a guest called host and the host", guest("host"), { via: "host" }],
    ["a guest called local and a local user", guest("local"), { via: "local" }],
    ["a uuid and a guest of that name", guest("web1", "web2"), guest("web2")],
    ["a name with a blank and a name", guest("web1 1"), guest("web1")],
    ["names with quotes", guest('a","b'), guest("a")],
    ["equal names with different uuids", guest("web1", "u-1"), guest("web1", "u-2")],
  ])("%s have separate rates and separate log limits", async (_, used, other) => {
    const { code, after } = await exhaust(used, other);
    expect(code).toBe("INTERNAL");
    expect(after).toContain('called the method "fail": a bug');
  });

  test("two links of one guest share its rate, also after the guest is renamed", async () => {
    expect((await exhaust(guest("web1", "u-1"), guest("renamed", "u-1"))).code).toBe("BUSY");
  });
});
