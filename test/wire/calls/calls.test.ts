/** When a call is over: answered, its streams at their ends, on both sides; or ended by what its peer did. */
import { describe, expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import type { FaultCode } from "../../../src/errors.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import type { OutgoingCall } from "../../../src/wire/calls/outgoing-call.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createOpenDialler, createScriptedPeer, settle } from "../session/scripted-peer.ts";
import type { ScriptedPeer } from "../session/scripted-peer.ts";
import { createLink, readText } from "../session/session-link.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const refuseAsLegacy = (nonce: unknown): string =>
  `${JSON.stringify({ success: false, error: `Method negotiate:${String(nonce)} not supported` })}\n`;

/** A dialler with a call that was sent, one that was not, and the codes with which they will end. */
const openBusy = (): { peer: ScriptedPeer; codes: Promise<string[]> } => {
  const peer = createOpenDialler();
  const sent = peer.session.call({ method: "m" });
  peer.drain();
  const unsent = peer.session.call({ method: "m" });
  expect([sent.isSent, unsent.isSent]).toEqual([true, false]);
  const codes = Promise.all([sent, unsent].map(async ({ answer }) => (await rejectionOf(answer)).code));
  return { peer, codes };
};
/** Says hello on another channel; returns the nonce. */
const redial = (peer: ScriptedPeer): unknown => {
  peer.session.detach();
  peer.session.dial();
  return peer.drain()[0]?.["id"];
};

describe("a served call", () => {
  test("that answered before its stream went out is over when it has", async () => {
    const link = await createLink();
    const call = link.host.call({ method: "m", read: ["stdout"] });
    await link.flow();
    void link.calls.guest[0]?.writer("stdout").write(encode("abc"));
    link.calls.guest[0]?.respond(0);
    expect(link.guest.incomingCount).toBe(1);
    await link.flow();
    expect(await readText(call.reader("stdout"))).toBe("abc");
    await link.flow();
    expect([link.host.outgoingCount, link.guest.incomingCount]).toEqual([0, 0]);
  });

  test("is over when its caller has stopped its streams, however much was written", async () => {
    const link = await createLink();
    const call = link.host.call({ method: "m", read: ["stdout"] });
    await link.flow();
    link.calls.guest[0]
      ?.writer("stdout")
      .write(new Uint8Array(1e6))
      .catch(() => {});
    link.calls.guest[0]?.respond(0);
    await link.flow();
    expect(link.guest.incomingCount).toBe(1);
    call.reader("stdout").cancel();
    await link.flow();
    expect([link.host.outgoingCount, link.guest.incomingCount]).toEqual([0, 0]);
  });

  test("that is taken up stops its new caller's stdin", async () => {
    const link = await createLink();
    const options = { method: "m", id: "a", isDetached: true, write: ["stdin"] };
    link.host.call(options).answer.catch(() => {});
    await link.flow();
    link.restart("host");
    const again = link.host.call(options);
    const written = rejectionOf(again.writer("stdin").write(encode("x")));
    await link.flow();
    expect((await written).code).toBe("CLOSED");
    expect(again.writer("stdin").stopped.aborted).toBe(true);
    expect((await rejectionOf(readText(link.calls.guest[0]?.reader("stdin") ?? never()))).code).toBe(
      "CANCELLED",
    );
  });

  test("that is taken up by a caller without its stdout is not held up by it", async () => {
    const link = await createLink();
    link.host.call({ method: "m", id: "a", isDetached: true, read: ["stdout"] }).answer.catch(() => {});
    await link.flow();
    link.restart("host");
    const again = link.host.call({ method: "m", id: "a", isDetached: true });
    await link.flow();
    const written = rejectionOf(link.calls.guest[0]?.writer("stdout").write(new Uint8Array(1e6)) ?? never());
    expect((await written).code).toBe("CLOSED");
    link.calls.guest[0]?.respond(1);
    await link.flow();
    expect((await again.answer).streams).toEqual({ stdout: { bytes: 0 } });
    expect([link.host.outgoingCount, link.guest.incomingCount]).toEqual([0, 0]);
  });

  // What waited when the stream was stopped never goes out; a total that counts it is never reached.
  test("whose stdout was stopped before it was taken up gives a total that is reached", async () => {
    const link = await createLink({ streamCreditBytes: 10 });
    const options = { method: "m", id: "a", isDetached: true, read: ["stdout"] };
    const first = link.host.call(options);
    first.answer.catch(() => {});
    await link.flow();
    link.calls.guest[0]
      ?.writer("stdout")
      .write(new Uint8Array(1e6))
      .catch(() => {});
    await link.flow();
    first.reader("stdout").cancel();
    await link.flow();
    link.restart("host");
    const again = link.host.call(options);
    await link.flow();
    link.calls.guest[0]?.respond(1);
    await link.flow();
    expect((await again.answer).streams).toEqual({ stdout: { bytes: 10 } });
    expect(await readText(again.reader("stdout"))).toBe("");
    expect([again.reader("stdout").missedBytes, link.host.outgoingCount]).toEqual([10, 0]);
  });
});

