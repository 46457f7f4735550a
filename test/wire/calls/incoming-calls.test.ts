/** The calls that a peer makes: which requests are refused, and which messages reach a call. */
import { describe, expect, test } from "bun:test";
import type { FaultCode } from "../../../src/errors.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import type { Limits } from "../../../src/limits.ts";
import { createCreditPool } from "../../../src/wire/calls/credit-pool.ts";
import type { IncomingCall } from "../../../src/wire/calls/incoming-call.ts";
import { createIncomingCalls } from "../../../src/wire/calls/incoming-calls.ts";
import { countBytes } from "../../../src/wire/calls/json-bytes.ts";
import { createServedCalls } from "../../../src/wire/calls/served-calls.ts";
import { createMemory } from "../../../src/wire/memory.ts";
import type { Request } from "../../../src/wire/message.ts";

type Scene = ReturnType<typeof createScene>;

/** An empty set of calls with the given limits. `sent` has all messages to the peer. */
function createScene(changes: Partial<Limits> = {}, memoryBytes = 1 << 20) {
  const limits = { ...DEFAULT_LIMITS, ...changes };
  const memory = createMemory(memoryBytes);
  const served = createServedCalls(limits, memory.open());
  const sent: unknown[] = [];
  const started: IncomingCall[] = [];
  const refused: { id: string; code: FaultCode }[] = [];
  const removed: string[] = [];
  const outlet = {
    controlCount: 0,
    control: (make: () => unknown) => void sent.push(make()),
    begin: () => undefined,
    notice: () => undefined,
    ready: () => undefined,
    removeCall: (id: string) => void removed.push(id),
  };
  const calls = createIncomingCalls({
    limits,
    served,
    outlet,
    onCall: (call) => void started.push(call),
    onRefused: ({ id }, { code }) => void refused.push({ id, code }),
    peerLineBytes: () => 1 << 20,
    window: { firstBytes: 100, mostBytes: 100, pool: createCreditPool(0) },
  });
  const take = (id: string, more: Partial<Request> = {}): void =>
    calls.take({ kind: "request", method: "m", params: {}, ...more, id });
  return { calls, served, outlet, sent, started, refused, removed, take };
}

/** The ids of the calls that began. */
function idsOf({ started }: Scene): string[] {
  return started.map(({ id }) => id);
}

describe("a request", () => {
  test("starts a call, and a second one with its id is refused while it runs and after it", () => {
    const scene = createScene();
    scene.take("a");
    scene.take("a");
    scene.started[0]?.respond(1);
    scene.take("a");
    expect(idsOf(scene)).toEqual(["a"]);
    expect(scene.refused).toEqual([
      { id: "a", code: "BAD_REQUEST" },
      { id: "a", code: "BAD_REQUEST" },
    ]);
    expect([scene.removed, scene.calls.count]).toEqual([["a"], 0]);
  });

  test("with as many streams as the limit starts, and with one more is refused", () => {
    const scene = createScene({ streamsPerCall: 3 });
    scene.take("fits", { streams: { read: { a: 1, b: 1 }, write: ["c"] } });
    scene.take("over", { streams: { read: { a: 1, b: 1 }, write: ["c", "d"] } });
    expect([idsOf(scene), scene.refused]).toEqual([["fits"], [{ id: "over", code: "BUSY" }]]);
    expect(scene.sent.at(-1)).toMatchObject({
      kind: "failure",
      id: "over",
      error: { message: "Cannot take the call: the limit of 3 streams is reached" },
    });
  });

  test("beyond the number of running calls is refused, until one has ended", () => {
    const scene = createScene({ openCalls: 2 });
    for (const id of ["a", "b", "c"]) scene.take(id);
    scene.started[0]?.respond(1);
    scene.take("d");
    expect([idsOf(scene), scene.refused]).toEqual([["a", "b", "d"], [{ id: "c", code: "BUSY" }]]);
  });

  test("beside twice as many answered calls whose streams are open is refused", () => {
    const scene = createScene({ openCalls: 1 });
    const streams = { read: { out: 0 }, write: [] };
    for (const id of ["a", "b"]) {
      scene.take(id, { streams });
      const call = scene.started.at(-1);
      void call
        ?.writer("out")
        .write(Buffer.from("x"))
        .catch(() => undefined);
      call?.respond(1);
    }
    expect([scene.served.runningCount, scene.calls.count]).toEqual([0, 2]);
    scene.take("c");
    expect([idsOf(scene), scene.refused]).toEqual([["a", "b"], [{ id: "c", code: "BUSY" }]]);
  });

  test("is refused while more than twice as many answers as calls wait for the peer", () => {
    const scene = createScene({ openCalls: 2 });
    scene.outlet.controlCount = 4;
    scene.take("fits");
    scene.outlet.controlCount = 5;
    scene.take("over");
    expect([idsOf(scene), scene.refused]).toEqual([["fits"], [{ id: "over", code: "BUSY" }]]);
    expect(scene.sent.at(-1)).toMatchObject({
      error: { message: expect.stringContaining("the limit of 4 answers that the caller has not read") },
    });
  });

  test("with large parameters is taken alone, and beside others up to the limit of bytes", () => {
    const params = { text: "x".repeat(100) };
    const bytes = countBytes(params);
    const alone = createScene({ openCallBytes: bytes - 1 });
    alone.take("alone", { params });
    alone.take("over");
    expect([idsOf(alone), alone.refused]).toEqual([["alone"], [{ id: "over", code: "BUSY" }]]);
    const beside = createScene({ openCallBytes: 2 * bytes });
    for (const id of ["a", "b", "c"]) beside.take(id, { params });
    expect(idsOf(beside)).toEqual(["a", "b"]);
  });

  test("for whose parameters all peers have no memory is refused", () => {
    const scene = createScene({}, 1000);
    scene.take("large", { params: { text: "x".repeat(100_000) } });
    scene.take("small");
    expect([idsOf(scene), scene.refused]).toEqual([["small"], [{ id: "large", code: "BUSY" }]]);
  });
});

