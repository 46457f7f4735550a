/** Each breach ends its call at once on both sides as the failure BAD_FRAME, with a complaint. */
import { describe, expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createOpenDialler, createOpenListener } from "../session/scripted-peer.ts";
import type { ScriptedPeer } from "../session/scripted-peer.ts";
import { readText } from "../session/session-link.ts";

type Message = { method: string; params: unknown };
/** Makes messages about the stream `read`, which the session reads, and `written`, which it writes. */
type Breach = (call: string) => readonly Message[];

const CREDIT = 1000;
const LIMITS = { firstCreditBytes: CREDIT, streamCreditBytes: CREDIT };
const data = (call: string, members: object, stream = "read"): Message => ({
  method: "stream.data",
  params: { call, stream, ...members },
});
const text = (call: string, offset: number, content = "abc"): Message =>
  data(call, { offset, text: content });
const end = (call: string, bytes: number): Message => ({
  method: "stream.end",
  params: { call, stream: "read", bytes },
});
const credit = (call: string, stream: string, limit: unknown): Message => ({
  method: "stream.credit",
  params: { call, stream, limit },
});

const BREACHES: Readonly<Record<string, Breach>> = {
  "a chunk at a wrong offset": (call) => [text(call, 1)],
  "a chunk that came before": (call) => [text(call, 0), text(call, 0)],
  "a chunk over the credit": (call) => [text(call, 0, "x".repeat(CREDIT + 1))],
  "an empty chunk": (call) => [text(call, 0, "")],
  "a chunk after the announced bytes": (call) => [text(call, 0), end(call, 3), text(call, 3)],
  "an end with more bytes than came": (call) => [text(call, 0), end(call, 4)],
  "an end with fewer bytes than came": (call) => [text(call, 0), end(call, 2)],
  "a second end": (call) => [text(call, 0), end(call, 3), end(call, 3)],
  "a chunk with bad base64": (call) => [data(call, { offset: 0, base64: "a*==" })],
  "a chunk with base64 without padding": (call) => [data(call, { offset: 0, base64: "YQ" })],
  "a chunk in two forms": (call) => [data(call, { offset: 0, base64: "YQ==", text: "a" })],
  "a chunk in no form": (call) => [data(call, { offset: 0 })],
  "a chunk of 65,537 bytes": (call) => [text(call, 0, "x".repeat(65_537))],
  "a chunk of a stream that the call does not have": (call) => [data(call, { offset: 0, text: "a" }, "none")],
  "a chunk of a stream that flows the other way": (call) => [data(call, { offset: 0, text: "a" }, "written")],
  "credit for a stream that the call does not have": (call) => [credit(call, "none", 9)],
  "credit for a stream that flows the other way": (call) => [credit(call, "read", 9)],
  "credit that is no number": (call) => [credit(call, "written", "9")],
  "a chunk without an offset": (call) => [data(call, { text: "a" })],
  "an end without its bytes": (call) => [{ method: "stream.end", params: { call, stream: "read" } }],
  "a stop of no stream": (call) => [{ method: "stream.stop", params: { call } }],
  "a message in the call without a name": (call) => [{ method: "call.message", params: { call, value: 1 } }],
};
const CALLER_ONLY: Readonly<Record<string, Breach>> = {
  "a beginning after the first byte": (call) => [
    text(call, 0),
    { method: "call.begin", params: { call, offsets: { read: 5 } } },
  ],
  "a second beginning": (call) =>
    [5, 6].map((read) => ({ method: "call.begin", params: { call, offsets: { read } } })),
  "a beginning at half a byte": (call) => [
    { method: "call.begin", params: { call, offsets: { read: 0.5 } } },
  ],
};

/** Sends the messages, and returns the code and id of each error in the answers, or the name of a message. */
function sendAll(peer: ScriptedPeer, messages: readonly Message[]): unknown[] {
  for (const message of messages) peer.count(message);
  return peer.drain();
}

const COMPLAINT = { id: null, error: { code: -32700, data: { code: "BAD_FRAME" } } };

