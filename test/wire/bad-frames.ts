/** Frames that make no sense, each with what a session has to say about it. */

/** What the session says, one word or two for each message: `9 BUSY` refuses the call 9, `null` is for no call. */
export type BadFrame = {
  name: string;
  input: string | Uint8Array;
  answers: readonly string[];
  /** The state afterwards, where that is another. */
  state?: "cut" | "idle";
};

/** Long enough for one piece of a stream, and small enough to be overrun. */
export const LINE_BYTES = 64 * 1024;
export const COUNTED_BYTES = 128 * 1024;
export const CREDIT_BYTES = 1000;

const line = (members: string): string => `{"jsonrpc":"2.0",${members}}\n`;
const request = (members: string): string => line(`"id":9,${members}`);
const notice = (method: string, params: string): string => line(`"method":"${method}","params":${params}`);
const data = (members: string): string => notice("stream.data", `{"call":"c1",${members}}`);
const nested = (depth: number): string =>
  request(`"method":"m","params":${"[".repeat(depth)}${"]".repeat(depth)}`);

const FRAME = ["null BAD_FRAME"];
const REQUEST = ["null BAD_REQUEST"];
const REQUEST_9 = ["null BAD_REQUEST", "9 BAD_REQUEST"];

const rows = (
  answers: readonly string[],
  inputs: Readonly<Record<string, string | Uint8Array>>,
  state?: "cut",
): BadFrame[] =>
  Object.entries(inputs).map(([name, input]) => ({ name, input, answers, ...(state ? { state } : {}) }));

