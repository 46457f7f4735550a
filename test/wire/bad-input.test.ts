/** Invalid input gets a defined answer, costs no memory, and the next valid call is served. */
import { describe, expect, test } from "bun:test";
import { isJsonObject } from "../../src/wire/json.ts";
import type { JsonObject } from "../../src/wire/json.ts";
import { growthOf } from "../support/held-bytes.ts";
import { BAD_FRAMES, PREFIXED_BYTES, CREDIT_BYTES, LINE_BYTES, numberInput } from "./bad-frames.ts";
import { BAD_GREETINGS, BAD_HELLOS } from "./bad-greetings.ts";
import { createScriptedPeer } from "./session/scripted-peer.ts";
import type { ScriptedOptions, ScriptedPeer } from "./session/scripted-peer.ts";

const LIMITS = {
  lineBytes: LINE_BYTES,
  lengthPrefixedBytes: PREFIXED_BYTES,
  firstCreditBytes: CREDIT_BYTES,
  streamCreditBytes: CREDIT_BYTES,
  streamsPerCall: 3,
  openCalls: 8,
};

/** Creates an open listener that serves the call `c1` and has made the call `out-1`. */
function openBusy(options: ScriptedOptions = {}): ScriptedPeer {
  const peer = createScriptedPeer({ limits: LIMITS, ...options });
  greetBusily(peer);
  return peer;
}

function greetBusily(peer: ScriptedPeer): void {
  peer.greet({ capabilities: ["raw"] });
  peer.count({ id: "c1", method: "m", streams: { read: { stdout: 10 }, write: ["stdin"] } });
  const call = peer.session.call({ id: "out-1", method: "m", read: ["stdout"], write: ["stdin"] });
  call.answer.catch(() => {});
  peer.drain();
}

/** Describes a message of the session in one or two words. */
function summary({ id, method, error }: JsonObject): string {
  if (typeof method === "string") return method;
  const data = isJsonObject(error) ? error["data"] : undefined;
  const code = isJsonObject(data) ? data["code"] : "result";
  return `${String(id)} ${String(code)}`;
}

/** Sends an input of the table with its numbers. */
function sendInput(peer: ScriptedPeer, input: string | Uint8Array, pieceBytes = 1e9): void {
  const { bytes, next } = numberInput(input, peer.seq + 1);
  for (let start = 0; start < bytes.length; start += pieceBytes)
    peer.send(bytes.subarray(start, start + pieceBytes));
  peer.seq = next - 1;
}

/** Expects that the session serves a valid call. */
function expectService(peer: ScriptedPeer): void {
  const served = peer.calls.length;
  peer.count({ id: "good", method: "info", params: { a: 1 } });
  expect(peer.calls.slice(served).map(({ id, params }) => [id, params])).toEqual([["good", { a: 1 }]]);
  peer.calls.at(-1)?.respond("fine");
  expect(peer.drain()).toContainEqual(expect.objectContaining({ id: "good", result: "fine" }));
}

const outcome = ({ answers, state }: { answers: readonly string[]; state?: string }): string =>
  [...(answers.length > 0 ? answers.slice(0, 2) : ["nothing"]), ...(state ? [`and is ${state}`] : [])].join(
    ", ",
  );
const FRAME_ROWS = BAD_FRAMES.map((row) => [row.name, outcome(row), row] as const);
const GREETING_ROWS = BAD_GREETINGS.map((row) => [row.during, row.name, outcome(row), row] as const);

