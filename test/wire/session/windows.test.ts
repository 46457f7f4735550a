/** A full window of one kind delays no message of another, and no message overtakes what it needs. */
import { describe, expect, test } from "bun:test";
import { createOpenDialler, createOpenListener } from "./scripted-peer.ts";
import type { ScriptedPeer } from "./scripted-peer.ts";

const MIB = 1024 * 1024;
const CHUNKS = (2 * MIB) / (64 * 1024);
const textOf = (id: unknown): string => (typeof id === "string" ? id : "none");
const wordsOf = (peer: ScriptedPeer): string[] =>
  peer.drain().map(({ method, id }) => (typeof method === "string" ? method : `answer ${textOf(id)}`));

describe("a peer that acknowledges nothing", () => {
  test("a full window of data delays no answer, no notice and no call", () => {
    const peer = createOpenListener();
    peer.count({ id: "bulk", method: "m", streams: { read: { stdout: 64 * MIB } } });
    peer.calls[0]
      ?.writer("stdout")
      .write(new Uint8Array(16 * MIB).fill(65))
      .catch(() => {});
    expect(wordsOf(peer)).toEqual(Array.from({ length: CHUNKS }, () => "stream.data"));
    for (let round = 1; round <= 20; round++) {
      peer.count({ id: `call-${round}`, method: "m" });
      peer.calls.at(-1)?.respond(round);
      peer.session.notify("notice");
      const call = peer.session.call({ method: "back" });
      expect(wordsOf(peer)).toEqual([`answer call-${round}`, "back", "notice"]);
      call.answer.catch(() => {});
    }
    peer.say({ method: "session.ack", params: { received: 3 } });
    expect(wordsOf(peer)).toEqual(["stream.data", "stream.data", "stream.data"]);
  });

  test("1 MiB of answers delays no notice and no data", () => {
    const peer = createOpenListener();
    peer.count({ id: "bulk", method: "m", streams: { read: { stdout: MIB } } });
    for (const id of ["a", "b", "c"]) {
      peer.count({ id, method: "m" });
      peer.calls.at(-1)?.respond("x".repeat(MIB / 2));
    }
    expect(wordsOf(peer)).toEqual(["answer a", "answer b"]);
    void peer.calls[0]?.writer("stdout").write(new Uint8Array(5));
    peer.session.notify("notice");
    expect(wordsOf(peer)).toEqual(["notice", "stream.data"]);
    peer.say({ method: "session.ack", params: { received: 1 } });
    expect(wordsOf(peer)).toEqual(["answer c"]);
  });
});

describe("a full window of other messages", () => {
  const LIMITS = { unacknowledgedBytes: 10 };

  test("the end of a stream does not overtake the request of its call", () => {
    const peer = createOpenDialler({ limits: LIMITS });
    peer.session.call({ method: "first" }).answer.catch(() => {});
    const call = peer.session.call({ method: "second", write: ["stdin"] });
    call.writer("stdin").end();
    expect(wordsOf(peer)).toEqual(["first"]);
    peer.say({ method: "session.ack", params: { received: 1 } });
    expect(wordsOf(peer)).toEqual(["second", "stream.end"]);
  });

  test("the output of a call does not overtake the message that begins it for a new caller", () => {
    const peer = createOpenListener({ limits: LIMITS });
    const streams = { read: { stdout: 100 } };
    peer.count({ id: "long", method: "m", isDetached: true, streams });
    void peer.calls[0]?.writer("stdout").write(new Uint8Array(150));
    expect(wordsOf(peer)).toEqual(["stream.data"]);
    peer.greet();
    peer.count({ id: "other", method: "m" });
    peer.calls[1]?.respond(1);
    expect(wordsOf(peer)).toEqual(["answer other"]);
    peer.count({ id: "long", method: "call.attach", streams });
    expect(wordsOf(peer)).toEqual([]);
    peer.say({ method: "session.ack", params: { received: 1 } });
    expect(wordsOf(peer)).toEqual(["call.begin", "stream.data"]);
  });
});
