/** Pings, acknowledgements and the timeout of a peer that sends nothing. */
import { describe, expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { createOpenDialler, createOpenListener } from "./scripted-peer.ts";

describe("an open session", () => {
  test("a session sends a ping after pingAfterMs, and answers a ping with a pong", () => {
    const peer = createOpenListener();
    for (let second = 0; second < 11; second++) peer.tick(1000);
    expect(peer.drain().map(({ method }) => method)).toEqual(["session.ping"]);
    peer.say({ method: "session.ping" });
    expect(peer.drain().map(({ method }) => method)).toEqual(["session.pong"]);
  });

  test("ask sends a ping at once in an open session, and heardMs is the time of the answer", () => {
    const peer = createOpenListener();
    const openedMs = peer.session.heardMs;
    peer.tick(3000);
    peer.session.ask();
    expect(peer.drain().map(({ method }) => method)).toEqual(["session.ping"]);
    expect(peer.session.heardMs).toBe(openedMs);
    peer.say({ method: "session.pong" });
    expect(peer.session.heardMs).toBe(openedMs + 3000);
    peer.session.detach();
    peer.session.ask();
    expect(peer.drain()).toEqual([]);
  });

  test("after abandonAfterMs a listener ends its session, and detached calls go on", () => {
    const peer = createOpenListener();
    peer.count({ id: "1", method: "m" });
    peer.count({ id: "2", method: "m", isDetached: true });
    for (let second = 0; second < 119; second++) peer.tick(1000);
    expect([peer.session.state, peer.session.isResponsive]).toEqual(["open", false]);
    peer.tick(1000);
    expect([peer.session.state, ...peer.calls.map(({ signal }) => signal.aborted)]).toEqual([
      "idle",
      true,
      false,
    ]);
  });

  test("after abandonAfterMs a listener also ends a session that a gap has cut", () => {
    const peer = createOpenListener();
    peer.count({ id: "1", method: "m" });
    peer.say({ seq: 99, method: "event.a" });
    expect(peer.session.state).toBe("cut");
    for (let second = 0; second < 120; second++) peer.tick(1000);
    expect([peer.session.state, peer.calls[0]?.signal.aborted]).toEqual(["idle", true]);
    expect(peer.drain().map(({ method }) => method)).toEqual(["session.resync"]);
  });

  test("a session that a python-negotiator has cut ends without sending a byte", () => {
    const peer = createOpenListener();
    peer.count({ id: "1", method: "m" });
    peer.send('37\n{"method": "list_commands", "kw": {}}');
    expect(peer.session.state).toBe("cut");
    for (let second = 0; second < 300; second++) peer.tick(1000);
    expect([peer.session.state, peer.drain()]).toEqual(["idle", []]);
  });

  test("800 pings without a reader get one pong", () => {
    const peer = createOpenListener();
    for (let count = 0; count < 800; count++) peer.say({ method: "session.ping" });
    expect(peer.drain().map(({ method }) => method)).toEqual(["session.pong"]);
  });

  test("1000 messages from a peer that reads nothing get one acknowledgement of all", () => {
    const peer = createOpenListener();
    for (let second = 0; second < 1000; second++) {
      peer.count({ id: "none", result: 1 });
      peer.tick(1000);
    }
    expect(peer.drain()).toEqual([{ jsonrpc: "2.0", method: "session.ack", params: { received: 1000 } }]);
  });

  test("a message starts the timeout of an unresponsive peer again", () => {
    const peer = createOpenListener();
    for (let second = 0; second < 100; second++) peer.tick(1000);
    peer.say({ method: "session.pong" });
    expect(peer.session.isResponsive).toBe(true);
    for (let second = 0; second < 100; second++) peer.tick(1000);
    expect(peer.session.state).toBe("open");
  });

  test("an acknowledgement is sent with the next tick, or at once after 32 messages", () => {
    const peer = createOpenListener();
    peer.count({ id: "none", result: 1 });
    expect(peer.drain()).toEqual([]);
    peer.tick(1000);
    expect(peer.drain()).toEqual([{ jsonrpc: "2.0", method: "session.ack", params: { received: 1 } }]);
    for (let count = 0; count < 32; count++) peer.count({ id: "none", result: 1 });
    expect(peer.drain()).toEqual([{ jsonrpc: "2.0", method: "session.ack", params: { received: 33 } }]);
  });
});

describe("a command line on the control socket", () => {
  test("a session of a command line that was stopped for an hour goes on", () => {
    const peer = createOpenListener({ medium: "socket" });
    peer.count({ id: "1", method: "m" });
    for (let second = 0; second < 3600; second++) peer.tick(1000);
    peer.count({ id: "2", method: "m" });
    expect([peer.session.state, ...peer.calls.map(({ signal }) => signal.aborted)]).toEqual([
      "open",
      false,
      false,
    ]);
  });

  test.each(["listener", "dialler"] as const)(
    "a %s takes a message whose rest comes after ten seconds",
    (side) => {
      const open = side === "listener" ? createOpenListener : createOpenDialler;
      const peer = open({ medium: "socket" });
      peer.send('{"jsonrpc":"2.0","seq":1,"id":"1","me');
      for (let second = 0; second < 10; second++) peer.tick(1000);
      peer.send('thod":"m"}\n');
      expect([peer.session.state, peer.calls.length]).toEqual(["open", 1]);
    },
  );
});

test("cancelServed cancels calls that are not detached, and a resumed peer gets all answers", () => {
  const peer = createOpenDialler();
  peer.count({ id: "1", method: "m" });
  peer.count({ id: "2", method: "m", isDetached: true });
  peer.session.detach();
  peer.session.cancelServed("it sent nothing");
  expect(peer.calls.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  peer.calls[0]?.fail(new NegotiatorError("CANCELLED", "cancelled"));
  peer.session.dial();
  peer.welcome({ received: 0 });
  const answers = peer.drain().filter(({ id }) => id === "1");
  expect(answers).toMatchObject([{ error: { data: { code: "CANCELLED" } } }]);
  peer.calls[1]?.respond("done");
  expect(peer.drain()).toMatchObject([{ id: "2", result: "done" }]);
});

test("a dialler cuts the session of an unresponsive peer, and its calls wait for the next hello", () => {
  const peer = createOpenDialler();
  peer.session.call({ method: "m" }).answer.catch(() => {});
  for (let second = 0; second <= 30; second++) peer.tick(1000);
  expect([peer.session.state, peer.session.isResponsive, peer.session.outgoingCount]).toEqual([
    "cut",
    false,
    1,
  ]);
});
