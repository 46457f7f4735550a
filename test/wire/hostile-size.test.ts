/** What a peer says costs no more than its bytes: no check makes an object of every wrong item, no text is passed on whole. */
import { expect, test } from "bun:test";
import { fromWireError } from "../../src/wire/message.ts";
import { encodeLengthPrefixed } from "../../src/wire/frames/length-prefixed.ts";
import { native } from "../../src/wire/dialects/native.ts";
import { parseJsonObject } from "../../src/wire/json.ts";
import { processorMsOf } from "../support/processor-time.ts";
import { createOpenListener, createScriptedPeer } from "./session/scripted-peer.ts";

test("a list of a hundred thousand wrong items is refused as fast as it is read", () => {
  const wrong = Array.from({ length: 100_000 }, () => 0);
  const request = {
    jsonrpc: "2.0",
    seq: 1,
    id: 1,
    method: "m",
    params: {},
    streams: { read: {}, write: wrong },
  };
  const bytes = new TextEncoder().encode(JSON.stringify(request));
  const decode = (): void => expect(native.decode(parseJsonObject(bytes)).kind).toBe("invalid");
  const parse = (): void => {
    for (let times = 0; times < 10; times++) JSON.parse(new TextDecoder().decode(bytes));
  };
  // With an object for each item it takes some hundred times as long as the reading.
  expect(processorMsOf(decode)).toBeLessThan(Math.max(3 * processorMsOf(parse), 20));
});

test("a peer's text is cut where it comes in", () => {
  const { message } = fromWireError({ code: "INTERNAL", message: "A".repeat(1_000_000) });
  expect(message.length).toBeLessThan(1100);
});

test("a peer's text begins no line of ours, unless it is our own daemon's", () => {
  const error = { code: "INTERNAL", message: "no\n \r\nnegotiator: Done." } as const;
  expect(fromWireError(error).message).toBe("no; negotiator: Done.");
  expect(fromWireError(error, true).message).toBe(error.message);
});

test("a native message in a counted frame is no longer than a line may be", () => {
  const peer = createOpenListener();
  const body = JSON.stringify({ jsonrpc: "2.0", seq: 1, id: 1, method: "m", params: "x".repeat(2_000_000) });
  peer.session.receive(new TextEncoder().encode(`${body.length}\n${body}`), 0);
  expect(peer.calls).toHaveLength(0);
});

test("a dialler takes no counted frame that is longer than a line, and hears what comes behind it", () => {
  const peer = createScriptedPeer({ side: "dialler" });
  peer.session.dial();
  peer.send(encodeLengthPrefixed({ result: "x".repeat(2_000_000), success: true }));
  peer.welcome();
  expect(peer.session.state).toBe("open");
  peer.send(encodeLengthPrefixed({ result: "x".repeat(2_000_000), success: true }));
  expect(peer.drain()).toMatchObject([{ error: { data: { code: "TOO_LARGE" } } }]);
});