describe("an open session", () => {
  test.each(FRAME_ROWS)("an open session answers %s with: %s", (_, _answers, row) => {
    const { input, answers, state = "open" } = row;
    const peer = openBusy();
    sendInput(peer, input);
    expect(peer.drain().map(summary)).toEqual([...answers]);
    expect(peer.session.state).toBe(state);
    if (state !== "open") peer.greet();
    expectService(peer);
  });

  test.each(FRAME_ROWS)("an open session answers %s, byte by byte, with: %s", (_, _answers, row) => {
    const { input, answers, state = "open" } = row;
    const peer = openBusy();
    sendInput(peer, input, 1);
    expect(peer.drain().map(summary)).toEqual([...answers]);
    expect(peer.session.state).toBe(state);
  });

  test("invalid input beyond the limit cuts a session, and a hello on another channel resumes it", () => {
    const peer = openBusy();
    const bad = { method: "session.ack", params: {} };
    for (let index = 0; index < 32; index++) peer.say(bad);
    expect(peer.session.state).toBe("open");
    expect(peer.drain()).toHaveLength(32);
    peer.say(bad);
    expect(peer.session.state).toBe("cut");
    for (let index = 0; index < 1000; index++) peer.say(bad);
    peer.count({ id: "5", method: "m" });
    expect(peer.drain()).toEqual([]);
    peer.session.detach();
    peer.greet();
    for (let index = 0; index < 32; index++) peer.say(bad);
    expect(peer.session.state).toBe("open");
    expectService(peer);
  });

  test("a peer that reads none of 5000 answers is cut", () => {
    const peer = openBusy();
    for (let id = 0; id < 5000; id++) peer.count({ id: `c${id}`, method: "m" });
    expect(peer.session.state).toBe("cut");
    peer.greet();
    peer.drain();
    expect(peer.session.state).toBe("open");
  });

  test("a call beyond openCalls gets BUSY, and a later one is served when another has ended", () => {
    const peer = openBusy();
    for (let id = 1; id <= 8; id++) peer.count({ id: String(id), method: "m" });
    expect(peer.drain().map(summary)).toEqual(["8 BUSY"]);
    peer.calls.at(-1)?.respond(1);
    peer.drain();
    expectService(peer);
  });

  test("__proto__ in parameters is an ordinary member", () => {
    const peer = openBusy();
    sendInput(
      peer,
      '{"jsonrpc":"2.0","seq":#,"id":"9","method":"m","params":{"__proto__":{"isAdmin":true}}}\n',
    );
    const params = peer.calls.at(-1)?.params;
    expect(Object.keys(params ?? {})).toEqual(["__proto__"]);
    expect(Reflect.get(Object(params), "isAdmin")).toBeUndefined();
    expect(Reflect.get({}, "isAdmin")).toBeUndefined();
  });
});

describe("a listener", () => {
  test.each(BAD_HELLOS.map((row) => [row.name, row.answer, row] as const))(
    "a hello %s gets: %s",
    (_, _answer, row) => {
      const open = openBusy();
      const cut = openBusy();
      cut.session.detach();
      for (const peer of [createScriptedPeer({ limits: LIMITS }), open, cut]) {
        const before = peer.session.state;
        peer.send(row.input);
        expect(peer.drain().map(summary)).toEqual([row.answer]);
        expect([before, peer.session.state]).toEqual([before, "idle"]);
        peer.greet();
        expectService(peer);
      }
    },
  );
});

describe("a session that is not open", () => {
  test.each(GREETING_ROWS)("a session that is %s answers %s with: %s", (_during, _name, _answers, row) => {
    const peer = createScriptedPeer({
      limits: LIMITS,
      side: row.during === "dialling" ? "dialler" : "listener",
    });
    if (row.during === "dialling") peer.session.dial();
    if (row.during === "cut") peer.session.detach();
    const hello = row.during === "dialling" ? peer.drain()[0] : undefined;
    const nonce = String(hello?.["id"]);
    peer.send(row.input.replaceAll("NONCE", nonce));
    expect(peer.drain().map(summary)).toEqual([...row.answers]);
    expect(peer.session.state).toBe(row.state ?? row.during);
    if (peer.session.state === "ended" || peer.session.state === "foreign") return;
    if (row.during === "dialling") {
      peer.session.dial();
      peer.welcome();
    } else peer.greet();
    expectService(peer);
  });
});

const ENDLESS = {
  "complaints' causes": '{"jsonrpc":"2.0","method":"session.ack","params":{}}\n',
  "objects of no dialect": '12\n{"command": "a"}'.replace("12", "16"),
} as const;