describe.each(Object.entries(BREACHES))("%s", (name, breach) => {
  // A stream that has ended in order before the breach is complete.
  const isComplete = name === "a second end" || name.startsWith("a chunk after");
  const readEnd = isComplete ? "abc" : expect.objectContaining({ code: "BAD_FRAME" });

  test("a callee that finds it complains, fails the call, and ends its streams", async () => {
    const peer = createOpenListener({ limits: LIMITS });
    peer.count({ id: "c", method: "m", streams: { read: { written: 1 }, write: ["read"] } });
    const [call] = peer.calls;
    const read = readText(call?.reader("read") ?? never()).catch((thrown: unknown) =>
      NegotiatorError.from(thrown),
    );
    const written = rejectionOf(Promise.resolve(call?.writer("written").write(new Uint8Array(9))));
    peer.drain();
    expect(sendAll(peer, breach("c"))).toMatchObject([
      COMPLAINT,
      { id: "c", error: { data: { code: "BAD_FRAME" } }, streams: { written: { bytes: 1 } } },
    ]);
    expect(call?.signal.reason).toMatchObject({ code: "BAD_FRAME" });
    expect((await written).code).toBe("BAD_FRAME");
    expect(await read).toEqual(readEnd);
    call?.respond("too late");
    expect([peer.drain(), peer.session.incomingCount, peer.session.state]).toEqual([[], 0, "open"]);
  });

  test("a caller that finds it complains, cancels the call with the code, and ends its streams", async () => {
    const peer = createOpenDialler({ limits: LIMITS });
    const call = peer.session.call({ method: "m", read: ["read"], write: ["written"] });
    const id = String(peer.drain()[0]?.["id"]);
    const ends = [rejectionOf(call.answer), rejectionOf(call.writer("written").write(new Uint8Array(9)))];
    const read = readText(call.reader("read")).catch((thrown: unknown) => NegotiatorError.from(thrown));
    expect(sendAll(peer, breach(id))).toMatchObject([
      COMPLAINT,
      { method: "call.message", params: { call: id, name: "cancel", value: { code: "BAD_FRAME" } } },
    ]);
    for (const ended of ends) expect((await ended).code).toBe("BAD_FRAME");
    expect(await read).toEqual(readEnd);
    peer.count({ id, error: { code: -32700, message: "breach", data: { code: "BAD_FRAME" } } });
    expect([peer.drain(), peer.session.outgoingCount, peer.session.state]).toEqual([[], 0, "open"]);
  });
});

test.each(Object.entries(CALLER_ONLY))(
  "a caller that finds %s ends the call on both sides",
  async (_, breach) => {
    const peer = createOpenDialler({ limits: LIMITS });
    const call = peer.session.call({ method: "m", read: ["read"] });
    const id = String(peer.drain()[0]?.["id"]);
    expect(sendAll(peer, breach(id))).toMatchObject([
      COMPLAINT,
      { params: { value: { code: "BAD_FRAME" } } },
    ]);
    expect((await rejectionOf(call.answer)).code).toBe("BAD_FRAME");
    expect(peer.session.outgoingCount).toBe(0);
  },
);

test("an answer with a total below the received bytes ends the call with a complaint", async () => {
  const peer = createOpenDialler({ limits: LIMITS });
  const call = peer.session.call({ method: "m", read: ["read"] });
  const id = String(peer.drain()[0]?.["id"]);
  peer.count(text(id, 0));
  peer.count({ id, result: 1, streams: { read: { bytes: 2 } } });
  expect(peer.drain()).toMatchObject([COMPLAINT]);
  expect((await rejectionOf(call.answer)).code).toBe("BAD_FRAME");
  expect((await rejectionOf(readText(call.reader("read")))).code).toBe("BAD_FRAME");
});

test("a beginning of an input whose first bytes were sent ends the call on both sides", async () => {
  const peer = createOpenDialler({ limits: LIMITS });
  const call = peer.session.call({ method: "m", write: ["written"] });
  const id = String(peer.drain()[0]?.["id"]);
  const written = rejectionOf(call.writer("written").write(new Uint8Array(9)));
  peer.count(credit(id, "written", 5));
  expect(peer.drain()).toMatchObject([{ method: "stream.data" }]);
  const beginning = { method: "call.begin", params: { call: id, offsets: { written: 7 } } };
  expect(sendAll(peer, [beginning])).toMatchObject([COMPLAINT, { params: { value: { code: "BAD_FRAME" } } }]);
  expect([(await written).code, (await rejectionOf(call.answer)).code]).toEqual(["BAD_FRAME", "BAD_FRAME"]);
});

test("an end with another total than the answer's ends the call with BAD_FRAME", async () => {
  const peer = createOpenDialler({ limits: LIMITS });
  const call = peer.session.call({ method: "m", read: ["read"] });
  const id = String(peer.drain()[0]?.["id"]);
  peer.count(text(id, 0));
  peer.count({ id, result: 1, streams: { read: { bytes: 5 } } });
  peer.count(end(id, 3));
  expect(peer.drain()).toMatchObject([COMPLAINT]);
  expect((await rejectionOf(readText(call.reader("read")))).code).toBe("BAD_FRAME");
  expect(peer.session.outgoingCount).toBe(0);
});

test("after a stop, nothing that the writer still sends is a breach", () => {
  const peer = createOpenListener({ limits: LIMITS });
  peer.count({ id: "c", method: "m", streams: { write: ["read"] } });
  peer.calls[0]?.reader("read").cancel();
  expect(peer.drain()).toMatchObject([{ method: "stream.stop" }]);
  const messages = [text("c", 0), text("c", 77), text("c", 0, "x".repeat(5000)), end("c", 3), end("c", 9)];
  expect(sendAll(peer, messages)).toEqual([]);
});

test("a breach in one call leaves the others alone", () => {
  const peer = createOpenListener({ limits: LIMITS });
  for (const id of ["a", "b"]) peer.count({ id, method: "m", streams: { write: ["read"] } });
  peer.count(text("a", 7));
  peer.count(text("b", 0));
  expect(peer.calls.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  expect([peer.session.incomingCount, peer.session.state]).toEqual([1, "open"]);
});

function never(): never {
  throw new Error("the session has received no call");
}