const FRAMES: readonly BadFrame[] = [
  ...rows(FRAME, {
    "a line cut off": '{"jsonrpc":"2.0","id":9,"meth\n',
    "a line of text": "hello\n",
    "an object longer than its count": '3\n{"jsonrpc":"2.0"}\n',
    "a frame cut off by the next": '99\n{"jsonrpc":"2.0","method":"m\n',
    "text that is not UTF-8": Uint8Array.from([...Buffer.from('{"a":"'), 0xff, ...Buffer.from('"}\n')]),
    "an overlong form of UTF-8": Uint8Array.from([
      ...Buffer.from('{"a":"'),
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
    "a number beyond all numbers": request('"method":"m","params":-1e400'),
    "33 levels": nested(32),
    "20,000 levels": nested(20_000),
    "20,000 levels without an end": `${"[".repeat(20_000)}\n`,
    "a list": "[]\n",
    "a batch": `[${request('"method":"m"').trim()}]\n`,
    "a string": '"text"\n',
    null: "null\n",
    "an object of no dialect": '{"id":9}\n',
    "another JSON-RPC": '{"jsonrpc":"1.0","id":9,"method":"m"}\n',
    "JSON-RPC's version as a number": '{"jsonrpc":2.0,"id":9,"method":"m"}\n',
    "two dialects at once": '{"jsonrpc":"1.0","success":true}\n',
    "a python-negotiator answer with a wrong member": '{"success":"yes"}\n',
    "a python-negotiator request without a name": '{"method":7}\n',
    "the number 0": request('"seq":0,"method":"m"'),
    "a negative number": request('"seq":-1,"method":"m"'),
    "a number as text": request('"seq":"2","method":"m"'),
    "half a number": request('"seq":2.5,"method":"m"'),
    "the number null": request('"seq":null,"method":"m"'),
  }),
  ...rows(["null BAD_FRAME", "null BAD_FRAME"], { "a count without an object": "12\nhello\n" }),
  ...rows(["null TOO_LARGE"], {
    "a line too long": `{"a":"${"x".repeat(LINE_BYTES)}"}\n`,
    "a counted frame too long": `9999999999\n{"a":"${"x".repeat(COUNTED_BYTES)}"}`,
  }),
];

const ENVELOPES: readonly BadFrame[] = [
  ...rows(REQUEST_9, {
    "a method that is a number": request('"method":7'),
    "a method without a name": request('"method":""'),
    "a method with a blank": request('"method":"a b"'),
    "a method outside of ASCII": request('"method":"é"'),
    "a method of 129 characters": request(`"method":"${"m".repeat(129)}"`),
    "no time": request('"method":"m","timeoutMs":0'),
    "negative time": request('"method":"m","timeoutMs":-1'),
    "time as text": request('"method":"m","timeoutMs":"1"'),
    "detached as a number": request('"method":"m","isDetached":1'),
    "streams as text": request('"method":"m","streams":"stdout"'),
    "negative credit in a request": request('"method":"m","streams":{"read":{"stdout":-1}}'),
    "half a byte of credit in a request": request('"method":"m","streams":{"read":{"stdout":0.5}}'),
    "a stream in capitals": request('"method":"m","streams":{"read":{"OUT":1}}'),
    "a stream without a name": request('"method":"m","streams":{"write":[""]}'),
    "a stream of 33 characters": request(`"method":"m","streams":{"write":["${"s".repeat(33)}"]}`),
    "a stream that is a number": request('"method":"m","streams":{"write":[1]}'),
    "streams to write as text": request('"method":"m","streams":{"write":"stdin"}'),
    "neither a request nor an answer": request('"more":1'),
    "an error that is text": request('"error":"no"'),
    "an error without a text": request('"error":{"code":1}'),
    "an error with a code as text": request('"error":{"code":"DENIED","message":""}'),
    "an answer with a negative total": request('"result":1,"streams":{"stdout":{"bytes":-1}}'),
  }),
  ...rows(REQUEST, {
    "an id that is an object": line('"id":{},"method":"m"'),
    "an id that is null": line('"id":null,"method":"m"'),
    "an id that is true": line('"id":true,"method":"m"'),
    "half an id": line('"id":1.5,"method":"m"'),
    "an empty id": line('"id":"","method":"m"'),
    "an id with a blank": line('"id":"a b","method":"m"'),
    "an id of 65 characters": line(`"id":"${"i".repeat(65)}","method":"m"`),
    "an answer without an id": line('"result":1'),
    "an error without an id": line('"error":{"code":1,"message":""}'),
    "an answer to null": line('"id":null,"result":1'),
  }),
  ...rows(["null UNKNOWN_METHOD", "9 UNKNOWN_METHOD"], {
    "a call of a reserved method": request('"method":"session.hello"'),
    "a call of another reserved method": request('"method":"stream.open"'),
  }),
  ...rows(["null UNKNOWN_METHOD"], { "an event with a reserved name": line('"method":"call.began"') }),
];

const CALLS: readonly BadFrame[] = [
  ...rows([], {
    "the id of a call that runs": line('"id":"c1","method":"m"'),
    "an answer to no call": line('"id":"nobody","result":1'),
    "an error of no call": line('"id":"nobody","error":{"code":1,"message":""}'),
    "an error of nothing": line('"id":null,"error":{"code":1,"message":""}'),
    "an answer to its own call": line('"id":"c1","result":1'),
    "a cancel of no call": notice("call.cancel", '{"call":"nobody"}'),
    "a cancel of our own call": notice("call.cancel", '{"call":"out-1"}'),
    "progress of no call": notice("call.progress", '{"call":"nobody","value":1}'),
    "an attachment to no call": notice("call.attached", '{"call":"nobody","offsets":{}}'),
    "an attachment with no such stream": notice("call.attached", '{"call":"out-1","offsets":{"x":5}}'),
    "an attachment to __proto__": notice("call.attached", '{"call":"out-1","offsets":{"__proto__":1}}'),
    "an answer to no call with a total of no stream": request(
      '"result":1,"streams":{"__proto__":{"bytes":1}}',
    ),
    "data of no call": notice("stream.data", '{"call":"nobody","stream":"stdin","offset":0,"text":"a"}'),
    "credit of no call": notice("stream.credit", '{"call":"nobody","stream":"stdout","limit":9}'),
  }),
  ...rows(["out-1 BAD_REQUEST"], { "the id of a call of ours": line('"id":"out-1","method":"m"') }),
  ...rows(["9 BUSY"], {
    "too many streams": request('"method":"m","streams":{"read":{"a":1,"b":1},"write":["c","d"]}'),
  }),
  ...rows(REQUEST, {
    "a cancel without a call": notice("call.cancel", "{}"),
    "a cancel without anything": line('"method":"call.cancel"'),
    "a cancel with a number as its reason": notice("call.cancel", '{"call":"c1","reason":1}'),
    "progress without a value": notice("call.progress", '{"call":"out-1"}'),
    "an attachment at a negative offset": notice("call.attached", '{"call":"out-1","offsets":{"stdout":-1}}'),
  }),
];

const STREAMS: readonly BadFrame[] = [
  ...rows(["null UNSUPPORTED"], {
    "data of no stream": data('"stream":"x","offset":0,"text":"a"'),
    "data of a stream that flows the other way": data('"stream":"stdout","offset":0,"text":"a"'),
    "the end of no stream": notice("stream.end", '{"call":"c1","stream":"x","bytes":0}'),
    "credit of no stream": notice("stream.credit", '{"call":"c1","stream":"x","limit":9}'),
    "credit of a stream that flows the other way": notice(
      "stream.credit",
      '{"call":"c1","stream":"stdin","limit":9}',
    ),
    "a stop of no stream": notice("stream.stop", '{"call":"c1","stream":"x"}'),
  }),
  ...rows(["null UNSUPPORTED", "call.cancel"], {
    "data of no stream of our own call": notice(
      "stream.data",
      '{"call":"out-1","stream":"x","offset":0,"text":"a"}',
    ),
  }),
  ...rows(FRAME, {
    "text and base64 at once": data('"stream":"stdin","offset":0,"text":"a","base64":"YQ=="'),
    "neither text nor base64": data('"stream":"stdin","offset":0'),
    "base64 that is none": data('"stream":"stdin","offset":0,"base64":"a*=="'),
    "base64 cut off": data('"stream":"stdin","offset":0,"base64":"YWJjZ"'),
    "a piece of text over 32 KiB": data(`"stream":"stdin","offset":0,"text":"${"x".repeat(32 * 1024 + 1)}"`),
    "text over 32 KiB in bytes": data(`"stream":"stdin","offset":0,"text":"${"é".repeat(16 * 1024 + 1)}"`),
    "base64 over 32 KiB": data(`"stream":"stdin","offset":0,"base64":"${"AAAA".repeat(10_923)}"`),
    "an offset too far": data('"stream":"stdin","offset":1,"text":"a"'),
    "one byte more than the credit": data(
      `"stream":"stdin","offset":0,"text":"${"x".repeat(CREDIT_BYTES + 1)}"`,
    ),
    "a byte behind the largest number": data('"stream":"stdin","offset":9007199254740991,"text":"a"'),
    "the same bytes again":
      data('"stream":"stdin","offset":0,"text":"abc"') + data('"stream":"stdin","offset":0,"text":"abc"'),
    "an end before what came":
      data('"stream":"stdin","offset":0,"text":"abc"') +
      notice("stream.end", '{"call":"c1","stream":"stdin","bytes":2}'),
    "two ends in different places":
      notice("stream.end", '{"call":"c1","stream":"stdin","bytes":2}') +
      notice("stream.end", '{"call":"c1","stream":"stdin","bytes":3}'),
    "data behind the end":
      notice("stream.end", '{"call":"c1","stream":"stdin","bytes":2}') +
      data('"stream":"stdin","offset":0,"text":"abc"'),
  }),
  ...rows(REQUEST, {
    "text that is a number": data('"stream":"stdin","offset":0,"text":1'),
    "base64 that is a list": data('"stream":"stdin","offset":0,"base64":[1]'),
    "a negative offset": data('"stream":"stdin","offset":-1,"text":"a"'),
    "an offset as text": data('"stream":"stdin","offset":"0","text":"a"'),
    "data without a stream": data('"offset":0,"text":"a"'),
    "data of a stream in capitals": data('"stream":"STDIN","offset":0,"text":"a"'),
    "negative credit": notice("stream.credit", '{"call":"c1","stream":"stdout","limit":-1}'),
    "credit beyond 2^53, as text": notice("stream.credit", '{"call":"c1","stream":"stdout","limit":"9e99"}'),
    "a negative end": notice("stream.end", '{"call":"c1","stream":"stdin","bytes":-1}'),
    "an end without a place": notice("stream.end", '{"call":"c1","stream":"stdin"}'),
    "data as a list": notice("stream.data", "[]"),
  }),
];

const SESSION: readonly BadFrame[] = [
  ...rows(["session.resync"], { "a number too far": request('"seq":3,"method":"m"') }, "cut"),
  ...rows(["session.resync"], { "the largest number": line('"seq":9007199254740991,"method":"m"') }, "cut"),
  ...rows([], { "a number twice": request('"seq":1,"method":"m"') }),
  ...rows([], { "a call of an old host": '37\n{"method": "list_commands", "kw": {}}' }, "cut"),
  ...rows(FRAME, { "an acknowledgement of what was never sent": notice("session.ack", '{"received":999}') }),
  ...rows(REQUEST, {
    "a negative acknowledgement": notice("session.ack", '{"received":-1}'),
    "half an acknowledgement": notice("session.ack", '{"received":0.5}'),
    "an acknowledgement of nothing": notice("session.ack", "{}"),
    "a resync of text": notice("session.resync", '{"received":"all"}'),
    "a goodbye with a number as its reason": notice("session.goodbye", '{"reason":1}'),
  }),
  ...rows([], {
    "a resync that a dialler would say": notice("session.resync", '{"received":0}'),
    "a pong that nobody asked for": notice("session.pong", "{}"),
  }),
  ...rows(["session.pong"], { "a ping with more to say": notice("session.ping", '{"__proto__":{"a":1}}') }),
];

export const BAD_FRAMES: readonly BadFrame[] = [...FRAMES, ...ENVELOPES, ...CALLS, ...STREAMS, ...SESSION];
