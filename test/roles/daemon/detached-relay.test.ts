/** The calls of several peers, of which one does not answer. */
import { expect, test } from "bun:test";
import { createDispatcher } from "../../../src/methods/dispatcher.ts";
import { createNativePeer } from "../../../src/peers/native.ts";
import { DEFAULT_POLICY } from "../../../src/policy/policy.ts";
import { createQuota } from "../../../src/policy/quota.ts";
import { createDetachedRelay } from "../../../src/roles/daemon/detached-relay.ts";
import type { OpenPeer } from "../../../src/roles/daemon/detached-relay.ts";
import { createPeerShares } from "../../../src/roles/daemon/peer-shares.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { keepEntries } from "../../support/audit-sample.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createServedLink } from "../../support/served-link.ts";
import { shortestOf } from "../../support/shortest.ts";
import { until } from "../../support/until.ts";
import type { CallerInfo } from "../../../src/wire/message.ts";

/** Far less than a guest has for its answer in all. */
const SOON_MS = 1500;

const ROW = { id: "call-1", method: "execute", state: "running", isDetached: true, startedMs: 5 };

const explainNoAnswer = () => new NegotiatorError("TIMEOUT", "No answer");

/** `closed`: the guests that are not connected. `holdList` gets the answer to each list of `web1`. */
type StageOptions = {
  findMs?: number;
  closed?: () => readonly string[];
  holdList?: (answer: () => void) => void;
};

/** The call belongs to the user who asks. */
const rowOf = ({ caller }: { caller?: CallerInfo | undefined }) => ({ ...ROW, ...(caller && { caller }) });

/** A control socket with the guests `web1`, which has a call, and `silent`, which never answers. */
function createStage({ findMs, closed = () => [], holdList = (answer) => answer() }: StageOptions = {}) {
  const control = new AsyncDisposableStack();
  const signals: unknown[] = [];
  const signalIds: string[] = [];
  let attached = 0;
  const open = (guest: string, answers: boolean): OpenPeer => {
    const link = control.use(
      createServedLink((call) => {
        if (!answers) return;
        if (call.method === "signal-command") {
          signals.push(call.params);
          signalIds.push(call.id);
        }
        if (call.method === "attach-command") attached++;
        else if (call.method === "list-calls") holdList(() => call.respond({ calls: [rowOf(call)] }));
        else call.respond({});
      }),
    );
    return { guest, peer: createNativePeer(link.caller, { keepsLines: true, explainNoAnswer }) };
  };
  const peers = [open("silent", false), open("web1", true)];
  const { call: dispatch } = createDispatcher({
    role: "host",
    direction: "outgoing",
    caller: { via: "local" },
    methods: createDetachedRelay({
      openPeers: () => peers.filter(({ guest = "" }) => !closed().includes(guest)),
      closedPeers: () => closed().map((guest) => ({ guest })),
      kept: { get: () => undefined, list: () => [] },
      shares: createPeerShares(),
      ...(findMs !== undefined && { findMs }),
    }),
    policy: () => DEFAULT_POLICY,
    quota: createQuota(),
    audit: keepEntries(() => undefined),
    now: () => performance.now(),
  });
  const link = control.use(createServedLink(dispatch));
  return {
    signals,
    /** The ids under which the signals came. */
    signalIds,
    /** The calls that wait for the end of the command of `web1`. */
    attached: () => attached,
    ask: async (method: string, params: object, uid = 0, id = crypto.randomUUID().slice(0, 22)) => {
      const startMs = performance.now();
      const { result } = await link.caller.call({ id, method, params, caller: { uid } }).answer;
      return { result, ms: performance.now() - startMs };
    },
    [Symbol.asyncDispose]: () => control.disposeAsync(),
  };
}

test("a silent guest is named soon, and the calls of the others are listed", async () => {
  await using stage = createStage();
  const ms = await shortestOf(SOON_MS, async () => {
    const { result, ms } = await stage.ask("calls", {});
    expect(result).toEqual({
      calls: [{ ...ROW, caller: { uid: 0 }, direction: "out", guest: "web1" }],
      silent: ["silent"],
      leftOut: 0,
    });
    return ms;
  });
  expect(ms).toBeLessThan(SOON_MS);
});

test("a silent guest does not hold up a signal to the call of another", async () => {
  await using stage = createStage();
  const signal = { call: "call-1", signal: "SIGUSR1" };
  const ms = await shortestOf(SOON_MS, async () => {
    stage.signals.length = 0;
    const { ms } = await stage.ask("signal-call", signal);
    expect(stage.signals).toEqual([signal]);
    return ms;
  });
  expect(ms).toBeLessThan(SOON_MS);
});

test("a signal goes to the guest under the id of its call, so that it can be handed over", async () => {
  await using stage = createStage();
  await stage.ask("signal-call", { call: ROW.id, signal: "SIGUSR1" }, 0, "call-of-the-signal");
  expect(stage.signalIds).toEqual(["call-of-the-signal"]);
});

test("a call that no guest has is not known to be gone while a guest does not answer", async () => {
  await using stage = createStage({ findMs: 1000 });
  const error = await rejectionOf(stage.ask("signal-call", { call: "other", signal: "SIGUSR1" }));
  expect(error.code).toBe("NO_CHANNEL");
  expect(error.message).toStartWith('Cannot look for the detached call "other": no answer from "silent"');
});

test("a call is found in a guest that connects a little later", async () => {
  let closed = ["silent", "web1"];
  await using stage = createStage({ closed: () => closed });
  const asked = stage.ask("signal-call", { call: "call-1", signal: "SIGUSR1" });
  setTimeout(() => (closed = ["silent"]), 200);
  await asked;
  expect(stage.signals).toEqual([{ call: "call-1", signal: "SIGUSR1" }]);
});

test("a call is not known to be gone while a guest is not connected", async () => {
  await using stage = createStage({ findMs: 300, closed: () => ["silent", "web1"] });
  const error = await rejectionOf(stage.ask("signal-call", { call: "call-1", signal: "SIGUSR1" }));
  expect(error.message).toStartWith(
    'Cannot look for the detached call "call-1": no answer from "silent", "web1"',
  );
});

const ATTACH = { call: "call-1", from: "now" };

test("a user who attaches again and again takes no more than its share of a guest", async () => {
  await using stage = createStage();
  const waiting = Array.from({ length: 33 }, () => stage.ask("attach-call", ATTACH, 1000));
  const error = await rejectionOf(Promise.race(waiting));
  expect(error.message).toStartWith('Too many calls of the local user 1000 to "web1" (32 of 32)');
  await until("the guest has the others", () => stage.attached() === 32);
  await stage.ask("signal-call", { call: "call-1", signal: "SIGUSR1" }, 1000);
  expect(stage.signals).toHaveLength(1);
  for (const each of waiting) each.catch(() => undefined);
});

test("many questions of a user ask a guest for one list at a time", async () => {
  const lists: (() => void)[] = [];
  await using stage = createStage({ findMs: 5000, holdList: (answer) => lists.push(answer) });
  const signal = { call: "call-1", signal: "SIGUSR1" };
  const asked = Array.from({ length: 20 }, () => stage.ask("signal-call", signal, 1000).catch(() => "BUSY"));
  await until("the first list is under way", () => lists.length === 1);
  const other = stage.ask("signal-call", signal, 1001);
  await until("another user has its own", () => lists.length === 2);
  for (const answer of lists.splice(0)) answer();
  await until("all others share the next one", () => lists.length === 1);
  lists[0]?.();
  await Promise.all([...asked, other]);
  expect(lists).toHaveLength(1);
});
