/** Invalid hellos, and invalid messages before or instead of a hello. */
import type { SessionState } from "../../src/wire/session/session.ts";

const limits = { lineBytes: 131_072 };
const GOOD = {
  versions: { min: 2, max: 2 },
  capabilities: [],
  agent: { name: "n", version: "v", role: "r" },
  session: { id: "s", received: 0 },
  limits,
};

const hello = (changes: object): string => {
  const params = { ...GOOD, ...changes };
  return `\n{"method": "negotiate:n1", ${JSON.stringify({ jsonrpc: "2.0", id: "n1", params }).slice(1)}\n`;
};
const refuse = (name: string, changes: object, code = "BAD_REQUEST"): BadHello => ({
  name,
  input: hello(changes),
  answer: `n1 ${code}`,
});

/** Returns the answer to a dialler's hello, with the first id that the dialler made. */
const welcome = (changes: object): string => {
  const session = { id: "made-1", instance: "i", received: 0 };
  const result = { ...GOOD, version: 2, session, ...changes };
  return `${JSON.stringify({ jsonrpc: "2.0", id: "NONCE", result })}\n`;
};

/** A hello and the answer that refuses it. */
export type BadHello = { name: string; input: string; answer: string };

/** All invalid hellos. */
export const BAD_HELLOS: readonly BadHello[] = [
  refuse("without versions", { versions: undefined }),
  refuse("with half a range of versions", { versions: { min: 2 } }),
  refuse("with versions as text", { versions: { min: "2", max: "2" } }),
  refuse("with only newer versions", { versions: { min: 3, max: 9 } }, "UNSUPPORTED"),
  refuse("with only older versions", { versions: { min: 0, max: 1 } }, "UNSUPPORTED"),
  refuse("with a reversed range of versions", { versions: { min: 9, max: 1 } }, "UNSUPPORTED"),
  refuse("with negative versions", { versions: { min: -1, max: 2 } }),
  refuse("without capabilities", { capabilities: undefined }),
  refuse("with 65 capabilities", { capabilities: Array.from({ length: 65 }, () => "c") }),
  refuse("with a capability of 65 characters", { capabilities: ["c".repeat(65)] }),
  refuse("with capabilities as numbers", { capabilities: [1] }),
  refuse("without an agent", { agent: undefined }),
  refuse("with an agent of 65 characters", { agent: { ...GOOD.agent, name: "n".repeat(65) } }),
  refuse("without a session", { session: undefined }),
  refuse("with an empty session id", { session: { id: "", received: 0 } }),
  refuse("with a session id of 65 characters", { session: { id: "s".repeat(65), received: 0 } }),
  refuse("with a session id outside ASCII", { session: { id: "é", received: 0 } }),
  refuse("with an instance that is null", { session: { id: "s", instance: null, received: 0 } }),
  refuse("that received -1 messages", { session: { id: "s", received: -1 } }),
  refuse("that received half a message", { session: { id: "s", received: 0.5 } }),
  refuse("without limits", { limits: undefined }),
  refuse("with a negative limit", { limits: { ...limits, lineBytes: -1 } }),
  refuse("with a negative credit for notices", { limits: { ...limits, noticeBytes: -1 } }),
  refuse("with a limit as text", { limits: { lineBytes: "many" } }),
  refuse("with lineBytes too low for a stream chunk", { limits: { lineBytes: 131_071 } }),
  {
    name: "with a list as its parameters",
    input: hello({}).replace(/"params":.*/, '"params":[]}'),
    answer: "n1 BAD_REQUEST",
  },
  { name: "without parameters", input: hello({}).replace(/,"params":.*/, "}"), answer: "n1 BAD_REQUEST" },
];

type Greeting = {
  during: "idle" | "cut" | "dialling";
  name: string;
  /** `NONCE` stands for the nonce of the session's hello. */
  input: string;
  answers: readonly string[];
  /** The state afterwards, if it changes. */
  state?: SessionState;
};

const rows = (
  during: Greeting["during"],
  answers: readonly string[],
  inputs: Readonly<Record<string, string>>,
  state?: SessionState,
): Greeting[] =>
  Object.entries(inputs).map(([name, input]) => ({
    during,
    name,
    input,
    answers,
    ...(state ? { state } : {}),
  }));

