/**
 * Hostile input costs about as much as its bytes: checks stop at the first issue, and texts are shortened.
 */
import { expect, test } from "bun:test";
import { fromWireError } from "../../src/wire/message.ts";
import { encodeLengthPrefixed } from "../../src/wire/frames/length-prefixed.ts";
import { native } from "../../src/wire/dialects/native.ts";
import { parseJsonObject } from "../../src/wire/json.ts";
import { processorMsOf } from "../support/processor-time.ts";
import { createOpenListener, createScriptedPeer } from "./session/scripted-peer.ts";

test("a list of 100,000 invalid items is refused about as fast as it is parsed", () => {
  const wrong = Array.from({ length: 100_000 }, () => 0);
  const request = {
    jsonrpc: "2.0",
    seq: 1,
    id: "1",
    method: "m",
    params: {},
    streams: { read: {}, write: wrong },
  };
  const bytes = new TextEncoder().encode(JSON.stringify(request));
  const decode = (): void => expect(native.decode(parseJsonObject(bytes)).kind).toBe("invalid");
  const parse = (): void => {
    for (let times = 0; times < 10; times++) JSON.parse(new TextDecoder().decode(bytes));
  };
  // An issue object for each item would take some hundred times as long as the parsing.
  expect(processorMsOf(decode)).toBeLessThan(Math.max(3 * processorMsOf(parse), 20));
});

test("a peer's error text of 1,000,000 characters is shortened", () => {
  const { message } = fromWireError({ code: "INTERNAL", message: "A".repeat(1_000_000) });
  expect(message.length).toBeLessThan(1100);
});

test.each([
  ["no\nDid you mean x?", "no\nDid you mean x?"],
  ["no:\n  a\n  b\nCall again later", "no:; a; b\nCall again later"],
  ["no\nroot@host:~# ls", "no; root@host:~# ls"],
  ["no\nDone.\nERROR x", "no; Done.; ERROR x"],
  ["no\n2026-01-01T00:00:00Z INFO x", "no; 2026-01-01T00:00:00Z INFO x"],
  ["no\n<3>Call again", "no; <3>Call again"],
  ["no\nPassword:", "no; Password:"],
])("of a peer's error text %j only a remedy keeps its line: %j", (message, kept) => {
  expect(fromWireError({ code: "INTERNAL", message }).message).toBe(kept);
});

test("a peer's error text is put on one line, except from this machine's daemon", () => {
  const error = { code: "INTERNAL", message: "no\n \r\nnegotiator: Done." } as const;
  expect(fromWireError(error).message).toBe("no; negotiator: Done.");
  expect(fromWireError(error, true).message).toBe(error.message);
});

test("a native message in a length-prefixed frame is refused, however long it is", () => {
  for (const length of [10, 2_000_000]) {
    const peer = createOpenListener();
    const params = "x".repeat(length);
    const body = JSON.stringify({ jsonrpc: "2.0", seq: 1, id: "1", method: "m", params });
    peer.session.receive(new TextEncoder().encode(`${body.length}\n${body}`), 0);
    expect([peer.calls, peer.session.state]).toEqual([[], "cut"]);
  }
});

test("a dialler ignores a long answer before that to its hello, and is cut by a long line after it", () => {
  const peer = createScriptedPeer({ side: "dialler" });
  peer.session.dial();
  peer.send(encodeLengthPrefixed({ result: "x".repeat(2_000_000), success: true }));
  peer.welcome();
  expect(peer.session.state).toBe("open");
  peer.send(encodeLengthPrefixed({ result: "x".repeat(2_000_000), success: true }));
  expect([peer.session.state, peer.drain()]).toEqual(["cut", []]);
});
