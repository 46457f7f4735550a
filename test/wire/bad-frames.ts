/** Invalid frames and messages, each with the answers of a session. */

/** Each answer is one or two words: `9 BUSY` refuses the call 9, `null` stands for no call. */
export type BadFrame = {
  name: string;
  input: string | Uint8Array;
  answers: readonly string[];
  /** The state afterwards, if it is not `open`. */
  state?: "cut" | "idle";
};

/** Long enough for one stream chunk, and short enough to be exceeded. */
export const LINE_BYTES = 512 * 1024;
/** The limit for length-prefixed frames, in bytes. */
export const PREFIXED_BYTES = 128 * 1024;
/** The credit of each stream, in bytes. */
export const CREDIT_BYTES = 1000;

/** `#` stands for the next number. */
const line = (members: string): string => `{"jsonrpc":"2.0","seq":#,${members}}\n`;
const unnumbered = (members: string): string => line(members).replace('"seq":#,', "");
const request = (members: string): string => line(`"id":"9",${members}`);
const message = (method: string, params: string): string => line(`"method":"${method}","params":${params}`);
const session = (method: string, params: string): string =>
  unnumbered(`"method":"session.${method}","params":${params}`);
const data = (members: string, call = "c1"): string =>
  message("stream.data", `{"call":"${call}",${members}}`);
const end = (bytes: number, call = "c1", stream = "stdin"): string =>
  message("stream.end", `{"call":"${call}","stream":"${stream}","bytes":${bytes}}`);
const credit = (stream: string, limit: unknown, call = "c1"): string =>
  message("stream.credit", `{"call":"${call}","stream":"${stream}","limit":${JSON.stringify(limit)}}`);
const nested = (depth: number): string =>
  request(`"method":"m","params":${"[".repeat(depth)}${"]".repeat(depth)}`);
const marks = (count: number): string => request(`"method":"m","params":[${"0,".repeat(count - 9)}0]`);
/** Text of an offset, and of bytes that follow it. */
const at = (offset: number, text: string): string => `"stream":"stdin","offset":${offset},"text":"${text}"`;
const raw = (members: string, payload: string): string =>
  `${data(`"stream":"stdin","offset":0,${members}`)}${payload}\n`;

const REQUEST = ["null BAD_REQUEST"];
const REQUEST_9 = ["null BAD_REQUEST", "9 BAD_REQUEST"];
/** A breach ends the call `c1`, which the session serves. */
const BREACH = ["null BAD_FRAME", "c1 BAD_FRAME"];
/** A breach ends the call `out-1`, which the session has made. */
const OWN_BREACH = ["null BAD_FRAME", "call.message"];

const rows = (
  answers: readonly string[],
  inputs: Readonly<Record<string, string | Uint8Array>>,
  state?: "cut" | "idle",
): BadFrame[] =>
  Object.entries(inputs).map(([name, input]) => ({ name, input, answers, ...(state ? { state } : {}) }));