describe("a request with the id of another call", () => {
  const first = { method: "m", params: { command: "one" } };

  test.each([
    ["another method", { ...first, method: "n" }],
    ["other parameters", { ...first, params: { command: "two" } }],
    ["no parameters", { method: "m" }],
  ])("and %s is refused, while that runs and when it has ended", async (_, second) => {
    const link = await createLink();
    link.host.call({ ...first, id: "a", isDetached: true }).answer.catch(() => {});
    await link.flow();
    link.restart("host");
    const whileItRuns = link.host.call({ ...second, id: "a" });
    await link.flow();
    expect((await rejectionOf(whileItRuns.answer)).code).toBe("BAD_REQUEST");
    link.calls.guest[0]?.respond(1);
    await link.flow();
    const afterwards = link.host.call({ ...second, id: "a" });
    await link.flow();
    expect(await rejectionOf(afterwards.answer)).toMatchObject({
      code: "BAD_REQUEST",
      message: 'The call id "a" belongs to a different request',
    });
    expect(link.calls.guest).toHaveLength(1);
  });

  test("and the same method and parameters attaches, while that runs and when it has ended", async () => {
    const link = await createLink();
    link.host.call({ ...first, id: "a", isDetached: true }).answer.catch(() => {});
    await link.flow();
    link.restart("host");
    const whileItRuns = link.host.call({ ...first, id: "a", timeoutMs: 5 });
    await link.flow();
    link.calls.guest[0]?.respond(1);
    await link.flow();
    const afterwards = link.host.call({ ...first, id: "a" });
    await link.flow();
    expect([(await whileItRuns.answer).result, (await afterwards.answer).result]).toEqual([1, 1]);
    expect(link.calls.guest).toHaveLength(1);
  });
});

describe("a call that the other side answers without sense", () => {
  test.each([
    ["a negative total", { result: 1, streams: { stdout: { bytes: -1 } } }],
    ["an error that is text", { error: "no" }],
  ])("with %s, ends", async (_, members) => {
    const peer = createOpenDialler();
    const { answer } = peer.session.call({ method: "m" });
    peer.count({ id: peer.drain()[0]?.["id"], ...members });
    await settle();
    expect(peer.session.outgoingCount).toBe(0);
    expect((await rejectionOf(answer)).code).toBe("BAD_REQUEST");
    expect(peer.drain()).toMatchObject([{ id: null, error: { data: { code: "BAD_REQUEST" } } }]);
  });

  test("with a total below what came, ends with its reader", async () => {
    const peer = createOpenDialler();
    const call = peer.session.call({ method: "m", read: ["stdout"] });
    const id = peer.drain()[0]?.["id"];
    peer.count({ method: "stream.data", params: { call: id, stream: "stdout", offset: 0, text: "abc" } });
    peer.count({ id, result: 1, streams: { stdout: { bytes: 2 } } });
    expect([call.reader("stdout").bytes, peer.session.outgoingCount]).toEqual([3, 0]);
    expect((await rejectionOf(call.answer)).code).toBe("BAD_FRAME");
    expect((await rejectionOf(readText(call.reader("stdout")))).code).toBe("BAD_FRAME");
    expect(peer.drain()).toMatchObject([{ id: null, error: { data: { code: "BAD_FRAME" } } }]);
  });

  test("with a jump in the middle of its stream, ends", async () => {
    const peer = createOpenDialler();
    const call = peer.session.call({ method: "m", read: ["stdout"] });
    const id = peer.drain()[0]?.["id"];
    peer.count({ method: "stream.data", params: { call: id, stream: "stdout", offset: 0, text: "abc" } });
    peer.count({ method: "call.attached", params: { call: id, offsets: { stdout: 900 } } });
    expect((await rejectionOf(call.answer)).code).toBe("BAD_FRAME");
    expect(peer.session.outgoingCount).toBe(0);
  });
});

