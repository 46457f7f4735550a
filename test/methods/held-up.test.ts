/** The calls that cannot be handed over to the next program now. */
import { expect, test } from "bun:test";
import * as v from "valibot";
import { createDispatcher } from "../../src/methods/dispatcher.ts";
import { defineMethod } from "../../src/methods/method.ts";
import type { CallContext } from "../../src/methods/method.ts";
import { DEFAULT_POLICY } from "../../src/policy/policy.ts";
import { createQuota } from "../../src/policy/quota.ts";
import type { HandOver, IncomingCall } from "../../src/wire/calls/incoming-call.ts";
import { keepEntries } from "../support/audit-sample.ts";
import { until } from "../support/until.ts";
import { createOpenListener } from "../wire/session/scripted-peer.ts";

const CALLER = { via: "guest", name: "web1", uuid: "u-1" } as const;
const GIVEN = { id: "1", caller: CALLER, ageMs: 5, grant: { rule: "default" }, method: { place: 7 } };

/** Calls a method that waits. `handOver` replaces that of the session. */
async function callMethod(handOver: HandOver | undefined) {
  const heldUp = new Set<IncomingCall>();
  const { promise, resolve } = Promise.withResolvers<{ result: null }>();
  let context: CallContext | undefined;
  const method = defineMethod({
    name: "wait",
    params: v.unknown(),
    run(_, given) {
      context = given;
      return promise;
    },
  });
  const dispatcher = createDispatcher({
    role: "host",
    direction: "incoming",
    caller: CALLER,
    methods: [method],
    policy: () => DEFAULT_POLICY,
    quota: createQuota(),
    audit: keepEntries(() => undefined),
    now: () => performance.now(),
    heldUp,
  });
  const peer = createOpenListener();
  peer.count({ id: "1", method: "wait", params: {} });
  const [call] = peer.calls;
  if (call === undefined) throw new Error("The session has given no call");
  const ended = dispatcher.call(Object.assign(Object.create(call), { handOver }));
  const begun = await until("the method runs", () => context);
  return {
    heldUp,
    onFreeze: begun.onFreeze,
    given: begun.given,
    end: async () => {
      resolve({ result: null });
      await ended;
    },
  };
}

/** Remembers what the call would hand over. */
function createHandOver(given?: unknown) {
  let freeze: (() => unknown) | undefined;
  return { given, onFreeze: (next: () => unknown) => void (freeze = next), freeze: () => freeze?.() };
}

test("a new call holds up nothing, and hands over what its method says", async () => {
  const handOver = createHandOver();
  const { heldUp, onFreeze, end } = await callMethod(handOver);
  expect(heldUp.size).toBe(0);
  onFreeze(() => ({ place: 8 }));
  expect(handOver.freeze()).toMatchObject({ caller: CALLER, method: { place: 8 } });
  await end();
});

test("a call that was handed over holds up the next program until its method has gone on", async () => {
  const handOver = createHandOver(GIVEN);
  const { heldUp, onFreeze, given, end } = await callMethod(handOver);
  expect(given).toEqual({ place: 7 });
  expect(heldUp.size).toBe(1);
  onFreeze(() => ({ place: 8 }));
  expect(heldUp.size).toBe(0);
  expect(handOver.freeze()).toMatchObject({ method: { place: 8 } });
  await end();
});

test.each<[string, HandOver | undefined, "never" | undefined]>([
  ["of a foreign dialect", undefined, undefined],
  ["whose method says never", createHandOver(), "never"],
  ["that was handed over, and whose method says never", createHandOver(GIVEN), "never"],
])("a call %s holds up the next program until its end", async (_, handOver, says) => {
  const { heldUp, onFreeze, end } = await callMethod(handOver);
  onFreeze(says ?? (() => ({})));
  expect(heldUp.size).toBe(1);
  await end();
  expect(heldUp.size).toBe(0);
});
