/** The messages of the native dialect with their bytes. */
import { legacyEnvelope } from "../../../src/peers/legacy/envelope.ts";
import { native } from "../../../src/wire/dialects/native.ts";
import { createMessageReader } from "../../../src/wire/frames/message-reader.ts";
import type { Message, MessageBody } from "../../../src/wire/message.ts";
import type { EnvelopeCase, EnvelopeTable } from "./conformance.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const LONG = "x".repeat(1024 * 1024);

/** Makes a case from the members that follow `jsonrpc`. */
const line = (name: string, message: Message, members: string): EnvelopeCase => ({
  name,
  message,
  wire: `{"jsonrpc":"2.0",${members}}\n`,
});
const protocolMessage = (name: string, message: MessageBody, method: string, params: string): EnvelopeCase =>
  line(name, message, `"method":"${method}","params":${params}`);

/** The table of the native dialect. */
export const nativeTable: EnvelopeTable = {
  name: "native",
  envelope: native,
  read: readLines,
  others: [legacyEnvelope],
  cases: [
    line(
      "a request",
      { kind: "request", id: "c1", method: "info", params: { deep: [1, { a: null }] } },
      '"id":"c1","method":"info","params":{"deep":[1,{"a":null}]}',
    ),
    line(
      "a request with all members",
      {
        kind: "request",
        seq: 7,
        id: "-4",
        method: "execute",
        params: {},
        timeoutMs: 1500,
        isDetached: true,
        keepMs: 0,
        caller: { uid: 1000, name: "ada", pid: 7, program: "virsh" },
        streams: { read: { stdout: 131072, stderr: 0 }, write: ["stdin"] },
      },
      '"seq":7,"id":"-4","method":"execute","params":{},"timeoutMs":1500,"isDetached":true,' +
        '"keepMs":0,"caller":{"uid":1000,"name":"ada","pid":7,"program":"virsh"},' +
        '"streams":{"read":{"stdout":131072,"stderr":0},"write":["stdin"]}',
    ),
    line(
      "an attach",
      { kind: "attach", id: "c1", streams: { read: { stdout: 5 }, write: [] } },
      '"id":"c1","method":"call.attach","params":{},"streams":{"read":{"stdout":5},"write":[]}',
    ),
    line(
      "an attach without streams",
      { kind: "attach", seq: 2, id: "c1" },
      '"seq":2,"id":"c1","method":"call.attach","params":{}',
    ),
    line(
      "a result",
      { kind: "result", id: "1", result: { exitCode: 0 } },
      '"id":"1","result":{"exitCode":0}',
    ),
    line("an empty result", { kind: "result", id: "1", result: null }, '"id":"1","result":null'),
    line(
      "a result with totals",
      { kind: "result", seq: 9, id: "c1", result: "", streams: { stdout: { bytes: 5, truncated: true } } },
      '"seq":9,"id":"c1","result":"","streams":{"stdout":{"bytes":5,"truncated":true}}',
    ),
    line("a result of 1 MiB", { kind: "result", id: "1", result: LONG }, `"id":"1","result":"${LONG}"`),
    line(
      "text with and without escapes",
      { kind: "result", id: "1", result: '\u0000\n"\\/ é ☃ 😀\u2028' },
      '"id":"1","result":"\\u0000\\n\\"\\\\/ é ☃ 😀\u2028"',
    ),
    line(
      "a failure",
      { kind: "failure", id: "c1", error: { code: "DENIED", message: "No" } },
      '"id":"c1","error":{"code":-32003,"message":"No","data":{"code":"DENIED"}}',
    ),
    line(
      "a failure with details and totals",
      {
        kind: "failure",
        id: "1",
        error: { code: "TIMEOUT", message: "", data: [1] },
        streams: { stdout: { bytes: 0 } },
      },
      '"id":"1","error":{"code":-32010,"message":"","data":{"code":"TIMEOUT","details":[1]}},' +
        '"streams":{"stdout":{"bytes":0}}',
    ),
    line(
      "a failure that belongs to no call",
      { kind: "failure", id: null, error: { code: "BAD_FRAME", message: "?" } },
      '"id":null,"error":{"code":-32700,"message":"?","data":{"code":"BAD_FRAME"}}',
    ),
    line(
      "a notice",
      { kind: "notice", method: "guest.joined", params: { guest: "web1" } },
      '"method":"guest.joined","params":{"guest":"web1"}',
    ),
    protocolMessage(
      "a stream chunk of text",
      { kind: "data", call: "c1", stream: "stdout", offset: 0, bytes: bytes("naïve 😀 {") },
      "stream.data",
      '{"call":"c1","stream":"stdout","offset":0,"text":"naïve 😀 {"}',
    ),
    protocolMessage(
      "a stream chunk of bytes that are not UTF-8",
      { kind: "data", call: "1", stream: "stdout", offset: 4096, bytes: Uint8Array.of(0xff, 0, 0x0a) },
      "stream.data",
      '{"call":"1","stream":"stdout","offset":4096,"base64":"/wAK"}',
    ),
    protocolMessage(
      "a stream chunk of text with many escapes",
      { kind: "data", call: "1", stream: "stdout", offset: 0, bytes: bytes("\u001b[1m\u001b[2m") },
      "stream.data",
      '{"call":"1","stream":"stdout","offset":0,"base64":"G1sxbRtbMm0="}',
    ),
    protocolMessage(
      "credit",
      { kind: "credit", call: "1", stream: "stdin", limit: 131072 },
      "stream.credit",
      '{"call":"1","stream":"stdin","limit":131072}',
    ),
    protocolMessage(
      "the end of a stream",
      { kind: "end", call: "1", stream: "stdin", bytes: 12 },
      "stream.end",
      '{"call":"1","stream":"stdin","bytes":12}',
    ),
    protocolMessage(
      "the end of a truncated stream",
      { kind: "end", call: "1", stream: "stdin", bytes: 12, truncated: true },
      "stream.end",
      '{"call":"1","stream":"stdin","bytes":12,"truncated":true}',
    ),
    protocolMessage(
      "a stop",
      { kind: "stop", call: "1", stream: "std-err2" },
      "stream.stop",
      '{"call":"1","stream":"std-err2"}',
    ),
    protocolMessage(
      "a message inside a call",
      { kind: "message", call: "c1", name: "signal", value: { signal: "SIGINT" } },
      "call.message",
      '{"call":"c1","name":"signal","value":{"signal":"SIGINT"}}',
    ),
    protocolMessage(
      "the beginning of streams",
      { kind: "begin", call: "c1", offsets: { stdout: 9 } },
      "call.begin",
      '{"call":"c1","offsets":{"stdout":9}}',
    ),
    protocolMessage(
      "credit for notices",
      { kind: "noticeCredit", limit: 524288 },
      "session.credit",
      '{"limit":524288}',
    ),
    protocolMessage("an acknowledgement", { kind: "ack", received: 16 }, "session.ack", '{"received":16}'),
    protocolMessage("a ping", { kind: "ping" }, "session.ping", "{}"),
    protocolMessage("a pong", { kind: "pong" }, "session.pong", "{}"),
    protocolMessage("a resync", { kind: "resync", received: 0 }, "session.resync", '{"received":0}'),
    protocolMessage(
      "a goodbye",
      { kind: "goodbye", reason: "restart" },
      "session.goodbye",
      '{"reason":"restart"}',
    ),
  ],
  spellings: [
    {
      name: "a request with blanks, unknown members and another order of members",
      wire: ' {"id" : "1" , "more": {}, "params": [2], "method":"m", "jsonrpc":"2.0"}\t\r\n',
      message: { kind: "request", id: "1", method: "m", params: [2] },
    },
    {
      name: "an error of another implementation",
      wire: '{"jsonrpc":"2.0","id":"1","error":{"code":-32601,"message":"no","data":"text"}}\n',
      message: { kind: "failure", id: "1", error: { code: "UNKNOWN_METHOD", message: "no" } },
    },
    {
      name: "an error with an unknown number",
      wire: '{"jsonrpc":"2.0","id":"1","error":{"code":3,"message":"no"}}\n',
      message: { kind: "failure", id: "1", error: { code: "INTERNAL", message: "no" } },
    },
    {
      name: "a request that writes a stream and reads none",
      wire: '{"jsonrpc":"2.0","id":"1","method":"m","streams":{"write":["in"]}}\n',
      message: {
        kind: "request",
        id: "1",
        method: "m",
        params: undefined,
        streams: { read: {}, write: ["in"] },
      },
    },
    {
      name: "a result with unneeded escapes",
      wire: '{"jsonrpc":"2.0","id":"1","result":"\\u00e9\\ud83d\\ude00\\/"}\n',
      message: { kind: "result", id: "1", result: "é😀/" },
    },
    {
      name: "a request with empty streams and without a limit",
      wire: '{"jsonrpc":"2.0","id":"1","method":"m","timeoutMs":0,"streams":{}}\n',
      message: {
        kind: "request",
        id: "1",
        method: "m",
        params: undefined,
        timeoutMs: 0,
        streams: { read: {}, write: [] },
      },
    },
    {
      name: "an attach with unknown members and parameters",
      wire: '{"jsonrpc":"2.0","x":1,"id":"1","method":"call.attach","params":[7],"timeoutMs":"x"}\n',
      message: { kind: "attach", id: "1" },
    },
    {
      name: "a message inside a call without a value",
      wire: '{"jsonrpc":"2.0","method":"call.message","params":{"call":"c","name":"exited"}}\n',
      message: { kind: "message", call: "c", name: "exited", value: undefined },
    },
    {
      name: "a goodbye without parameters",
      wire: '{"jsonrpc":"2.0","method":"session.goodbye"}\n',
      message: { kind: "goodbye", reason: "" },
    },
    ...["session.later", "stream.later", "call.later", "call.attach"].map((method) => ({
      name: `${method} without an id`,
      wire: `{"jsonrpc":"2.0","seq":4,"method":"${method}","params":{"call":7}}\n`,
      message: { kind: "unknown", seq: 4 } as const,
    })),
  ],
  unencodable: [
    { kind: "header", call: "c", stream: "s", offset: 0, length: 5 },
    { kind: "unknown" },
    {
      kind: "invalid",
      error: { code: "BAD_FRAME", message: "", name: "NegotiatorError", data: undefined },
    },
  ],
  unreadable: [
    "{}",
    '{"jsonrpc":"1.0","id":"1","method":"m"}',
    '{"jsonrpc":2,"id":"1","method":"m"}',
    '{"jsonrpc":"2.0","seq":0,"id":"1","method":"m"}',
    '{"jsonrpc":"2.0","seq":"1","id":"1","method":"m"}',
    '{"jsonrpc":"2.0","seq":1.5,"id":"1","method":"m"}',
    "[]",
    '"text"',
    "null",
    '{"jsonrpc":"2.0"',
  ],
};

/** Reads native messages as both sides of an open session do. */
function readLines(pieces: readonly Uint8Array[]): Message[] {
  const reader = createMessageReader(
    { lineBytes: 4 * 1024 * 1024 },
    { isOnPort: true, needsChecksum: true, acceptsRaw: () => true },
  );
  const messages: Message[] = [];
  for (const piece of pieces) {
    for (let rest = piece; rest.length > 0;) {
      const { taken, reading } = reader.take(rest);
      rest = rest.subarray(taken);
      if (reading?.kind === "native") messages.push(reading.message);
      else if (reading !== undefined) throw new Error(`a reading of the kind ${reading.kind}`);
    }
  }
  return messages;
}
