/** What a session makes of silence, and what it says of itself then. */
import { describe, expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { createOpenDialler, createOpenListener } from "./scripted-peer.ts";

describe("a silence", () => {
  test("is answered with a ping, and a ping with a pong", () => {
    const peer = createOpenListener();
    for (let second = 0; second < 11; second++) peer.tick(1000);
    expect(peer.drain().map(({ method }) => method)).toEqual(["session.ping"]);
    peer.say({ method: "session.ping" });
    expect(peer.drain().map(({ method }) => method)).toEqual(["session.pong"]);
  });

  test("can be broken before that, and who was heard when is known", () => {
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

  test("of two minutes ends what a listener does for its peer, but not what is detached", () => {
    const peer = createOpenListener();
    peer.count({ id: 1, method: "m" });
    peer.count({ id: 2, method: "m", isDetached: true });
    for (let second = 0; second < 119; second++) peer.tick(1000);
    expect([peer.session.state, peer.session.isResponsive]).toEqual(["open", false]);
    peer.tick(1000);
    expect([peer.session.state, ...peer.calls.map(({ signal }) => signal.aborted)]).toEqual([
      "idle",
      true,
      false,
    ]);
  });

  test("ends what a listener does for its peer also when a gap had cut it", () => {
    const peer = createOpenListener();
    peer.count({ id: 1, method: "m" });
    peer.say({ seq: 99, method: "event.a" });
    expect(peer.session.state).toBe("cut");
    for (let second = 0; second < 120; second++) peer.tick(1000);
    expect([peer.session.state, peer.calls[0]?.signal.aborted]).toEqual(["idle", true]);
    expect(peer.drain().map(({ method }) => method)).toEqual(["session.resync"]);
  });

  test("after an old host took the channel over is kept: not a byte that it did not ask for", () => {
    const peer = createOpenListener();
    peer.count({ id: 1, method: "m" });
    peer.send('37\n{"method": "list_commands", "kw": {}}');
    expect(peer.session.state).toBe("cut");
    for (let second = 0; second < 300; second++) peer.tick(1000);
    expect([peer.session.state, peer.drain()]).toEqual(["idle", []]);
  });

  test("in which many pings came is answered with one pong", () => {
    const peer = createOpenListener();
    for (let count = 0; count < 20_000; count++) peer.say({ method: "session.ping" });
    expect(peer.drain().map(({ method }) => method)).toEqual(["session.pong"]);
  });

  test("of who takes nothing leaves one acknowledgement, of all that came", () => {
    const peer = createOpenListener();
    for (let second = 0; second < 1000; second++) {
      peer.count({ method: "event.a", params: {} });
      peer.tick(1000);
    }
    expect(peer.drain()).toEqual([{ jsonrpc: "2.0", method: "session.ack", params: { received: 1000 } }]);
  });

  test("that a word ends is forgotten", () => {
    const peer = createOpenListener();
    for (let second = 0; second < 100; second++) peer.tick(1000);
    peer.say({ method: "session.pong" });
    expect(peer.session.isResponsive).toBe(true);
    for (let second = 0; second < 100; second++) peer.tick(1000);
    expect(peer.session.state).toBe("open");
  });

  test("does not hold acknowledgements back for longer than a tick", () => {
    const peer = createOpenListener();
    peer.count({ method: "event.a", params: {} });
    expect(peer.drain()).toEqual([]);
    peer.tick(1000);
    expect(peer.drain()).toEqual([{ jsonrpc: "2.0", method: "session.ack", params: { received: 1 } }]);
    for (let count = 0; count < 16; count++) peer.count({ method: "event.a", params: {} });
    expect(peer.drain()).toEqual([{ jsonrpc: "2.0", method: "session.ack", params: { received: 17 } }]);
  });
});

test("who seems to be gone is dismissed: what is detached runs on, and if it comes back, it hears how the rest ended", () => {
  const peer = createOpenDialler();
  peer.count({ id: 1, method: "m" });
  peer.count({ id: 2, method: "m", isDetached: true });
  peer.session.detach();
  peer.session.cancelServed("it was silent");
  expect(peer.calls.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  peer.calls[0]?.fail(new NegotiatorError("CANCELLED", "cancelled"));
  peer.session.dial();
  peer.welcome({ received: 0 });
  const answers = peer.drain().filter(({ id }) => id === 1);
  expect(answers).toMatchObject([{ error: { data: { code: "CANCELLED" } } }]);
  peer.calls[1]?.respond("done");
  expect(peer.drain()).toMatchObject([{ id: 2, result: "done" }]);
});

test("a dialler whose peer is silent for too long is cut, so that it dials again; its calls wait for that", () => {
  const peer = createOpenDialler();
  peer.session.call({ method: "m" }).answer.catch(() => {});
  for (let second = 0; second <= 30; second++) peer.tick(1000);
  expect([peer.session.state, peer.session.isResponsive, peer.session.outgoingCount]).toEqual([
    "cut",
    false,
    1,
  ]);
});