const LOST_ORDER: readonly BadFrame[] = rows(
  [],
  {
    "a line cut off": '{"jsonrpc":"2.0","id":"9","meth\n',
    "a line of text": "hello\n",
    "a frame that the next one cuts off": '99\n{"jsonrpc":"2.0","method":"m\n'.padEnd(110, "x"),
    "text that is not UTF-8": Uint8Array.from([...Buffer.from('{"a":"'), 0xff, ...Buffer.from('"}\n')]),
    "an overlong form of UTF-8": Uint8Array.from([
      ...Buffer.from('{"jsonrpc":"2.0","a":"'),
      0xc0,
      0x80,
      ...Buffer.from('"}\n'),
    ]),
    "half of a surrogate pair, in UTF-8": Uint8Array.from([0x7b, 0xed, 0xa0, 0x80, 0x7d, 0x0a]),
    "a byte order mark": `\ufeff${request('"method":"m"')}`,
    "a raw control character in a string": request('"method":"\u0001"'),
    "half of a surrogate pair": request('"method":"m","params":"\\ud800"'),
    "half of a surrogate pair in a name": request('"method":"m","params":{"\\udc00":1}'),
    "a number of 2^53": request('"method":"m","params":9007199254740992'),
    "a number beyond the largest double": request('"method":"m","params":-1e400'),
    "33 levels": nested(32),
    "20,000 levels": nested(20_000),
    "20,000 levels without an end": `${"[".repeat(20_000)}\n`,
    "too many values": marks(131_073),
    "a list": "[]\n",
    "a batch": `[${request('"method":"m"').trim()}]\n`,
    "a string": '"text"\n',
    null: "null\n",
    "an object of no dialect": '{"id":"9"}\n',
    "another JSON-RPC": '{"jsonrpc":"1.0","id":"9","method":"m"}\n',
    "JSON-RPC's version as a number": '{"jsonrpc":2.0,"id":"9","method":"m"}\n',
    "a python-negotiator's answer on a line": '{"success":true}\n',
    "the seq 0": request('"method":"m"').replace("#", "0"),
    "a negative seq": request('"method":"m"').replace("#", "-1"),
    "a seq as text": request('"method":"m"').replace("#", '"2"'),
    "the seq 2.5": request('"method":"m"').replace("#", "2.5"),
    "the seq null": request('"method":"m"').replace("#", "null"),
    "a line too long": request(`"method":"${"x".repeat(LINE_BYTES)}"`),
    "a raw chunk without a checksum": raw('"bytes":1', "a"),
    "a raw chunk with a wrong checksum": raw('"bytes":1,"crc32":7', "a"),
    "a raw chunk that is longer than it says": raw('"bytes":1,"crc32":3904355907', "ab"),
  },
  "cut",
);

/** The order is lost, and the message behind the length is read without it. */
const LENGTHS: readonly BadFrame[] = rows(
  ["session.resync"],
  { "a native message in a length-prefixed frame": '40\n{"jsonrpc":"2.0","id":"9","method":"m"}\n' },
  "cut",
);