describe.each(Object.entries(ENDLESS))("endless %s", (name, piece) => {
  test.each(["idle", "cut", "open"] as const)(
    `endless ${name} cut a session that is %s, and are reported once`,
    (during) => {
      const reasons: string[] = [];
      const peer = createScriptedPeer({
        limits: LIMITS,
        onForeign: () => false,
        onInvalid: ({ message }) => reasons.push(message),
      });
      if (during === "cut") peer.session.detach();
      if (during === "open") peer.greet();
      peer.drain();
      peer.send(piece.repeat(20_000));
      peer.send(piece.repeat(20_000));
      const isRefusedOnly = during !== "open" && name === "complaints' causes";
      expect(reasons).toEqual(isRefusedOnly ? [] : ["The peer sent too many invalid messages"]);
      if (!isRefusedOnly) {
        expect(peer.session.state).toBe("cut");
        // The peer reads no complaint, and a python-negotiator would die of one.
        expect(peer.drain()).toEqual([]);
        expect(peer.greet()).toEqual([]);
        peer.session.detach();
      }
      peer.greet();
      expect(peer.session.state).toBe("open");
      expectService(peer);
    },
  );
});

const GARBAGE = {
  "lines that are not JSON": "garbage\n",
  "length prefixes without objects": "1\n",
  "objects of no dialect": "{}\n",
  "objects cut off in a string": '99\n{"a":"x\n',
  "torn lines that end in a digit": "a1\n",
} as const;

describe.each(Object.entries(GARBAGE))("endless %s", (name, piece) => {
  test.each(["idle", "cut", "dialling", "open"] as const)(
    `endless ${name} get no answer in a session that is %s, and the next hello is found`,
    (during) => {
      const reasons: string[] = [];
      const peer = createScriptedPeer({
        limits: LIMITS,
        side: during === "dialling" ? "dialler" : "listener",
        onInvalid: ({ message }) => reasons.push(message),
      });
      if (during === "dialling") peer.session.dial();
      if (during === "cut") peer.session.detach();
      if (during === "open") peer.greet();
      if (during !== "dialling") peer.drain();
      peer.send(piece.repeat(20_000));
      peer.send(piece.repeat(20_000));
      expect([peer.session.state, reasons]).toEqual([during === "open" ? "cut" : during, []]);
      if (during === "dialling") peer.welcome();
      else {
        expect(peer.drain()).toEqual([]);
        peer.greet();
      }
      expect(peer.session.state).toBe("open");
      expectService(peer);
    },
  );
});

test("a python-negotiator's call is found behind torn ones, without a complaint", () => {
  const reasons: string[] = [];
  const peer = createScriptedPeer({ limits: LIMITS, onInvalid: ({ message }) => reasons.push(message) });
  for (let calls = 1; calls <= 5; calls++) {
    peer.send('120\n{"args": ["ab\n');
    peer.tick(3000);
    peer.send('41\n{"args": [], "kw": {}, "method": "other"}');
    expect(peer.foreign).toHaveLength(calls);
  }
  expect(reasons).toEqual([]);
  expect(peer.drain()).toEqual([]);
  peer.greet();
  expectService(peer);
});

/** 300 repeats show a leak of a kilobyte per frame; 2,000 would take a minute. */
const REPEATS = Number(process.env["NEGOTIATOR_REPEATS"] ?? 300);
const MOST_GROWN_BYTES = 256 * 1024;

test(`each invalid frame, sent ${REPEATS} times over fresh hellos, costs no memory`, () => {
  for (const { name, input } of BAD_FRAMES) {
    const peer = openBusy({ onCall: () => {}, onForeign: () => true, onNotice: () => {}, onState: () => {} });
    const repeat = (times: number): void => {
      for (let index = 0; index < times; index++) {
        if (index % 16 === 0) greetBusily(peer);
        sendInput(peer, input);
        peer.drain();
      }
    };
    repeat(100);
    // The runtime's own memory grows in the first tries, and for longer on a busy machine.
    const growth = growthOf(
      () => peer,
      () => repeat(REPEATS),
      MOST_GROWN_BYTES,
    );
    expect({ name, isLeaking: growth >= MOST_GROWN_BYTES }).toEqual({ name, isLeaking: false });
  }
}, 600_000);
