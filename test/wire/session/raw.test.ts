/** Raw chunks between two sides, of which both, one or none offers them, and the resend of one. */
import { describe, expect, test } from "bun:test";
import { createRandom } from "../../support/random.ts";
import { readWelcome } from "../../../src/wire/session/handshake.ts";
import { FORGED } from "../frames/torn-frames.ts";
import { createOpenDialler, createOpenListener, createScriptedPeer } from "./scripted-peer.ts";
import type { ScriptedPeer } from "./scripted-peer.ts";

const CAPABLE = { capabilities: ["raw", "later"] };
const AGENT = { name: "test", version: "1", role: "host" };
const BYTES = Buffer.from("\0\xff\n1\n{", "latin1");
/** A chunk's form: the member that carries its bytes. */
const formsOf = (peer: ScriptedPeer): string[] =>
  peer.drain().flatMap(({ method, params }) => {
    if (method !== "stream.data" || typeof params !== "object" || params === null) return [];
    return ["text", "base64", "crc32", "bytes"].filter((form) => form in params).join(" ");
  });

/** Opens a listener that serves a call with much credit, and writes to its output. */
function write(bytes: Uint8Array, changes: object, options: object = {}): ScriptedPeer {
  const peer = createScriptedPeer(options);
  peer.greet(changes);
  peer.count({ id: "c", method: "m", streams: { read: { out: 1e6 } } });
  void peer.calls[0]?.writer("out").write(bytes);
  return peer;
}

describe("the capability raw", () => {
  test.each([
    ["both sides have it", CAPABLE, {}, "bytes"],
    ["only this side has it", {}, {}, "base64"],
    ["only the peer has it", CAPABLE, { offersRaw: false }, "base64"],
    ["no side has it", {}, { offersRaw: false }, "base64"],
  ])("if %s, a listener's chunk has the right form", (_, changes, options, form) => {
    expect(formsOf(write(BYTES, changes, options))).toEqual([form]);
  });

  test("a side that does not offer it names no capability", () => {
    const peer = createScriptedPeer({ offersRaw: false });
    expect(peer.greet(CAPABLE)[0]?.["result"]).toMatchObject({ capabilities: [] });
    expect(createScriptedPeer().greet()[0]?.["result"]).toMatchObject({ capabilities: ["raw"] });
  });

  test("a dialler sends a checksum on a port, and none on a socket", () => {
    for (const [medium, form] of [
      ["port", "crc32 bytes"],
      ["socket", "bytes"],
    ] as const) {
      const peer = createScriptedPeer({ side: "dialler", medium });
      peer.session.dial();
      peer.welcome({}, ["raw"]);
      const call = peer.session.call({ id: "c", method: "m", write: ["in"] });
      call.answer.catch(() => {});
      void call.writer("in").write(BYTES);
      peer.count({ method: "stream.credit", params: { call: "c", stream: "in", limit: 99 } });
      expect(formsOf(peer)).toEqual([form]);
    }
  });

  test("forged contents go as text on a port, and raw on a socket", () => {
    expect(formsOf(write(FORGED, CAPABLE))).toEqual(["text"]);
    expect(formsOf(write(FORGED, CAPABLE, { medium: "socket" }))).toEqual(["bytes"]);
  });
});

test("a resumed session sends raw chunks again byte for byte, although the capability is gone", () => {
  const peer = createScriptedPeer();
  const [answer] = peer.greet({ session: { id: "mine" }, ...CAPABLE });
  const { instance } = readWelcome(answer?.["result"], "mine", AGENT).session;
  peer.count({ id: "c", method: "m", streams: { read: { out: 1e6 } } });
  void peer.calls[0]?.writer("out").write(BYTES);
  const [first] = peer.drain();
  const [, again] = peer.greet({ session: { id: "mine", instance, received: 0 } });
  expect(again).toEqual(first);
  void peer.calls[0]?.writer("out").write(BYTES);
  expect(formsOf(peer)).toEqual(["base64"]);
});

test("a raw chunk that was not agreed on cuts the session, and carries nothing out", () => {
  for (const make of [createOpenListener, createOpenDialler]) {
    const peer = make();
    peer.send(
      '{"jsonrpc":"2.0","seq":1,"method":"stream.data","params":{"call":"c","stream":"s","offset":0,' +
        `"bytes":3,"crc32":${Bun.hash.crc32("abc")}}}\nabc\n`,
    );
    expect([peer.session.state, peer.calls, peer.drain()]).toEqual(["cut", [], []]);
  }
});

test("a message's opening inside a raw payload on a port cuts both sides, and not on a socket", () => {
  const content = 'x{"jsonrpc":"2.0"x';
  const chunk =
    '{"jsonrpc":"2.0","seq":2,"method":"stream.data","params":{"call":"c","stream":"in","offset":0,' +
    `"bytes":${content.length},"crc32":${Bun.hash.crc32(content)}}}\n${content}\n`;
  for (const [medium, state] of [
    ["port", "cut"],
    ["socket", "open"],
  ] as const) {
    for (const side of ["listener", "dialler"] as const) {
      const peer = createScriptedPeer({ side, medium });
      if (side === "listener") peer.greet(CAPABLE);
      else {
        peer.session.dial();
        peer.welcome({}, ["raw"]);
      }
      peer.count({ id: "c", method: "m", streams: { write: ["in"] } });
      peer.send(chunk);
      expect([medium, side, peer.session.state]).toEqual([medium, side, state]);
    }
  }
});

test("raw chunks of random bytes and sizes are read as they were written in pieces of any size", async () => {
  const random = createRandom(7);
  for (let round = 0; round < 60; round++) {
    const content = random.bytes(random.pick([1, 2, 100, 4000, 65_536]));
    const dialler = createOpenDialler();
    dialler.session.detach();
    dialler.session.dial();
    dialler.welcome({}, ["raw"]);
    const call = dialler.session.call({ id: "c", method: "m", write: ["in"] });
    call.answer.catch(() => {});
    void call.writer("in").write(content);
    dialler.drain();
    dialler.count({ method: "stream.credit", params: { call: "c", stream: "in", limit: 1e6 } });
    const frame = dialler.session.next() ?? new Uint8Array(0);
    const listener = createScriptedPeer();
    listener.greet(CAPABLE);
    listener.count({ id: "c", method: "m", streams: { write: ["in"] } });
    for (let start = 0; start < frame.length;) {
      const end = start + 1 + random.below(random.pick([3, 5000]));
      listener.send(frame.subarray(start, end));
      start = end;
    }
    const reading = listener.calls[0]?.reader("in")[Symbol.asyncIterator]();
    const parts: Uint8Array[] = [];
    // A lost chunk is a cut session, for which this test must not wait.
    expect(listener.session.state).toBe("open");
    while (Buffer.concat(parts).length < content.length)
      parts.push((await reading?.next())?.value ?? never());
    expect(Buffer.compare(Buffer.concat(parts), content)).toBe(0);
  }
});

function never(): never {
  throw new Error("the chunk did not come");
}
