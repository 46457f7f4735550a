/** The foreign frames of a shared port: each goes to the dialect that recognises it. */
import { expect, test } from "bun:test";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { createForeignServers } from "../../src/peers/foreign-servers.ts";
import type { ForeignServersOptions } from "../../src/peers/foreign-servers.ts";
import { createScriptedDialect } from "./scripted-dialect.ts";

/** Servers of two dialects over a session that records what they do with it. */
function createBench(side: ForeignServersOptions["side"], unsentLines = 3) {
  const [first, second] = [createScriptedDialect("first"), createScriptedDialect("second")];
  const session: string[] = [];
  const servers = createForeignServers(
    {
      sendForeign: (bytes) => void session.push(`sends ${new TextDecoder().decode(bytes)}`),
      unsentLines,
      yieldTo: (label) => void session.push(`yields to ${label}`),
    },
    {
      side,
      dialects: [first.dialect, second.dialect],
      onRefused: ({ name }) => void session.push(`refused in ${name}`),
      serve: { call: () => undefined, notice: () => undefined },
      makeId: () => "id",
      limits: DEFAULT_LIMITS,
    },
  );
  return { first, second, session, servers };
}

test("a listener yields to the dialect that recognises a message, and its server takes it", () => {
  const { first, second, session, servers } = createBench("listener");
  expect(servers.take({ object: { second: 1 }, hello: undefined })).toBe(true);
  expect({ first: first.taken, second: second.taken, session }).toEqual({
    first: [],
    second: [{ second: 1 }],
    session: ["yields to second agent"],
  });
});

test.each(["listener", "dialler"] as const)("a %s returns false for a message of no dialect", (side) => {
  const { session, servers } = createBench(side);
  expect(servers.take({ object: { third: 1 }, hello: "nonce" })).toBe(false);
  expect(session).toEqual([]);
});

test("a dialler whose hello is refused reports the dialect, then yields to it", () => {
  const { first, session, servers } = createBench("dialler");
  expect(servers.take({ object: { first: 1, refuses: "nonce" }, hello: "nonce" })).toBe(true);
  expect({ taken: first.taken, session }).toEqual({
    taken: [],
    session: ["refused in first", "yields to first agent"],
  });
});

test("a dialler sends the reply that a peer waits for, and does not yield yet", () => {
  const { session, servers } = createBench("dialler", 0);
  expect(servers.take({ object: { asks: "nonce" }, hello: "nonce" })).toBe(true);
  expect(session).toEqual(["sends first reply"]);
});

test("a dialler sends no reply while earlier bytes are unwritten", () => {
  const { session, servers } = createBench("dialler", 1);
  expect(servers.take({ object: { asks: "nonce" }, hello: "nonce" })).toBe(true);
  expect(session).toEqual([]);
});

test.each([
  ["the refusal of another hello", "other", "nonce"],
  ["a refusal while no hello waits", "nonce", undefined],
])("a dialler ignores %s", (_, refuses, hello) => {
  const { first, session, servers } = createBench("dialler");
  expect(servers.take({ object: { first: 1, refuses }, hello })).toBe(true);
  expect({ taken: first.taken, session }).toEqual({ taken: [], session: [] });
});

test("resume and cancelAll reach the servers of all dialects", () => {
  const { first, second, servers } = createBench("listener");
  servers.resume();
  servers.cancelAll();
  expect([first.events, second.events]).toEqual([
    ["resume, 3 unsent", "cancelAll"],
    ["resume, 3 unsent", "cancelAll"],
  ]);
});

test("a server's bytes go to the session", () => {
  const { second, session } = createBench("listener");
  second.line().send(new TextEncoder().encode("answer"));
  expect(session).toEqual(["sends answer"]);
});