describe("a call that was answered, and whose output has not come whole,", () => {
  test.each<[string, FaultCode, (peer: ScriptedPeer, call: OutgoingCall, id: unknown) => void]>([
    ["is cancelled", "CANCELLED", (_, call) => call.cancel("enough")],
    ["is given up", "TIMEOUT", (_, call) => call.abort(new NegotiatorError("TIMEOUT", "too long"))],
    ["loses its session", "UNKNOWN_OUTCOME", (peer) => peer.session.close("done")],
    [
      "gets a piece of it at a wrong place",
      "BAD_FRAME",
      (peer, _, id) =>
        peer.count({ method: "stream.data", params: { call: id, stream: "stdout", offset: 7, text: "x" } }),
    ],
  ])("is over when it %s, with its reader", async (_, code, end) => {
    const peer = createOpenDialler();
    const { call, id } = answerAhead(peer);
    const read = rejectionOf(readText(call.reader("stdout")));
    await settle();
    expect([call.isAwaited, call.receivedBytes, peer.session.outgoingCount]).toEqual([true, 3, 1]);
    end(peer, call, id);
    expect([call.isAwaited, peer.session.outgoingCount]).toEqual([false, 0]);
    expect([(await read).code, (await rejectionOf(call.over)).code]).toEqual([code, code]);
    expect((await call.answer).result).toBe(1);
    expect(peer.drain().map(({ method }) => method)).not.toContain("call.cancel");
  });

  test("is awaited by nobody until what came is read", async () => {
    const { call } = answerAhead(createOpenDialler());
    expect(call.isAwaited).toBe(false);
    const reading = call.reader("stdout")[Symbol.asyncIterator]();
    await reading.next();
    expect(call.isAwaited).toBe(false);
    void reading.next();
    await settle();
    expect(call.isAwaited).toBe(true);
  });
});

describe("a call that was sent has an unknown outcome, and one that was not fails for the reason,", () => {
  test("after a goodbye", async () => {
    const { peer, codes } = openBusy();
    peer.say({ method: "session.goodbye" });
    expect(await codes).toEqual(["UNKNOWN_OUTCOME", "CLOSED"]);
    expect([peer.session.state, peer.session.outgoingCount]).toEqual(["cut", 0]);
  });

  test("after a refusal of the next hello", async () => {
    const { peer, codes } = openBusy();
    peer.say({ id: redial(peer), error: { code: -32014, message: "no" } });
    expect(await codes).toEqual(["UNKNOWN_OUTCOME", "UNSUPPORTED"]);
    expect([peer.session.state, peer.session.outgoingCount]).toEqual(["cut", 0]);
  });

  test("after the next hello found an old agent", async () => {
    const { peer, codes } = openBusy();
    peer.send(refuseAsLegacy(redial(peer)));
    expect(await codes).toEqual(["UNKNOWN_OUTCOME", "UNSUPPORTED"]);
    expect([peer.session.state, peer.session.outgoingCount]).toEqual(["foreign", 0]);
  });
});

test("calls that are given up while the peer acknowledges nothing leave nothing behind", async () => {
  const peer = createOpenDialler({ limits: { ...DEFAULT_LIMITS, unacknowledgedBytes: 10 } });
  peer.session.call({ method: "m" });
  peer.drain();
  // More than may wait for a peer that makes us answer it.
  for (let round = 0; round < 5000; round++) {
    const call = peer.session.call({ method: "m", read: ["stdout"], write: ["stdin"] });
    call.writer("stdin").end();
    call.abort(new NegotiatorError("TIMEOUT", "too long"));
  }
  expect([peer.session.outgoingCount, peer.drain()]).toEqual([1, []]);
  peer.count({ method: "call.cancel", params: { call: "none" } });
  expect(peer.session.state).toBe("open");
});

describe("a call that waits for a session", () => {
  test("goes into the next one with the stop of the stream that it no longer reads", async () => {
    const link = await createLink();
    const call = link.host.call({ method: "m", read: ["stdout"] });
    call.reader("stdout").cancel();
    link.restart("guest");
    await link.flow();
    const written = rejectionOf(link.calls.guest[0]?.writer("stdout").write(new Uint8Array(1e6)) ?? never());
    await link.flow();
    expect((await written).code).toBe("CLOSED");
    link.calls.guest[0]?.respond(1);
    await link.flow();
    expect((await call.answer).result).toBe(1);
  });

  test("goes into the next one with the end of its stdin", async () => {
    const link = await createLink();
    const call = link.host.call({ method: "m", write: ["stdin"] });
    call.writer("stdin").end();
    link.restart("guest");
    await link.flow();
    expect(await readText(link.calls.guest[0]?.reader("stdin") ?? never())).toBe("");
  });
});

test.each([
  [{ method: "session.ping" }],
  [{ method: "negotiate:me" }],
  [{ method: "m", id: "i".repeat(65) }],
  [{ method: "m", timeoutMs: 0 }],
])("%j is not called, since the protocol cannot carry it", (options) => {
  const peer = createScriptedPeer({ side: "dialler" });
  expect(() => peer.session.call(options)).toThrow("Cannot send a message");
  expect(peer.session.outgoingCount).toBe(0);
});

function never(): never {
  throw new Error("the other side was given no call");
}

/** A call of which three bytes came, the answer, and none of the seven bytes more that it names. */
function answerAhead(peer: ScriptedPeer) {
  const call = peer.session.call({ method: "m", read: ["stdout"] });
  const id = peer.drain()[0]?.["id"];
  peer.count({ method: "stream.data", params: { call: id, stream: "stdout", offset: 0, text: "abc" } });
  peer.count({ id, result: 1, streams: { stdout: { bytes: 10 } } });
  return { call, id };
}
