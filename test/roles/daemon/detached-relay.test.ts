/** The calls of several peers, of which one does not answer. */
import { expect, test } from "bun:test";
import { createDispatcher } from "../../../src/methods/dispatcher.ts";
import { createNativePeer } from "../../../src/peers/native.ts";
import { DEFAULT_POLICY } from "../../../src/policy/policy.ts";
import { createQuota } from "../../../src/policy/quota.ts";
import { createDetachedRelay } from "../../../src/roles/daemon/detached-relay.ts";
import type { OpenPeer } from "../../../src/roles/daemon/detached-relay.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { keepEntries } from "../../support/audit-sample.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createServedLink } from "../../support/served-link.ts";

/** Far less than a guest has for its answer in all. */
const SOON_MS = 1500;

const ROW = { id: "call-1", method: "execute", state: "running", isDetached: true, startedMs: 5 };

const explainNoAnswer = () => new NegotiatorError("TIMEOUT", "No answer");

/** `closed`: the guests that are not connected. */
type StageOptions = { findMs?: number; closed?: () => readonly string[] };

/** A control socket with the guests `web1`, which has a call, and `silent`, which never answers. */
function createStage({ findMs, closed = () => [] }: StageOptions = {}) {
  const control = new AsyncDisposableStack();
  const signals: unknown[] = [];
  const open = (guest: string, answers: boolean): OpenPeer => {
    const link = control.use(
      createServedLink((call) => {
        if (!answers) return;
        if (call.method === "signal-command") signals.push(call.params);
        call.respond(call.method === "list-calls" ? { calls: [ROW] } : {});
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
    ask: async (method: string, params: object) => {
      const startMs = performance.now();
      const { result } = await link.caller.call({ method, params, caller: { uid: 0 } }).answer;
      return { result, ms: performance.now() - startMs };
    },
    [Symbol.asyncDispose]: () => control.disposeAsync(),
  };
}

test("a silent guest is named soon, and the calls of the others are listed", async () => {
  await using stage = createStage();
  const { result, ms } = await stage.ask("calls", {});
  expect(result).toEqual({
    calls: [{ ...ROW, direction: "out", guest: "web1" }],
    silent: ["silent"],
    leftOut: 0,
  });
  expect(ms).toBeLessThan(SOON_MS);
});

test("a silent guest does not hold up a signal to the call of another", async () => {
  await using stage = createStage();
  const { ms } = await stage.ask("signal-call", { call: "call-1", signal: "SIGUSR1" });
  expect(stage.signals).toEqual([{ call: "call-1", signal: "SIGUSR1" }]);
  expect(ms).toBeLessThan(SOON_MS);
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
