/** Which messages of a peer count as those that need no answer. */
import { expect, test } from "bun:test";
import { createSession } from "../../../src/wire/session/session.ts";
import { HELLO_OPENING } from "../../../src/wire/frames/openings.ts";
import type { Session } from "../../../src/wire/session/session.ts";
import { encodeHello, PROTOCOL_VERSIONS } from "../../../src/wire/session/handshake.ts";

const AGENT = { name: "test", version: "1", role: "guest" };

function createListener(): Session {
  let ids = 0;
  return createSession({
    side: "listener",
    agent: AGENT,
    makeId: () => `id-number-long-enough-${++ids}`,
    onCall: (call) => call.method === "end" && call.respond("done"),
    onOutput: () => undefined,
  });
}

/** A listener with an open session, and a function that sends it one numbered or unnumbered message. */
function createScene(): { session: Session; send: (members: object, isNumbered?: boolean) => void } {
  const session = createListener();
  const hello = encodeHello({
    nonce: "nonce",
    versions: PROTOCOL_VERSIONS,
    capabilities: [],
    agent: { ...AGENT, role: "host" },
    limits: { lineBytes: 1024 * 1024, noticeBytes: 100_000 },
    session: { id: "session", received: 0 },
  });
  session.receive(hello, 0);
  let seq = 0;
  return {
    session,
    send(members, isNumbered = true) {
      const number = isNumbered ? { seq: ++seq } : {};
      session.receive(Buffer.from(`${JSON.stringify({ jsonrpc: "2.0", ...number, ...members })}\n`), 0);
    },
  };
}

const CREDIT = { method: "stream.credit", params: { call: "none", stream: "stdout", limit: 1 } };

test.each<[string, object, boolean]>([
  ["a notice", { method: "x" }, true],
  ["a ping", { method: "session.ping", params: {} }, false],
  ["a pong", { method: "session.pong", params: {} }, false],
  ["an acknowledgement of nothing new", { method: "session.ack", params: { received: 0 } }, false],
  ["a protocol message of a later version", { method: "session.later", params: {} }, false],
  ["credit for notices", { method: "session.credit", params: { limit: 1 } }, true],
  ["an answer to nothing", { id: "none", result: {} }, true],
  ["an error that answers nothing", { id: "none", error: { code: 1, message: "x" } }, true],
  ["credit for a call that is not open", CREDIT, true],
  [
    "a chunk of a call that is not open",
    { method: "stream.data", params: { call: "none", stream: "stdin", offset: 0, text: "x" } },
    true,
  ],
  [
    "a message for a call that is not open",
    { method: "call.message", params: { call: "none", name: "signal", value: "SIGINT" } },
    true,
  ],
  ["a number that came before", { seq: 1, method: "x" }, false],
  ["an invalid message", { method: "stream.end", params: {} }, true],
])("%s counts as a message that needs no answer", (_, members, isNumbered) => {
  const { session, send } = createScene();
  send({ id: "first", method: "wait", params: {} });
  const before = { ...session.traffic };
  send(members, isNumbered);
  expect(session.traffic.messages - before.messages).toBe(1);
  expect(session.traffic.unneeded - before.unneeded).toBe(1);
  expect(session.traffic.unneededBytes).toBeGreaterThan(before.unneededBytes);
});

test("calls and what belongs to them do not count as messages that need no answer", () => {
  const { session, send } = createScene();
  const { unneeded } = session.traffic;
  send({ id: "open", method: "wait", params: {}, streams: { read: { stdout: 1000 }, write: ["stdin"] } });
  send({ method: "stream.data", params: { call: "open", stream: "stdin", offset: 0, text: "x" } });
  send({ method: "stream.end", params: { call: "open", stream: "stdin", bytes: 1 } });
  send({ id: "short", method: "end", params: {} });
  while (session.next() !== undefined);
  send({ method: "session.ack", params: { received: 1 } }, false);
  expect(session.traffic.unneeded).toBe(unneeded);
});

test.each([
  ["an old host's frame whose object is not a request", '19\n{"jsonrpc" : "2.0"}', 19],
  ["a message that cannot be read", '{"jsonrpc":"2.0","method":"x"}17\n', 32],
  ["a hello that cannot be read", `${HELLO_OPENING.toString()}x"\n`, HELLO_OPENING.length + 2],
])("before a hello, %s counts as a message that needs no answer, with its bytes", (_, text, bytes) => {
  const session = createListener();
  session.receive(Buffer.from(text), 0);
  expect(session.traffic).toEqual({ messages: 1, unneeded: 1, unneededBytes: bytes, unsized: 0 });
});

test("an old host's request counts with its bytes", () => {
  const session = createListener();
  session.receive(Buffer.from('15\n{"method": "x"}'), 0);
  expect(session.traffic).toEqual({ messages: 1, unneeded: 1, unneededBytes: 15, unsized: 0 });
});

test("a hello and bytes that are not a message count as messages that need no answer", () => {
  const { session } = createScene();
  expect(session.traffic).toEqual({ messages: 1, unneeded: 1, unneededBytes: 0, unsized: 1 });
  session.receive(Buffer.from("garbage\n"), 0);
  expect(session.traffic).toMatchObject({ messages: 2, unneeded: 2 });
});
