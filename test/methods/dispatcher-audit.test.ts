/** Entries of the audit about calls that only ask for something, and of those that never reach a method. */
import { expect, test } from "bun:test";
import * as v from "valibot";
import type { AuditEntry } from "../../src/audit/audit-line.ts";
import { NegotiatorError } from "../../src/errors.ts";
import { createDispatcher } from "../../src/methods/dispatcher.ts";
import type { DispatcherOptions } from "../../src/methods/dispatcher.ts";
import { defineMethod } from "../../src/methods/method.ts";
import type { Method } from "../../src/methods/method.ts";
import { DEFAULT_POLICY, denyAll } from "../../src/policy/policy.ts";
import { createQuota } from "../../src/policy/quota.ts";
import { keepEntries } from "../support/audit-sample.ts";
import { rejectionOf } from "../support/error-of.ts";
import { createServedLink } from "../support/served-link.ts";

function serve(changes: Partial<DispatcherOptions> = {}) {
  const lines: AuditEntry[] = [];
  const dispatcher = createDispatcher({
    role: "host",
    direction: "incoming",
    caller: { via: "guest", name: "web1", uuid: "u-1" },
    methods: [],
    policy: () => DEFAULT_POLICY,
    quota: createQuota(),
    audit: keepEntries((entry) => void lines.push(entry)),
    now: () => performance.now(),
    ...changes,
  });
  const link = createServedLink(dispatcher.call);
  const call = async (method: string, params?: unknown) =>
    (await link.caller.call({ method, params }).answer).result;
  return { dispatcher, link, lines, call };
}

test("an open method is denied while the policy has a mistake, and the audit says so", async () => {
  const hello = defineMethod({
    name: "info",
    isOpen: true,
    params: v.unknown(),
    run: async () => ({ result: 1 }),
  });
  const { link, lines, call } = serve({ methods: [hello], policy: () => denyAll("broken") });
  await using _ = link;
  expect(await rejectionOf(call("info"))).toMatchObject({
    code: "DENIED",
    message: expect.stringMatching(/^The host denies the method "info": its policy has a mistake/),
  });
  expect(lines).toMatchObject([{ method: "info", decision: "denied", rule: "invalid" }]);
});

function ask(own: "question" | "change", isRefused = false): Method {
  return defineMethod({
    name: isRefused ? "refused" : own,
    own,
    params: v.unknown(),
    run: async () => {
      if (isRefused) throw new NegotiatorError("DENIED", "Only root may ask");
      return { result: own };
    },
  });
}

test("a question to this daemon needs no policy, and only a refused one has an entry", async () => {
  const { link, lines, call } = serve({
    direction: "outgoing",
    caller: { via: "local" },
    methods: [ask("question"), ask("change"), ask("question", true)],
    policy: () => denyAll("broken"),
  });
  await using _ = link;
  expect([await call("question"), await call("change")]).toEqual(["question", "change"]);
  await rejectionOf(call("refused"));
  expect(lines).toMatchObject([
    { method: "change", direction: "local", decision: "allowed" },
    { method: "refused", direction: "local", decision: "denied" },
  ]);
});

test("a call that a limit of the link has refused has an entry with its command", () => {
  const { dispatcher, lines } = serve();
  const error = new NegotiatorError("BUSY", "Too many calls");
  dispatcher.refused({ id: "7", method: "execute", params: { command: "reboot", args: [5] }, error });
  dispatcher.refused({ method: "list_commands", params: 5, error });
  expect(lines).toMatchObject([
    { callId: "7", method: "execute", command: "reboot", errorCode: "BUSY", peer: { guest: "web1" } },
    { method: "list_commands", errorCode: "BUSY" },
  ]);
});