const ENVELOPES: readonly BadFrame[] = [
  ...rows(REQUEST_9, {
    "a method that is a number": request('"method":7'),
    "a method without a name": request('"method":""'),
    "a method with a blank": request('"method":"a b"'),
    "a method outside of ASCII": request('"method":"é"'),
    "a method of 129 characters": request(`"method":"${"m".repeat(129)}"`),
    "a timeout of 1.5": request('"method":"m","timeoutMs":1.5'),
    "a negative timeout": request('"method":"m","timeoutMs":-1'),
    "a timeout as text": request('"method":"m","timeoutMs":"1"'),
    "detached as a number": request('"method":"m","isDetached":1'),
    "a negative keepMs": request('"method":"m","keepMs":-1'),
    "a caller as text": request('"method":"m","caller":"root"'),
    "a caller's name of 257 characters": request(`"method":"m","caller":{"name":"${"n".repeat(257)}"}`),
    "streams as text": request('"method":"m","streams":"stdout"'),
    "streams as a list": request('"method":"m","streams":[]'),
    "streams to read as a list": request('"method":"m","streams":{"read":[]}'),
    "a caller as a list": request('"method":"m","caller":[]'),
    "an answer with a list of totals": request('"result":1,"streams":[]'),
    "negative credit in a request": request('"method":"m","streams":{"read":{"stdout":-1}}'),
    "a credit of half a byte in a request": request('"method":"m","streams":{"read":{"stdout":0.5}}'),
    "a stream in capitals": request('"method":"m","streams":{"read":{"OUT":1}}'),
    "a stream without a name": request('"method":"m","streams":{"write":[""]}'),
    "a stream of 33 characters": request(`"method":"m","streams":{"write":["${"s".repeat(33)}"]}`),
    "a stream that is a number": request('"method":"m","streams":{"write":[1]}'),
    "streams to write as text": request('"method":"m","streams":{"write":"stdin"}'),
    "a stream named twice": request('"method":"m","streams":{"write":["a","a"]}'),
    "a stream in both directions": request('"method":"m","streams":{"read":{"a":1},"write":["a"]}'),
    "a stream in both directions of an attach": request(
      '"method":"call.attach","streams":{"read":{"a":1},"write":["a"]}',
    ),
    "neither a request nor an answer": request('"more":1'),
    "an error that is text": request('"error":"no"'),
    "an error without a text": request('"error":{"code":1}'),
    "an error with a code as text": request('"error":{"code":"DENIED","message":""}'),
    "an answer with a negative total": request('"result":1,"streams":{"stdout":{"bytes":-1}}'),
    "a request without a number": unnumbered('"id":"9","method":"m"'),
    "an attach without a number": unnumbered('"id":"9","method":"call.attach"'),
  }),
  ...rows(REQUEST, {
    "an id that is an object": line('"id":{},"method":"m"'),
    "an id that is null": line('"id":null,"method":"m"'),
    "an id that is true": line('"id":true,"method":"m"'),
    "an id that is a number": line('"id":9,"method":"m"'),
    "an empty id": line('"id":"","method":"m"'),
    "an id with a blank": line('"id":"a b","method":"m"'),
    "an id of 65 characters": line(`"id":"${"i".repeat(65)}","method":"m"`),
    "an answer without an id": line('"result":1'),
    "an error without an id": line('"error":{"code":1,"message":""}'),
    "an answer to null": line('"id":null,"result":1'),
    "a notice without a number": unnumbered('"method":"m","params":{}'),
    "an answer without a number": unnumbered('"id":"out-1","result":1'),
    "data without a number": unnumbered(`"method":"stream.data","params":{"call":"c1",${at(0, "a")}}`),
    "a message in a call without a number": unnumbered(
      '"method":"call.message","params":{"call":"c1","name":"signal"}',
    ),
    "notice credit without a number": session("credit", '{"limit":9}'),
  }),
  ...rows(["null UNKNOWN_METHOD", "9 UNKNOWN_METHOD"], {
    "a call of a reserved method": request('"method":"session.hello"'),
    "a call of another reserved method": request('"method":"stream.open"'),
    "a call of a method that has no id": request('"method":"call.message","params":{"call":"c1","name":"x"}'),
  }),
  ...rows([], {
    "a message with a reserved method": line('"method":"call.began","params":{"call":"c1"}'),
    "an unnumbered message with a reserved method": unnumbered('"method":"session.later"'),
    "an attach without an id": line('"method":"call.attach","params":{}'),
    "a call with unknown members": request('"method":"m","more":{"a":1},"timeoutMs":0,"streams":{"x":1}'),
  }),
];

