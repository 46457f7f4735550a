/** Notices through the dispatcher: which ones run, which are lost, and what audit and log have of them. */
import { expect, test } from "bun:test";
import * as v from "valibot";
import type { AuditEntry } from "../../src/audit/audit-line.ts";
import { configureLog } from "../../src/log.ts";
import { createDispatcher } from "../../src/methods/dispatcher.ts";
import type { DispatcherOptions } from "../../src/methods/dispatcher.ts";
import { defineMethod } from "../../src/methods/method.ts";
import type { MethodContext } from "../../src/methods/method.ts";
import { DEFAULT_POLICY, denyAll, parsePolicy } from "../../src/policy/policy.ts";
import { createQuota } from "../../src/policy/quota.ts";
import { keepEntries } from "../support/audit-sample.ts";
import { rejectionOf } from "../support/error-of.ts";
import { createServedLink } from "../support/served-link.ts";
import { spyOnOutput } from "../support/spied-output.ts";
import { until } from "../support/until.ts";

const GENEROUS = { rate: { calls: 100, perMs: 1000 } };

/**
 * A dispatcher with the notices `news` and `open-news`, and the method `ask`; `received` has what the notices
 * got.
 */
function createStage(changes: Partial<DispatcherOptions> = {}, limits = GENEROUS) {
  const received: unknown[] = [];
  const contexts: MethodContext[] = [];
  const entries: AuditEntry[] = [];
  const params = v.object({ text: v.string() });
  const keep = async ({ text }: { text: string }, context: MethodContext): Promise<void> => {
    if (text === "bug") throw new TypeError("a bug at /a/path");
    received.push(text);
    contexts.push(context);
  };
  const dispatcher = createDispatcher({
    role: "host",
    direction: "incoming",
    caller: { via: "guest", name: "web1" },
    methods: [
      defineMethod({ name: "news", params, answers: false, limits, run: keep }),
      defineMethod({ name: "open-news", params, answers: false, isOpen: true, limits, run: keep }),
      defineMethod({ name: "ask", params: v.unknown(), run: async () => ({ result: received.push("ask") }) }),
    ],
    policy: () => DEFAULT_POLICY,
    quota: createQuota(),
    audit: keepEntries((entry) => void entries.push(entry)),
    now: () => 0,
    ...changes,
  });
  const send = (method: string, text: unknown = "hello") => dispatcher.notice({ method, params: { text } });
  return { dispatcher, send, received, contexts, entries };
}

test("a peer's notice runs with its parameters, and its audit entry has no call id", async () => {
  const { dispatcher, received, contexts, entries } = createStage();
  await using link = createServedLink(
    dispatcher.call,
    (method, params) => void dispatcher.notice({ method, params }),
  );
  const { result } = await link.caller.call({ method: "ask" }).answer;
  expect(result).toBe(1);
  link.caller.notify("news", { text: "hello" });
  await until("the audit has both", () => entries.length === 2);
  expect(received).toEqual(["ask", "hello"]);
  expect(contexts[0]?.caller).toEqual({ via: "guest", name: "web1" });
  expect(entries[1]).toEqual({
    role: "host",
    direction: "incoming",
    peer: { guest: "web1" },
    method: "news",
    decision: "allowed",
    rule: "default",
    durationMs: 0,
  });
});

test("an open notice is lost while the policy has a mistake, and the audit says so", async () => {
  const { send, received, entries } = createStage({ policy: () => denyAll("broken") });
  await send("open-news");
  expect(received).toEqual([]);
  expect(entries).toMatchObject([{ method: "open-news", decision: "denied", rule: "invalid" }]);
});

test("an open notice with invalid parameters is lost, and the audit says so", async () => {
  const { send, received, entries } = createStage();
  await send("open-news", 5);
  expect(received).toEqual([]);
  expect(entries).toMatchObject([{ method: "open-news", errorCode: "BAD_REQUEST" }]);
});