const NO_INSTANCE = { id: "made-1", received: 0 };
const line = (members: string): string => `{"jsonrpc":"2.0",${members}}\n`;
const REFUSAL = '{"success": false, "error": "Method negotiate:other not supported"}';
const DATA = '"method":"stream.data","params":{"call":"1","stream":"stdin","offset":0,"text":"a"}';
const LINES = {
  "a call": line('"seq":77,"id":"9","method":"info"'),
  "an attach": line('"seq":1,"id":"9","method":"call.attach"'),
  "a call without a number": line('"id":"9","method":"info"'),
  "a notice": line('"seq":1,"method":"guest.joined","params":{}'),
  "an answer": line('"seq":1,"id":"9","result":1'),
  data: line(`"seq":1,${DATA}`),
  "a ping": line('"method":"session.ping"'),
  "a goodbye": line('"method":"session.goodbye"'),
  "an invalid call": line('"seq":1,"id":"9","method":7'),
  "an unknown message": line('"method":"session.later"'),
} as const;
/** Noise: no listener complains about it before the first hello, or after the order was lost. */
const NOISE = {
  garbage: "garbage\n",
  "much garbage": "garbage\n".repeat(1000),
  "a torn frame": '99\n{"method": "neg\n',
  "an object of no dialect": "{}\n",
  "many lengths": "1\n".repeat(1000),
  "a length that is too large": "999999999999\n",
  "a torn message": '{"jsonrpc":"2.0","id":"9","meth\n',
  "a raw chunk without its line": "bytes\n",
  "a line that is too long": `${"x".repeat(2_000_000)}\n`,
  "a native message that is too deep": line(`"x":${"[".repeat(40)}${"]".repeat(40)}`),
} as const;
const REQUESTS = new Set(["a call", "an attach", "a call without a number"]);
const pick = (isRequest: boolean): Record<string, string> =>
  Object.fromEntries(Object.entries(LINES).filter(([name]) => REQUESTS.has(name) === isRequest));

/** All other rows. */
export const BAD_GREETINGS: readonly Greeting[] = [
  ...rows("idle", [], NOISE),
  ...rows("idle", ["9 CLOSED", "session.resync"], pick(true)),
  ...rows("idle", ["session.resync"], pick(false)),
  ...rows("idle", [], {
    "a python-negotiator's call": '41\n{"args": [], "kw": {}, "method": "other"}',
  }),
  ...rows("idle", Array.from({ length: 32 }, () => ["9 CLOSED", "session.resync"]).flat(), {
    "99 calls": LINES["a call"].repeat(99),
  }),
  ...rows("cut", [], NOISE),
  ...rows("cut", ["session.resync"], LINES),
  ...rows(
    "cut",
    Array.from({ length: 32 }, () => "session.resync"),
    {
      "99 calls": LINES["a call"].repeat(99),
    },
  ),
  ...rows("dialling", [], { ...NOISE, ...LINES }),
  ...rows("dialling", [], {
    "the answer to another hello": line('"id":"other","result":{}'),
    "the refusal of another hello": line('"id":"other","error":{"code":1,"message":""}'),
    "an error with the id null": line('"id":null,"error":{"code":1,"message":""}'),
    "a late answer of a python-negotiator": '{"result": "slept 3", "success": true}\n',
    "a python-negotiator's refusal of another hello": `${REFUSAL}\n`,
    "the torn end of a long answer": `${"x".repeat(200_000)}", "success": true}`,
    "the nonce in the middle of a line": 'x{"a": "NONCE"}\n',
    "an answer with the seq 0": line('"seq":0,"id":"NONCE","result":{}'),
    "an answer without an outcome": line('"id":"NONCE"'),
  }),
  ...rows(
    "dialling",
    [],
    {
      "an answer without members": line('"id":"NONCE","result":{}'),
      "an answer of null": line('"id":"NONCE","result":null'),
      "an answer with a bad session": line(
        `"id":"NONCE","result":${JSON.stringify({ ...GOOD, version: 2, session: NO_INSTANCE })}`,
      ),
      "an answer about another session": welcome({ session: { id: "s", instance: "i", received: 0 } }),
      "an answer with a version that was not offered": welcome({ version: 99 }),
      "an answer with version 1": welcome({ version: 1 }),
      "an answer with lineBytes too low for a stream chunk": welcome({
        limits: { lineBytes: 131_071 },
      }),
      "the refusal of its hello": line('"id":"NONCE","error":{"code":-32014,"message":"no"}'),
    },
    "cut",
  ),
  ...rows(
    "dialling",
    [],
    {
      "a python-negotiator's refusal of its hello":
        '{"success": false, "error": "Method negotiate:NONCE not supported"}\n',
    },
    "foreign",
  ),
];