const CALLS: readonly BadFrame[] = [
  ...rows(["c1 BAD_REQUEST"], {
    "a request with the id of a running call": line('"id":"c1","method":"m"'),
    "an attach to a call that the session has": line('"id":"c1","method":"call.attach"'),
  }),
  ...rows(["9 NO_CALL"], { "an attach to an unknown call": request('"method":"call.attach"') }),
  ...rows(["out-1 BAD_REQUEST"], {
    "a request with the id of the session's own call": line('"id":"out-1","method":"m"'),
    "an attach to the session's own call": line('"id":"out-1","method":"call.attach"'),
  }),
  ...rows([], {
    "an answer to an unknown call": line('"id":"none","result":1'),
    "an error of an unknown call": line('"id":"none","error":{"code":1,"message":""}'),
    "an error with the id null": unnumbered('"id":null,"error":{"code":1,"message":""}'),
    "an answer to the peer's own call": line('"id":"c1","result":1'),
    "a cancel of an unknown call": message("call.message", '{"call":"none","name":"cancel"}'),
    "a cancel of the session's own call": message("call.message", '{"call":"out-1","name":"cancel"}'),
    "an unknown message in a call": message("call.message", '{"call":"c1","name":"later","value":[1]}'),
    "a cancel with a number as its reason": message(
      "call.message",
      '{"call":"c1","name":"cancel","value":{"reason":1}}',
    ),
    "a cancel with a list as its value": message("call.message", '{"call":"c1","name":"cancel","value":[]}'),
    "a beginning of an unknown call": message("call.begin", '{"call":"none","offsets":{}}'),
    "a beginning with an unknown stream": message("call.begin", '{"call":"out-1","offsets":{"x":5}}'),
    "a beginning of the stream __proto__": message(
      "call.begin",
      '{"call":"out-1","offsets":{"__proto__":1}}',
    ),
    "an answer to an unknown call with a total of __proto__": request(
      '"result":1,"streams":{"__proto__":{"bytes":1}}',
    ),
    "data of an unknown call": data(at(0, "a"), "none"),
    "credit of an unknown call": credit("stdout", 9, "none"),
  }),
  ...rows(["9 BUSY"], {
    "too many streams": request('"method":"m","streams":{"read":{"a":1,"b":1},"write":["c","d"]}'),
  }),
  ...rows(REQUEST, {
    "a message in no call": message("call.message", "{}"),
    "a message in a call without parameters": line('"method":"call.message"'),
    "a beginning at a negative offset of no call": message("call.begin", '{"offsets":{"stdout":-1}}'),
  }),
  ...rows(BREACH, { "a message in a call without a name": message("call.message", '{"call":"c1"}') }),
];

const STREAMS: readonly BadFrame[] = [
  ...rows(BREACH, {
    "data of an unknown stream": data('"stream":"x","offset":0,"text":"a"'),
    "data of a stream that flows the other way": data('"stream":"stdout","offset":0,"text":"a"'),
    "the end of an unknown stream": end(0, "c1", "x"),
    "credit of an unknown stream": credit("x", 9),
    "credit of a stream that flows the other way": credit("stdin", 9),
    "a stop of an unknown stream": message("stream.stop", '{"call":"c1","stream":"x"}'),
    "text and base64 at once": data('"stream":"stdin","offset":0,"text":"a","base64":"YQ=="'),
    "neither text nor base64": data('"stream":"stdin","offset":0'),
    "invalid base64": data('"stream":"stdin","offset":0,"base64":"a*=="'),
    "base64 cut off": data('"stream":"stdin","offset":0,"base64":"YWJjZ"'),
    "text over 64 KiB": data(at(0, "x".repeat(64 * 1024 + 1))),
    "text over 64 KiB in UTF-8": data(at(0, "é".repeat(32 * 1024 + 1))),
    "base64 over 64 KiB": data(`"stream":"stdin","offset":0,"base64":"${"AAAA".repeat(21_846)}"`),
    "an empty chunk": data(at(0, "")),
    "an offset beyond the next one": data(at(1, "a")),
    "one byte more than the credit": data(at(0, "x".repeat(CREDIT_BYTES + 1))),
    "a byte after the largest offset": data(at(9007199254740991, "a")),
    "the same bytes again": data(at(0, "abc")) + data(at(0, "abc")),
    "an end with fewer bytes than came": data(at(0, "abc")) + end(2),
    "an end with more bytes than came": data(at(0, "abc")) + end(4),
    "a second end": data(at(0, "abc")) + end(3) + end(3),
    "data after the end": end(0) + data(at(0, "abc")),
    "an empty raw chunk": raw('"bytes":0,"crc32":0', ""),
  }),
  ...rows(OWN_BREACH, {
    "data of an unknown stream of the session's own call": data(
      '"stream":"x","offset":0,"text":"a"',
      "out-1",
    ),
    "an offset beyond the next one in its own call": data('"stream":"stdout","offset":1,"text":"a"', "out-1"),
    "a beginning after the first byte":
      data('"stream":"stdout","offset":0,"text":"a"', "out-1") +
      message("call.begin", '{"call":"out-1","offsets":{"stdout":5}}'),
    "an end with more bytes than came in its own call": end(1, "out-1", "stdout"),
    "credit of a stream that it reads": credit("stdout", 1, "out-1"),
  }),
  ...rows(OWN_BREACH, {
    "a beginning at a negative offset": message("call.begin", '{"call":"out-1","offsets":{"stdout":-1}}'),
    "data at half an offset": data('"stream":"stdout","offset":0.5,"text":"a"', "out-1"),
  }),
  ...rows(BREACH, {
    "text that is a number": data('"stream":"stdin","offset":0,"text":1'),
    "base64 that is a list": data('"stream":"stdin","offset":0,"base64":[1]'),
    "a negative offset": data('"stream":"stdin","offset":-1,"text":"a"'),
    "an offset as text": data('"stream":"stdin","offset":"0","text":"a"'),
    "data without a stream": data('"offset":0,"text":"a"'),
    "data of a stream in capitals": data('"stream":"STDIN","offset":0,"text":"a"'),
    "negative credit": credit("stdout", -1),
    "credit beyond 2^53, as text": credit("stdout", "9e99"),
    "a negative end": end(-1),
    "an end without its total": message("stream.end", '{"call":"c1","stream":"stdin"}'),
  }),
  ...rows(REQUEST, { "data as a list": message("stream.data", "[]") }),
];