describe("an attach", () => {
  test("to a call of this session, or to an unknown one, is refused", () => {
    const scene = createScene();
    scene.take("a");
    scene.calls.attach({ kind: "attach", id: "a" });
    scene.calls.attach({ kind: "attach", id: "b" });
    expect(scene.sent).toMatchObject([
      { kind: "failure", id: "a", error: { code: "BAD_REQUEST" } },
      { kind: "failure", id: "b", error: { code: "NO_CALL" } },
    ]);
  });

  test("to a finished call repeats its answer, after the ends of its streams", () => {
    const scene = createScene();
    scene.take("a", { streams: { read: { out: 100 }, write: [] } });
    scene.started[0]?.respond(5);
    scene.sent.length = 0;
    scene.calls.detachAll();
    scene.calls.attach({ kind: "attach", id: "a" });
    expect(scene.sent).toMatchObject([
      { kind: "begin", call: "a", offsets: { out: 0 } },
      { kind: "result", id: "a", result: 5 },
    ]);
  });

  test("to a detached call whose caller is gone gets its answer", () => {
    const scene = createScene();
    scene.take("a", { isDetached: true });
    scene.calls.detachAll();
    expect([scene.calls.has("a"), scene.started[0]?.signal.aborted]).toEqual([false, false]);
    scene.calls.attach({ kind: "attach", id: "a" });
    expect(scene.calls.has("a")).toBe(true);
    scene.started[0]?.respond(5);
    expect(scene.sent.at(-1)).toMatchObject({ kind: "result", id: "a", result: 5 });
    expect([scene.calls.has("a"), scene.removed]).toEqual([false, ["a"]]);
  });
});

describe("the callers", () => {
  test("that are gone cancel their calls, but not the detached ones", () => {
    const scene = createScene();
    scene.take("a");
    scene.take("b", { isDetached: true });
    scene.calls.detachAll();
    const [attached, detached] = scene.started;
    expect(attached?.signal.reason).toMatchObject({ code: "CANCELLED", message: "The caller is gone" });
    expect([detached?.signal.aborted, scene.calls.count]).toEqual([false, 0]);
  });

  test("of calls that are not detached can be cancelled together", () => {
    const scene = createScene();
    scene.take("a");
    scene.take("b", { isDetached: true });
    scene.calls.cancelAttached(new NegotiatorError("CANCELLED", "stop"));
    expect(scene.started.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  });
});

describe("a message inside a call", () => {
  test("goes to the call, and one for another call is dropped", () => {
    const scene = createScene();
    scene.take("a");
    const got: unknown[] = [];
    scene.started[0]?.listen((name, value) => void got.push([name, value]));
    scene.calls.takeMessage({ kind: "message", call: "a", name: "signal", value: 5 });
    scene.calls.takeMessage({ kind: "message", call: "b", name: "signal", value: 6 });
    expect(got).toEqual([["signal", 5]]);
  });

  test.each([
    [{ reason: "enough" }, "The call was cancelled: enough"],
    [{ reason: 5 }, "The call was cancelled: the caller cancelled it"],
    ["enough", "The call was cancelled: the caller cancelled it"],
    [undefined, "The call was cancelled: the caller cancelled it"],
  ])("that cancels it with %j aborts it, and it can still answer", (value, message) => {
    const scene = createScene();
    scene.take("a");
    scene.calls.takeMessage({ kind: "message", call: "a", name: "cancel", value });
    expect(scene.started[0]?.signal.reason).toMatchObject({ code: "CANCELLED", message });
    scene.started[0]?.respond("partly");
    expect(scene.sent).toMatchObject([{ kind: "result", result: "partly" }]);
  });

  test("that says this side has broken the protocol fails the call at once", () => {
    const scene = createScene();
    scene.take("a");
    const value = { code: "BAD_FRAME", reason: "a bad chunk" };
    scene.calls.takeMessage({ kind: "message", call: "a", name: "cancel", value });
    expect(scene.sent).toMatchObject([{ kind: "failure", id: "a", error: { code: "BAD_FRAME" } }]);
    expect([scene.started[0]?.signal.aborted, scene.calls.has("a")]).toEqual([true, false]);
  });
});