test("a denied notice does not run, and the audit has the rule and the reason", async () => {
  const policy = parsePolicy('[[rules]]\naction = "deny"\nmethods = ["*news"]\nreason = "no news"\n');
  const { send, received, entries } = createStage({ policy: () => policy });
  await send("news");
  await send("open-news");
  expect(received).toEqual([]);
  expect(entries).toMatchObject(
    ["news", "open-news"].map((method) => ({
      method,
      decision: "denied",
      rule: 1,
      errorCode: "DENIED",
      reason: `The host denies the method "${method}": no news`,
    })),
  );
});

test("a notice with invalid parameters does not run, and the audit has BAD_REQUEST", async () => {
  const { send, received, entries } = createStage();
  await send("news", 5);
  expect(received).toEqual([]);
  expect(entries).toMatchObject([{ method: "news", errorCode: "BAD_REQUEST" }]);
});

test("a notice beyond the limit of its method is lost, and the audit has BUSY", async () => {
  const { send, received, entries } = createStage({}, { rate: { calls: 2, perMs: 1000 } });
  for (let count = 0; count < 3; count++) await send("news");
  expect(received).toHaveLength(2);
  expect(entries.map(({ errorCode }) => errorCode)).toEqual([undefined, undefined, "BUSY"]);
});

test("a notice beyond the rate of a policy's rule is lost, and the audit has BUSY", async () => {
  const policy = parsePolicy('[[rules]]\naction = "allow"\nrate = "1/hour"\n');
  const { send, received, entries } = createStage({ policy: () => policy });
  for (let count = 0; count < 2; count++) await send("news");
  expect(received).toHaveLength(1);
  expect(entries).toMatchObject([{ rule: 1 }, { rule: 1, errorCode: "BUSY" }]);
});

test("a notice whose method throws is logged, and the audit has the problem", async () => {
  const { send, entries } = createStage();
  const { stderr } = await spyOnOutput(() => send("news", "bug"));
  expect(stderr).toContain('guest "web1" called the method "news": a bug at /a/path');
  expect(entries).toMatchObject([{ errorCode: "INTERNAL", problem: "a bug at /a/path" }]);
});

test("a notice for a method that answers does not run it, and the audit has BAD_REQUEST", async () => {
  const { send, received, entries } = createStage();
  await send("ask");
  expect(received).toEqual([]);
  expect(entries).toMatchObject([{ method: "ask", errorCode: "BAD_REQUEST" }]);
});

test("a call of a notice gets BAD_REQUEST, and UNKNOWN_METHOD does not list notices", async () => {
  const { dispatcher, received } = createStage();
  await using link = createServedLink(dispatcher.call);
  const call = (method: string) => rejectionOf(link.caller.call({ method }).answer);
  expect(await call("news")).toMatchObject({
    code: "BAD_REQUEST",
    message: 'Cannot call "news": it is a notice and has no answer',
  });
  expect((await call("olds")).message).toBe('No method is called "olds"; there are: ask');
  expect(received).toEqual([]);
});

/** The log of `run` at level debug. */
async function debugLogOf(run: () => Promise<void>): Promise<string> {
  configureLog({ level: "debug", format: "text" });
  try {
    return (await spyOnOutput(run)).stderr;
  } finally {
    configureLog({ level: "info", format: "text" });
  }
}

test("unknown notices leave no entry; a debug line a minute has their number", async () => {
  let nowMs = 0;
  const { send, entries } = createStage({ now: () => nowMs });
  const stderr = await debugLogOf(async () => {
    for (let count = 0; count < 1000; count++) await send(`unknown-${count}`);
    nowMs = 60_000;
    await send(`unknown-${"x".repeat(1000)}\n`);
  });
  expect(entries).toEqual([]);
  const lines = stderr.trimEnd().split("\n");
  expect(lines).toEqual([
    'DEBUG calls: guest "web1" sent an unknown notice "unknown-0"; unknown notices so far: 1',
    expect.stringMatching(/ "unknown-x{92}…"; unknown notices so far: 1001$/),
  ]);
});

test.each(["constructor", "toString", "__proto__"])(
  "a notice called %s is unknown and does not run",
  async (method) => {
    const { send, received, entries } = createStage();
    await send(method);
    expect({ received, entries }).toEqual({ received: [], entries: [] });
  },
);
