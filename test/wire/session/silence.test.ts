/** A silent peer on a port: one ping, then nothing, then a hello. */
import { describe, expect, test } from "bun:test";
import { createOpenDialler, createOpenListener } from "./scripted-peer.ts";
import type { ScriptedOptions, ScriptedPeer } from "./scripted-peer.ts";

/** The methods of all messages that the session has to send now. */
function methodsOf({ session }: ScriptedPeer): unknown[] {
  const methods: unknown[] = [];
  for (let bytes = session.next(); bytes !== undefined; bytes = session.next())
    methods.push(JSON.parse(new TextDecoder().decode(bytes)).method);
  return methods;
}

function createPeer(options: Pick<ScriptedOptions, "medium" | "isRedialled"> = {}): ScriptedPeer {
  const peer = createOpenDialler(options);
  peer.tick(500);
  return peer;
}

describe("a dialler on a port", () => {
  test("sends a ping behind a call, and nothing more until bytes come", () => {
    const peer = createPeer();
    peer.session.call({ method: "first" });
    expect(methodsOf(peer)).toEqual(["first", "session.ping"]);
    peer.session.call({ method: "second" });
    peer.session.ask();
    expect(methodsOf(peer)).toEqual([]);
    peer.say({ method: "session.pong" });
    expect(methodsOf(peer)).toEqual(["session.ping", "second", "session.ping"]);
  });

  test("sends one ping for calls that go out together", () => {
    const peer = createPeer();
    for (const method of ["a", "b", "c"]) peer.session.call({ method });
    expect(methodsOf(peer)).toEqual(["a", "b", "c", "session.ping"]);
  });

  test("asks a peer that was silent for a second before it sends a call", () => {
    const peer = createPeer();
    peer.tick(1000);
    peer.session.call({ method: "first" });
    expect(methodsOf(peer)).toEqual(["session.ping"]);
    peer.say({ method: "session.pong" });
    expect(methodsOf(peer)).toEqual(["first", "session.ping"]);
  });

  test("sends nothing to a silent peer that has not acknowledged a message, not even a ping", () => {
    const peer = createPeer();
    peer.session.notify("event.a");
    expect(methodsOf(peer)).toEqual(["event.a"]);
    peer.tick(1000);
    peer.session.call({ method: "first" });
    peer.session.ask();
    expect(methodsOf(peer)).toEqual([]);
    expect(peer.session.state).toBe("open");
  });

  test("is cut after two more seconds without a byte, so that its owner dials again", () => {
    const peer = createPeer();
    const call = peer.session.call({ method: "first" });
    methodsOf(peer);
    for (let second = 0; second < 2; second++) peer.tick(1000);
    expect(peer.session.state).toBe("open");
    peer.tick(1000);
    expect({ state: peer.session.state, sent: methodsOf(peer), isSent: call.isSent }).toEqual({
      state: "cut",
      sent: [],
      isSent: true,
    });
  });

  test("is not cut while it owes nothing and was asked nothing", () => {
    const peer = createPeer();
    for (let second = 0; second < 9; second++) peer.tick(1000);
    expect([peer.session.state, methodsOf(peer)]).toEqual(["open", []]);
  });

  test("does not count the time in which this side stood still", () => {
    const peer = createPeer();
    peer.session.call({ method: "first" });
    methodsOf(peer);
    peer.tick(1000);
    peer.tick(60_000);
    expect(peer.session.state).toBe("open");
  });
});

test.each<[string, Pick<ScriptedOptions, "medium" | "isRedialled">]>([
  ["on a socket", { medium: "socket" }],
  ["whose owner does not dial again", { isRedialled: false }],
])("a dialler %s sends call after call without a ping", (_, options) => {
  const peer = createPeer(options);
  peer.session.call({ method: "first" });
  peer.tick(5000);
  peer.session.call({ method: "second" });
  expect(methodsOf(peer)).toEqual(["first", "second"]);
});

test("a listener sends call after call without a ping", () => {
  const peer = createOpenListener();
  peer.session.call({ method: "first" });
  peer.tick(5000);
  peer.session.call({ method: "second" });
  expect(methodsOf(peer)).toEqual(["first", "second"]);
});
