/** `list-calls`: the calls of one peer. */
import { expect, test } from "bun:test";
import { createDispatcher } from "../../src/methods/dispatcher.ts";
import { createListCalls } from "../../src/methods/list-calls.ts";
import { DEFAULT_POLICY } from "../../src/policy/policy.ts";
import { createQuota } from "../../src/policy/quota.ts";
import type { IncomingCall } from "../../src/wire/calls/incoming-call.ts";
import { keepEntries } from "../support/audit-sample.ts";
import { createServedLink } from "../support/served-link.ts";
import { until } from "../support/until.ts";

test("calls are listed in order, without arguments and without forgotten detached ones", async () => {
  const running: IncomingCall[] = [];
  const { call: dispatch } = createDispatcher({
    role: "guest",
    direction: "incoming",
    caller: { via: "host" },
    methods: [createListCalls({ list: () => [] })],
    policy: () => DEFAULT_POLICY,
    quota: createQuota(),
    audit: keepEntries(() => undefined),
    now: () => performance.now(),
  });
  await using link = createServedLink((call) => {
    if (call.method === "list-calls") return dispatch(call);
    running.push(call);
    return undefined;
  });
  const caller = { uid: 1000, name: "alice", pid: 7, program: "sh" };
  const params = { command: "dump", args: ["secret"] };
  link.caller.call({ id: "first-call", method: "execute", params, caller, keepMs: 1000 });
  link.caller.call({ id: "second-call", method: "info" });
  link.caller.call({ id: "forgotten-call", method: "execute", params, isDetached: true, keepMs: 1000 });
  await until("all run", () => running.length === 3);
  for (const call of running) if (call.method === "execute") call.respond({});
  const { result } = await link.caller.call({ id: "list", method: "list-calls" }).answer;
  const ages = { startedMs: expect.any(Number), finishedMs: expect.any(Number) };
  expect(result).toEqual({
    calls: [
      {
        id: "first-call",
        method: "execute",
        command: "dump",
        state: "finished",
        isDetached: false,
        caller,
        ...ages,
      },
      { id: "second-call", method: "info", state: "running", isDetached: false, startedMs: ages.startedMs },
      { id: "list", method: "list-calls", state: "running", isDetached: false, startedMs: ages.startedMs },
    ],
  });
});
