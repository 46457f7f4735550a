/** A listener answers hellos, and a limited number of probes and of messages without a session. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import type { Message, Request } from "../../../src/wire/message.ts";
import { createControlQueue } from "../../../src/wire/session/control-queue.ts";
import type { Continuation } from "../../../src/wire/session/epochs.ts";
import { createListening } from "../../../src/wire/session/listening.ts";
import type { Listening } from "../../../src/wire/session/listening.ts";
import type { SessionState } from "../../../src/wire/session/status.ts";

const LIMIT = 3;
const HELLO: Request = {
  kind: "request",
  id: "nonce",
  method: "negotiate:nonce",
  params: {},
  streams: { read: {}, write: [] },
};
const PROBE: Request = { ...HELLO, params: { isProbe: true } };
const REQUEST: Message = {
  kind: "request",
  id: "a",
  method: "m",
  params: {},
  streams: { read: {}, write: [] },
};

type Told = Continuation | NegotiatorError;

/** Returns a listener that has received seven messages. `greet`: what its epochs make of a hello. */
function listen(state: SessionState, greet: () => Continuation = () => "first") {
  const told: Told[] = [];
  const controlQueue = createControlQueue(() => {});
  const listening: Listening = createListening({
    epochs: {
      sequence: { received: 7 },
      greet: () => ({ continuation: greet(), answer: Buffer.from("welcome\n") }),
    },
    status: { state },
    controlQueue,
    limit: LIMIT,
    onOpen: (continuation) => void told.push(continuation),
    onRefused: (reason) => void told.push(reason),
  });
  /** Removes the waiting lines, and returns the method or the error code of each. */
  const words = (): string[] => {
    const lines = controlQueue.peek().map((line) => Buffer.from(line).toString());
    controlQueue.clear();
    return lines.map(
      (line) => /"method":"([^"]+)"/.exec(line)?.[1] ?? /"code":"?([^",}]+)/.exec(line)?.[1] ?? line,
    );
  };
  return { listening, told, words, controlQueue };
}

test("an accepted hello gets its answer alone, and opens a session", () => {
  const { listening, told, words } = listen("idle", () => "resumed");
  listening.refuse(REQUEST);
  listening.greet(HELLO);
  expect(words()).toEqual(["welcome\n"]);
  expect(told).toEqual(["resumed"]);
});

test("a refused hello gets the reason after the owner of the session", () => {
  const reason = new NegotiatorError("UNSUPPORTED", "no common version");
  const { listening, told, words, controlQueue } = listen("idle", () => {
    throw reason;
  });
  listening.refuse(REQUEST);
  listening.greet(HELLO);
  expect(Buffer.concat(controlQueue.peek()).toString()).toContain("no common version");
  expect(words()).toHaveLength(1);
  expect(told).toEqual([reason]);
});

test("a probe is refused without a session, and at most as many refusals wait as the limit says", () => {
  const { listening, told, words, controlQueue } = listen("idle");
  for (let count = 0; count < LIMIT + 2; count++) listening.greet(PROBE);
  expect(Buffer.from(controlQueue.peek()[0] ?? []).toString()).toContain("only asks for the dialect");
  expect(words()).toHaveLength(LIMIT);
  listening.greet(PROBE);
  expect(words()).toHaveLength(1);
  expect(told).toEqual([]);
});

const REFUSED: readonly [string, SessionState, Message, string[]][] = [
  ["a request before the first session is refused by its id", "idle", REQUEST, ["-32012", "session.resync"]],
  ["an attachment too", "idle", { kind: "attach", id: "a" }, ["-32012", "session.resync"]],
  ["a request after a session may have been carried out", "cut", REQUEST, ["session.resync"]],
  ["a message without an id", "idle", { kind: "ping" }, ["session.resync"]],
];

test.each(REFUSED)("%s, and the peer is asked for a hello", (_, state, message, expected) => {
  const { listening, words, controlQueue } = listen(state);
  listening.refuse(message);
  expect(Buffer.from(controlQueue.peek().at(-1) ?? []).toString()).toContain('"received":7');
  expect(words()).toEqual(expected);
});

test("so many messages without a session are answered as the limit says, and again after a hello", () => {
  const { listening, words } = listen("cut");
  for (let round = 0; round < 2; round++) {
    for (let count = 0; count < LIMIT + 2; count++) listening.refuse({ kind: "ping" });
    expect(words()).toHaveLength(LIMIT);
    listening.greet(HELLO);
    words();
  }
});