const SESSION: readonly BadFrame[] = [
  ...rows(["session.resync"], { "a seq after a gap": request('"method":"m"').replace("#", "3") }, "cut"),
  ...rows(
    ["session.resync"],
    { "the largest seq": line('"method":"m"').replace("#", "9007199254740991") },
    "cut",
  ),
  ...rows(["session.resync"], { "a repeated seq": request('"method":"m"').replace("#", "1") }, "cut"),
  ...rows([], { "a python-negotiator's call": '37\n{"method": "list_commands", "kw": {}}' }, "cut"),
  ...rows(["null TOO_LARGE"], {
    "a python-negotiator's call that is too long": `${PREFIXED_BYTES + 1}\n{"`.padEnd(
      PREFIXED_BYTES + 8,
      "x",
    ),
  }),
  ...rows([], { "a goodbye": session("goodbye", "{}") }, "idle"),
  ...rows(["null BAD_FRAME"], {
    "an acknowledgement of messages never sent": session("ack", '{"received":999}'),
  }),
  ...rows(REQUEST, {
    "a negative acknowledgement": session("ack", '{"received":-1}'),
    "an acknowledgement of half a message": session("ack", '{"received":0.5}'),
    "an acknowledgement without a number": session("ack", "{}"),
    "a resync of text": session("resync", '{"received":"all"}'),
    "a goodbye with a number as its reason": session("goodbye", '{"reason":1}'),
    "negative credit for notices": message("session.credit", '{"limit":-1}'),
  }),
  ...rows([], {
    "a resync from a dialler": session("resync", '{"received":0}'),
    "a pong without a ping": session("pong", "{}"),
    "an old acknowledgement": session("ack", '{"received":0}'),
    "less credit for notices than before": message("session.credit", '{"limit":0}'),
  }),
  ...rows(["session.pong"], { "a ping with parameters": session("ping", '{"__proto__":{"a":1}}') }),
];

/** All rows. */
export const BAD_FRAMES: readonly BadFrame[] = [
  ...LOST_ORDER,
  ...LENGTHS,
  ...ENVELOPES,
  ...CALLS,
  ...STREAMS,
  ...SESSION,
];

/** Returns the input with its numbers, which begin at `first`; and the number after them. */
export function numberInput(input: string | Uint8Array, first: number): { bytes: Uint8Array; next: number } {
  if (typeof input !== "string") return { bytes: input, next: first };
  let next = first;
  return { bytes: new TextEncoder().encode(input.replaceAll("#", () => String(next++))), next };
}
