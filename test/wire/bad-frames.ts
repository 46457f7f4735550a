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
export const LINE_BYTES = 64 * 1024;
/** The limit for length-prefixed frames, in bytes. */
export const PREFIXED_BYTES = 128 * 1024;
/** The credit of each stream, in bytes. */
export const CREDIT_BYTES = 1000;

const line = (members: string): string => `{"jsonrpc":"2.0",${members}}\n`;
const request = (members: string): string => line(`"id":9,${members}`);
const message = (method: string, params: string): string => line(`"method":"${method}","params":${params}`);
const data = (members: string): string => message("stream.data", `{"call":"c1",${members}}`);
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
    "an object longer than its length prefix": '3\n{"jsonrpc":"2.0"}\n',
    "a frame that the next one cuts off": '99\n{"jsonrpc":"2.0","method":"m\n',
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
    "a number beyond the largest double": request('"method":"m","params":-1e400'),
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
    "the seq 0": request('"seq":0,"method":"m"'),
    "a negative seq": request('"seq":-1,"method":"m"'),
    "a seq as text": request('"seq":"2","method":"m"'),
    "the seq 2.5": request('"seq":2.5,"method":"m"'),
    "the seq null": request('"seq":null,"method":"m"'),
  }),
  ...rows(["null BAD_FRAME", "null BAD_FRAME"], { "a length prefix without an object": "12\nhello\n" }),
  ...rows(["null TOO_LARGE"], {
    "a line too long": `{"a":"${"x".repeat(LINE_BYTES)}"}\n`,
    "a length-prefixed frame too long": `9999999999\n{"a":"${"x".repeat(PREFIXED_BYTES)}"}`,
  }),
];

