/** A call is over when it is answered and its streams have ended, or when its peer has broken the rules. */
import { describe, expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import type { FaultCode } from "../../../src/errors.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import type { JsonObject } from "../../../src/wire/json.ts";
import type { OutgoingCall } from "../../../src/wire/calls/outgoing-call.ts";
import { rejectionOf } from "../../support/error-of.ts";
import {
  createOpenDialler,
  createOpenListener,
  createScriptedPeer,
  settle,
} from "../session/scripted-peer.ts";
import type { ScriptedPeer } from "../session/scripted-peer.ts";
import { createLink, readText } from "../session/session-link.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const refuseAsLegacy = (nonce: unknown): string =>
  `${JSON.stringify({ success: false, error: `Method negotiate:${String(nonce)} not supported` })}\n`;

/** Creates a dialler with a sent and an unsent call. `codes` resolves with the codes that end them. */
const openBusy = (): { peer: ScriptedPeer; codes: Promise<string[]> } => {
  const peer = createOpenDialler();
  const sent = peer.session.call({ method: "m" });
  peer.drain();
  const unsent = peer.session.call({ method: "m" });
  expect([sent.isSent, unsent.isSent]).toEqual([true, false]);
  const codes = Promise.all([sent, unsent].map(async ({ answer }) => (await rejectionOf(answer)).code));
  return { peer, codes };
};
/** Sends a hello on another channel, and returns its nonce. */
const redial = (peer: ScriptedPeer): unknown => {
  peer.session.detach();
  peer.session.dial();
  return peer.drain()[0]?.["id"];
};

describe("a served call", () => {
  test("a served call that answers before its stream is sent is over when the stream is sent", async () => {
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

  test("a served call is over when its caller has stopped its streams, although bytes wait", async () => {
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

  test("attaching to a served call that reads nothing yet does not stop the new caller's stdin", async () => {
    const link = await createLink();
    const options = { method: "m", id: "a", isDetached: true, write: ["stdin"] };
    link.host.call(options).answer.catch(() => {});
    await link.flow();
    link.restart("host");
    const again = link.host.call({ ...options, isAttach: true });
    again.answer.catch(() => {});
    const written = again.writer("stdin").write(encode("x"));
    const text = readText(link.calls.guest[0]?.reader("stdin") ?? never());
    await link.flow();
    await written;
    again.writer("stdin").end();
    await link.flow();
    expect(await text).toBe("x");
  });

  test("attaching without stdout stops the served call's stdout", async () => {
    const link = await createLink();
    link.host.call({ method: "m", id: "a", isDetached: true, read: ["stdout"] }).answer.catch(() => {});
    await link.flow();
    link.restart("host");
    const again = link.host.call({ method: "m", id: "a", isAttach: true });
    await link.flow();
    const written = rejectionOf(link.calls.guest[0]?.writer("stdout").write(new Uint8Array(1e6)) ?? never());
    expect((await written).code).toBe("CLOSED");
    link.calls.guest[0]?.respond(1);
    await link.flow();
    expect((await again.answer).streams).toEqual({ stdout: { bytes: 0 } });
    expect([link.host.outgoingCount, link.guest.incomingCount]).toEqual([0, 0]);
  });

  // Bytes that waited at the stop are never sent, so a total that included them would never be reached.
  test("the total of a stopped stdout counts sent bytes only, so an attached call ends", async () => {
    const link = await createLink({ firstCreditBytes: 10, streamCreditBytes: 10 });
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
    const again = link.host.call({ ...options, isAttach: true });
    await link.flow();
    link.calls.guest[0]?.respond(1);
    await link.flow();
    expect((await again.answer).streams).toEqual({ stdout: { bytes: 10 } });
    expect(await readText(again.reader("stdout"))).toBe("");
    expect([again.reader("stdout").missedBytes, link.host.outgoingCount]).toEqual([10, 0]);
  });
});

test("half of openCalls may be answered calls whose output is not taken, then calls get BUSY", () => {
  const peer = createOpenListener({ limits: { openCalls: 2 } });
  const call = (id: string): JsonObject[] => {
    peer.count({ id, method: "m", streams: { read: { stdout: 0 } } });
    const served = peer.calls.find((candidate) => candidate.id === id);
    served
      ?.writer("stdout")
      .write(encode("unread"))
      .catch(() => {});
    served?.respond(0);
    return peer.drain();
  };
  for (const id of ["a", "b", "c"])
    expect(call(id)).toMatchObject([{ id, result: 0, streams: { stdout: { bytes: 6 } } }]);
  expect(peer.session.incomingCount).toBe(3);
  expect(call("e")).toMatchObject([{ id: "e", error: { data: { code: "BUSY" } } }]);
  peer.count({ method: "stream.stop", params: { call: "a", stream: "stdout" } });
  peer.drain();
  expect(call("f")).toMatchObject([{ id: "f", result: 0 }]);
});

describe("an invalid answer", () => {
  test.each([
    ["a negative total", { result: 1, streams: { stdout: { bytes: -1 } } }],
    ["an error that is text", { error: "no" }],
  ])("an answer with %s ends the call with BAD_REQUEST", async (_, members) => {
    const peer = createOpenDialler();
    const { answer } = peer.session.call({ method: "m" });
    peer.count({ id: peer.drain()[0]?.["id"], ...members });
    await settle();
    expect(peer.session.outgoingCount).toBe(0);
    expect((await rejectionOf(answer)).code).toBe("BAD_REQUEST");
    expect(peer.drain()).toMatchObject([{ id: null, error: { data: { code: "BAD_REQUEST" } } }]);
  });

  test("an answer with a total below the received bytes ends the call with BAD_FRAME", async () => {
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
});

describe("an answered call with output to come", () => {
  test.each<[string, FaultCode, (peer: ScriptedPeer, call: OutgoingCall, id: unknown) => void]>([
    ["is cancelled", "CANCELLED", (_, call) => call.cancel("enough")],
    ["is aborted", "TIMEOUT", (_, call) => call.abort(new NegotiatorError("TIMEOUT", "too long"))],
    ["loses its session", "UNKNOWN_OUTCOME", (peer) => peer.session.close("done")],
    [
      "gets a chunk with a wrong offset",
      "BAD_FRAME",
      (peer, _, id) =>
        peer.count({ method: "stream.data", params: { call: id, stream: "stdout", offset: 7, text: "x" } }),
    ],
  ])("an answered call that %s ends with its reader and code %s", async (_, code, end) => {
    const peer = createOpenDialler();
    const { call, id } = answerAhead(peer);
    const read = rejectionOf(readText(call.reader("stdout")));
    await settle();
    expect([call.isAwaited, call.receivedBytes, peer.session.outgoingCount]).toEqual([true, 3, 1]);
    end(peer, call, id);
    expect([call.isAwaited, peer.session.outgoingCount]).toEqual([false, 0]);
    expect([(await read).code, (await rejectionOf(call.over)).code]).toEqual([code, code]);
    expect((await call.answer).result).toBe(1);
    expect(peer.drain().map(({ method }) => method)).not.toContain("call.message");
  });

  test("an answered call is awaited only after its received output was read", async () => {
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

describe("the end of a session", () => {
  test("a goodbye ends a sent call with UNKNOWN_OUTCOME, and an unsent one with CLOSED", async () => {
    const { peer, codes } = openBusy();
    peer.say({ method: "session.goodbye" });
    expect(await codes).toEqual(["UNKNOWN_OUTCOME", "CLOSED"]);
    expect([peer.session.state, peer.session.outgoingCount]).toEqual(["cut", 0]);
  });

  test("a refused hello ends a sent call with UNKNOWN_OUTCOME, and an unsent one with its code", async () => {
    const { peer, codes } = openBusy();
    peer.say({ id: redial(peer), error: { code: -32014, message: "no" } });
    expect(await codes).toEqual(["UNKNOWN_OUTCOME", "UNSUPPORTED"]);
    expect([peer.session.state, peer.session.outgoingCount]).toEqual(["cut", 0]);
  });

  test("an old agent ends a sent call with UNKNOWN_OUTCOME, and an unsent one with UNSUPPORTED", async () => {
    const { peer, codes } = openBusy();
    peer.send(refuseAsLegacy(redial(peer)));
    expect(await codes).toEqual(["UNKNOWN_OUTCOME", "UNSUPPORTED"]);
    expect([peer.session.state, peer.session.outgoingCount]).toEqual(["foreign", 0]);
  });
});

test("5000 calls aborted while the peer acknowledges nothing leave no messages", async () => {
  const peer = createOpenDialler({ limits: { ...DEFAULT_LIMITS, unacknowledgedBytes: 10 } });
  peer.session.call({ method: "m" });
  peer.drain();
  // A session cuts a peer when more than 4096 messages wait.
  for (let round = 0; round < 5000; round++) {
    const call = peer.session.call({ method: "m", read: ["stdout"], write: ["stdin"] });
    call.writer("stdin").end();
    call.abort(new NegotiatorError("TIMEOUT", "too long"));
  }
  expect([peer.session.outgoingCount, peer.drain()]).toEqual([1, []]);
  peer.count({ method: "call.message", params: { call: "none", name: "cancel" } });
  expect(peer.session.state).toBe("open");
});

describe("a call that waits for a session", () => {
  test("a waiting call goes into the next session with the stop of its cancelled stream", async () => {
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

  test("a waiting call goes into the next session with the end of its stdin", async () => {
    const link = await createLink();
    const call = link.host.call({ method: "m", write: ["stdin"] });
    call.writer("stdin").end();
    link.restart("guest");
    await link.flow();
    const text = readText(link.calls.guest[0]?.reader("stdin") ?? never());
    await link.flow();
    expect(await text).toBe("");
  });
});

test.each([
  [{ method: "session.ping" }],
  [{ method: "negotiate:me" }],
  [{ method: "m", id: "i".repeat(65) }],
  [{ method: "m", timeoutMs: -1 }],
  [{ method: "m", read: ["a"], write: ["a"] }],
])("the call %j throws, because the protocol cannot carry it", (options) => {
  const peer = createScriptedPeer({ side: "dialler" });
  expect(() => peer.session.call(options)).toThrow("Cannot send a message");
  expect(peer.session.outgoingCount).toBe(0);
});

function never(): never {
  throw new Error("the other side has received no call");
}

/** Starts a call that gets three bytes and an answer with a total of ten. */
function answerAhead(peer: ScriptedPeer) {
  const call = peer.session.call({ method: "m", read: ["stdout"] });
  const id = peer.drain()[0]?.["id"];
  peer.count({ method: "stream.data", params: { call: id, stream: "stdout", offset: 0, text: "abc" } });
  peer.count({ id, result: 1, streams: { stdout: { bytes: 10 } } });
  return { call, id };
}
