/** Calls that a daemon passes on: one deadline for all steps, and the cancel. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { createDispatcher } from "../../../src/methods/dispatcher.ts";
import { NATIVE } from "../../../src/peers/native.ts";
import type { Peer, PeerCall } from "../../../src/peers/peer.ts";
import { DEFAULT_POLICY } from "../../../src/policy/policy.ts";
import { createQuota } from "../../../src/policy/quota.ts";
import { createGuestMethods } from "../../../src/roles/host/guest-methods.ts";
import { createPeerShares } from "../../../src/roles/daemon/peer-shares.ts";
import { createRelay } from "../../../src/roles/daemon/relay.ts";
import { settlesWithin } from "../../../src/process/settling.ts";
import { keepEntries } from "../../support/audit-sample.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createServedLink } from "../../support/served-link.ts";
import { until } from "../../support/until.ts";

const WAITED_MS = 30;
const RESULT = { exitCode: null, signal: "SIGTERM", endedBy: "deadline", durationMs: 100 };

async function* nothing(): AsyncGenerator<Uint8Array> {}
const noOutput = {
  [Symbol.asyncIterator]: nothing,
  bytes: 0,
  isTruncated: false,
  missedBytes: 0,
  cancel() {},
};

const NOTHING = { send: () => undefined, listen: () => undefined, cancel: () => undefined };

/** A peer that records the timeout of each call. */
function createWitness() {
  const givenMs: number[] = [];
  const peer: Peer = {
    can: NATIVE.can,
    notify: () => undefined,
    call(method, _params, { timeoutMs }) {
      givenMs.push(timeoutMs);
      const result = Promise.resolve(method === "execute" ? RESULT : { commands: [] });
      return { isSent: true, result, reader: () => noOutput, writer: noInput, ...NOTHING };
    },
  };
  return { peer, givenMs };
}

function noInput(): never {
  throw new Error("the call has no input");
}

/** A peer whose detached commands run without end, and that answers nothing else. */
const BUSY_PEER: Peer = {
  can: NATIVE.can,
  notify: () => undefined,
  call(_method, _params, { id, isDetached }) {
    const listen: PeerCall["listen"] = (listener) => isDetached && listener("started", { call: id });
    const result = Promise.withResolvers<unknown>().promise;
    return { isSent: true, result, reader: () => noOutput, writer: noInput, ...NOTHING, listen };
  },
};

function relayTo(peerOf: Parameters<typeof createRelay>[0]) {
  const shares = createPeerShares();
  return createServedLink(
    createDispatcher({
      role: "host",
      direction: "outgoing",
      caller: { via: "local" },
      methods: [...createRelay(peerOf, shares), ...createGuestMethods(peerOf, shares)],
      policy: () => DEFAULT_POLICY,
      quota: createQuota(),
      audit: keepEntries(() => undefined),
      now: () => performance.now(),
    }).call,
  );
}

test.each([
  ["execute", { guest: "web1", command: "x", args: [] }],
  ["list-commands", { guest: "web1" }],
])("%s gets the deadline minus the wait for the guest", async (method, params) => {
  const { peer, givenMs } = createWitness();
  await using link = relayTo(async (_guest, timeoutMs) => {
    const startMs = performance.now();
    givenMs.push(timeoutMs);
    await until("time has passed", () => performance.now() - startMs >= WAITED_MS);
    return peer;
  });
  const { result } = await link.caller.call({ method, params, timeoutMs: 60_000 }).answer;
  expect(givenMs[0]).toBeWithin(1, 60_001);
  expect(givenMs[1]).toBeWithin(1, 60_001 - WAITED_MS);
  if (method === "execute") expect(result).toEqual({ ...RESULT, inputBytes: 0 });
  await link.caller.call({ method, params }).answer;
  expect(givenMs.slice(2)).toEqual([0, 0]);
});

test("a cancel ends the wait for a guest that does not answer", async () => {
  const signals: AbortSignal[] = [];
  await using link = relayTo((_guest, _timeoutMs, signal) => {
    signals.push(signal);
    return new Promise<never>(() => undefined);
  });
  const call = link.caller.call({ method: "list-commands", params: { guest: "web1" } });
  await until("it waits for the guest", () => signals.length === 1);
  call.cancel("enough");
  expect((await rejectionOf(call.answer)).code).toBe("CANCELLED");
  expect(NegotiatorError.from(signals[0]?.reason).code).toBe("CANCELLED");
});

test.each([
  ["detached commands", 32, { method: "execute", params: { guest: "web1", command: "x" }, isDetached: true }],
  ["questions for facts", 8, { method: "guest-info", params: { guest: "web1" } }],
])("the %s that run take no more than the share of their user", async (_what, share, request) => {
  await using link = relayTo(() => Promise.resolve(BUSY_PEER));
  const call = (uid: number) => link.caller.call({ ...request, caller: { uid } }).answer;
  const answers = Array.from({ length: share + 1 }, () => call(1000));
  const refused = await rejectionOf(answers.pop() ?? Promise.resolve());
  expect(refused.message).toContain(`calls of the local user 1000 to "web1" (${share} of ${share})`);
  for (const answer of answers) answer.catch(() => undefined);
  const others = [call(1001), call(0)].map((answer) => answer.catch(() => "refused"));
  const { promise: never } = Promise.withResolvers();
  const refusals = others.map(async (answer) => (await answer) === "refused" || never);
  expect(await settlesWithin(Promise.race(refusals), WAITED_MS)).toBeFalse();
});