const ENVELOPES: readonly BadFrame[] = [
  ...rows(REQUEST_9, {
    "a method that is a number": request('"method":7'),
    "a method without a name": request('"method":""'),
    "a method with a blank": request('"method":"a b"'),
    "a method outside of ASCII": request('"method":"é"'),
    "a method of 129 characters": request(`"method":"${"m".repeat(129)}"`),
    "a timeout of 0": request('"method":"m","timeoutMs":0'),
    "a negative timeout": request('"method":"m","timeoutMs":-1'),
    "a timeout as text": request('"method":"m","timeoutMs":"1"'),
    "detached as a number": request('"method":"m","isDetached":1'),
    "streams as text": request('"method":"m","streams":"stdout"'),
    "negative credit in a request": request('"method":"m","streams":{"read":{"stdout":-1}}'),
    "a credit of half a byte in a request": request('"method":"m","streams":{"read":{"stdout":0.5}}'),
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
    "an id of 1.5": line('"id":1.5,"method":"m"'),
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
  ...rows(["null UNKNOWN_METHOD"], { "a notice with a reserved method": line('"method":"call.began"') }),
];

const CALLS: readonly BadFrame[] = [
  ...rows([], {
    "a request with the id of a running call": line('"id":"c1","method":"m"'),
    "an answer to an unknown call": line('"id":"none","result":1'),
    "an error of an unknown call": line('"id":"none","error":{"code":1,"message":""}'),
    "an error with the id null": line('"id":null,"error":{"code":1,"message":""}'),
    "an answer to its own call": line('"id":"c1","result":1'),
    "a cancel of an unknown call": message("call.cancel", '{"call":"none"}'),
    "a cancel of the session's own call": message("call.cancel", '{"call":"out-1"}'),
    "progress of an unknown call": message("call.progress", '{"call":"none","value":1}'),
    "an attachment to an unknown call": message("call.attached", '{"call":"none","offsets":{}}'),
    "an attachment with an unknown stream": message("call.attached", '{"call":"out-1","offsets":{"x":5}}'),
    "an attachment to __proto__": message("call.attached", '{"call":"out-1","offsets":{"__proto__":1}}'),
    "an answer to an unknown call with a total of __proto__": request(
      '"result":1,"streams":{"__proto__":{"bytes":1}}',
    ),
    "data of an unknown call": message(
      "stream.data",
      '{"call":"none","stream":"stdin","offset":0,"text":"a"}',
    ),
    "credit of an unknown call": message("stream.credit", '{"call":"none","stream":"stdout","limit":9}'),
  }),
  ...rows(["out-1 BAD_REQUEST"], {
    "a request with the id of the session's own call": line('"id":"out-1","method":"m"'),
  }),
  ...rows(["9 BUSY"], {
    "too many streams": request('"method":"m","streams":{"read":{"a":1,"b":1},"write":["c","d"]}'),
  }),
  ...rows(REQUEST, {
    "a cancel without a call": message("call.cancel", "{}"),
    "a cancel without parameters": line('"method":"call.cancel"'),
    "a cancel with a number as its reason": message("call.cancel", '{"call":"c1","reason":1}'),
    "progress without a value": message("call.progress", '{"call":"out-1"}'),
    "an attachment at a negative offset": message(
      "call.attached",
      '{"call":"out-1","offsets":{"stdout":-1}}',
    ),
  }),
];

const STREAMS: readonly BadFrame[] = [
  ...rows(["null UNSUPPORTED"], {
    "data of an unknown stream": data('"stream":"x","offset":0,"text":"a"'),
    "data of a stream that flows the other way": data('"stream":"stdout","offset":0,"text":"a"'),
    "the end of an unknown stream": message("stream.end", '{"call":"c1","stream":"x","bytes":0}'),
    "credit of an unknown stream": message("stream.credit", '{"call":"c1","stream":"x","limit":9}'),
    "credit of a stream that flows the other way": message(
      "stream.credit",
      '{"call":"c1","stream":"stdin","limit":9}',
    ),
    "a stop of an unknown stream": message("stream.stop", '{"call":"c1","stream":"x"}'),
  }),
  ...rows(["null UNSUPPORTED", "call.cancel"], {
    "data of an unknown stream of the session's own call": message(
      "stream.data",
      '{"call":"out-1","stream":"x","offset":0,"text":"a"}',
    ),
  }),
  ...rows(FRAME, {
    "text and base64 at once": data('"stream":"stdin","offset":0,"text":"a","base64":"YQ=="'),
    "neither text nor base64": data('"stream":"stdin","offset":0'),
    "invalid base64": data('"stream":"stdin","offset":0,"base64":"a*=="'),
    "base64 cut off": data('"stream":"stdin","offset":0,"base64":"YWJjZ"'),
    "text over 32 KiB": data(`"stream":"stdin","offset":0,"text":"${"x".repeat(32 * 1024 + 1)}"`),
    "text over 32 KiB in UTF-8": data(`"stream":"stdin","offset":0,"text":"${"é".repeat(16 * 1024 + 1)}"`),
    "base64 over 32 KiB": data(`"stream":"stdin","offset":0,"base64":"${"AAAA".repeat(10_923)}"`),
    "an offset beyond the next one": data('"stream":"stdin","offset":1,"text":"a"'),
    "one byte more than the credit": data(
      `"stream":"stdin","offset":0,"text":"${"x".repeat(CREDIT_BYTES + 1)}"`,
    ),
    "a byte after the largest offset": data('"stream":"stdin","offset":9007199254740991,"text":"a"'),
    "the same bytes again":
      data('"stream":"stdin","offset":0,"text":"abc"') + data('"stream":"stdin","offset":0,"text":"abc"'),
    "an end before the received bytes":
      data('"stream":"stdin","offset":0,"text":"abc"') +
      message("stream.end", '{"call":"c1","stream":"stdin","bytes":2}'),
    "two ends at different offsets":
      message("stream.end", '{"call":"c1","stream":"stdin","bytes":2}') +
      message("stream.end", '{"call":"c1","stream":"stdin","bytes":3}'),
    "data after the end":
      message("stream.end", '{"call":"c1","stream":"stdin","bytes":2}') +
      data('"stream":"stdin","offset":0,"text":"abc"'),
  }),
  ...rows(REQUEST, {
    "text that is a number": data('"stream":"stdin","offset":0,"text":1'),
    "base64 that is a list": data('"stream":"stdin","offset":0,"base64":[1]'),
    "a negative offset": data('"stream":"stdin","offset":-1,"text":"a"'),
    "an offset as text": data('"stream":"stdin","offset":"0","text":"a"'),
    "data without a stream": data('"offset":0,"text":"a"'),
    "data of a stream in capitals": data('"stream":"STDIN","offset":0,"text":"a"'),
    "negative credit": message("stream.credit", '{"call":"c1","stream":"stdout","limit":-1}'),
    "credit beyond 2^53, as text": message("stream.credit", '{"call":"c1","stream":"stdout","limit":"9e99"}'),
    "a negative end": message("stream.end", '{"call":"c1","stream":"stdin","bytes":-1}'),
    "an end without its total": message("stream.end", '{"call":"c1","stream":"stdin"}'),
    "data as a list": message("stream.data", "[]"),
  }),
];

const SESSION: readonly BadFrame[] = [
  ...rows(["session.resync"], { "a seq after a gap": request('"seq":3,"method":"m"') }, "cut"),
  ...rows(["session.resync"], { "the largest seq": line('"seq":9007199254740991,"method":"m"') }, "cut"),
  ...rows([], { "a repeated seq": request('"seq":1,"method":"m"') }),
  ...rows([], { "a python-negotiator's call": '37\n{"method": "list_commands", "kw": {}}' }, "cut"),
  ...rows(FRAME, { "an acknowledgement of messages never sent": message("session.ack", '{"received":999}') }),
  ...rows(REQUEST, {
    "a negative acknowledgement": message("session.ack", '{"received":-1}'),
    "an acknowledgement of half a message": message("session.ack", '{"received":0.5}'),
    "an acknowledgement without a number": message("session.ack", "{}"),
    "a resync of text": message("session.resync", '{"received":"all"}'),
    "a goodbye with a number as its reason": message("session.goodbye", '{"reason":1}'),
  }),
  ...rows([], {
    "a resync from a dialler": message("session.resync", '{"received":0}'),
    "a pong without a ping": message("session.pong", "{}"),
  }),
  ...rows(["session.pong"], { "a ping with parameters": message("session.ping", '{"__proto__":{"a":1}}') }),
];

/** All rows. */
export const BAD_FRAMES: readonly BadFrame[] = [...FRAMES, ...ENVELOPES, ...CALLS, ...STREAMS, ...SESSION];
