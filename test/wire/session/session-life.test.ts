/** The beginning, interruption and end of a session. */
import { describe, expect, test } from "bun:test";
import { createSyncProbe } from "../../../src/peers/legacy/sync-probe.ts";
import { readWelcome } from "../../../src/wire/session/handshake.ts";
import type { Welcome } from "../../../src/wire/session/handshake.ts";
import type { JsonObject } from "../../../src/wire/json.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createOpenDialler, createOpenListener, createScriptedPeer, settle } from "./scripted-peer.ts";
import { createLink, readText } from "./session-link.ts";
import { hello } from "../frames/torn-frames.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const AGENT = { name: "test", version: "1", role: "host" };
/** Returns the session in the answer to a hello of the session "mine". */
const sessionIn = (answer: JsonObject | undefined): Welcome["session"] =>
  readWelcome(answer?.["result"], "mine", AGENT).session;

describe("a probe", () => {
  const probe = createSyncProbe(
    { name: "test", version: "1", role: "host" },
    () => "probe-of-22-characters",
  ).bytes;

  test("a probe gets UNSUPPORTED, and an open session with its calls goes on", () => {
    const peer = createOpenListener();
    peer.count({ id: "1", method: "m" });
    peer.drain();
    peer.send(probe);
    expect(peer.drain()).toMatchObject([
      { id: "probe-of-22-characters", error: { data: { code: "UNSUPPORTED" } } },
    ]);
    peer.count({ method: "event.a" });
    expect([peer.session.state, peer.calls[0]?.signal.aborted]).toEqual(["open", false]);
  });

  test("1000 probes without a reader begin no session and leave less than 100 answers", () => {
    const peer = createScriptedPeer();
    for (let count = 0; count < 1000; count++) peer.send(probe);
    expect(peer.session.state).toBe("idle");
    expect(peer.session.unsentLines).toBeLessThan(100);
  });
});

describe("an end", () => {
  test("a goodbye ends the calls on both sides, and a new session can begin", async () => {
    const link = await createLink();
    const call = link.host.call({ method: "m" });
    const back = link.guest.call({ method: "m" });
    await link.flow();
    link.guest.close("restart");
    await link.flow();
    expect(link.calls.host[0]?.signal.aborted).toBe(true);
    expect(link.calls.guest[0]?.signal.aborted).toBe(true);
    await Promise.all([rejectionOf(call.answer), rejectionOf(back.answer)]);
    expect([link.host.outgoingCount, link.guest.outgoingCount]).toEqual([0, 0]);
    link.restart("guest");
    await link.flow();
    expect([link.host.state, link.guest.state]).toEqual(["open", "open"]);
  });

  test("a dialler's goodbye leaves the listener idle, and a new session can begin", async () => {
    const link = await createLink();
    link.host.close("stop");
    await link.flow();
    expect([link.host.state, link.guest.state]).toEqual(["ended", "idle"]);
    link.restart("host");
    await link.flow();
    expect([link.host.state, link.guest.state]).toEqual(["open", "open"]);
  });
});

describe("a session that was closed", () => {
  test("a closed session stays ended and sends nothing more", () => {
    const peer = createOpenListener();
    peer.session.close("stop");
    expect(peer.drain().map(({ method }) => method)).toEqual(["session.goodbye"]);
    expect(peer.greet()).toEqual([]);
    peer.send('37\n{"method": "list_commands", "kw": {}}garbage\n');
    peer.session.detach();
    peer.session.dial();
    peer.tick(1000);
    expect([peer.session.state, peer.drain(), peer.foreign]).toEqual(["ended", [], []]);
  });

  test("a session closed while it reads ignores the rest of the bytes", () => {
    const peer = createScriptedPeer({ onNotice: () => peer.session.close("stop") });
    peer.greet();
    const notice = { jsonrpc: "2.0", seq: 1, method: "event.stop", params: {} };
    peer.send(`${JSON.stringify(notice)}\n${new TextDecoder().decode(hello("again"))}garbage\n`);
    expect(peer.session.state).toBe("ended");
    expect(peer.drain().map(({ method }) => method)).toEqual(["session.goodbye"]);
  });
});

test("a refused hello ends the listener's session with its calls, and a new one can begin", async () => {
  const peer = createOpenListener();
  peer.count({ id: "1", method: "m" });
  const sent = peer.session.call({ method: "m" });
  peer.drain();
  const unsent = peer.session.call({ method: "m" });
  const [refusal, ...more] = peer.greet({ versions: { min: 9, max: 9 } });
  expect(refusal?.["error"]).toMatchObject({ data: { code: "UNSUPPORTED" } });
  expect([peer.session.state, more, peer.calls[0]?.signal.aborted]).toEqual(["idle", [], true]);
  expect((await rejectionOf(sent.answer)).code).toBe("UNKNOWN_OUTCOME");
  expect((await rejectionOf(unsent.answer)).code).toBe("UNSUPPORTED");
  expect(peer.greet()).toHaveLength(1);
  expect(peer.session.state).toBe("open");
});

test("an answer that claims messages never sent cuts the session, and the next hello has a new id", () => {
  const peer = createOpenDialler();
  const redial = (): unknown => {
    peer.session.detach();
    peer.session.dial();
    const [hello] = peer.drain();
    peer.session.dial();
    return hello?.["params"];
  };
  expect(redial()).toMatchObject({ session: { id: "made-1", instance: "listener-1" } });
  peer.welcome({ received: 7 });
  expect(peer.session.state).toBe("cut");
  const params = redial();
  expect(params).toMatchObject({ session: { received: 0 } });
  expect(params).not.toMatchObject({ session: { id: "made-1" } });
  expect(params).not.toHaveProperty("session.instance");
  peer.welcome({ instance: "listener-2" });
  expect(peer.session.state).toBe("open");
});

describe("another dialect", () => {
  const LIST = '49\n{"args": [], "kw": {}, "method": "list_commands"}';

  test("another dialect on an open session cuts it, and the next hello resumes it", () => {
    const peer = createScriptedPeer();
    const [welcome] = peer.greet({ session: { id: "mine" } });
    peer.count({ id: "1", method: "m" });
    peer.send(LIST);
    expect(peer.foreign).toEqual([{ args: [], kw: {}, method: "list_commands" }]);
    expect(peer.session.state).toBe("cut");
    peer.session.sendForeign(encode('16\n{"success":true}'));
    expect(peer.drain()).toEqual([{ success: true }]);
    peer.calls[0]?.respond("late");
    expect(peer.drain()).toEqual([]);
    const instance = sessionIn(welcome).instance;
    const sent = peer.greet({ session: { id: "mine", instance, received: 0 } });
    expect(sent[0]?.["result"]).toMatchObject({ session: { id: "mine", instance, received: 1 } });
    expect(sent[1]).toMatchObject({ seq: 1, id: "1", result: "late" });
    expect(peer.calls[0]?.signal.aborted).toBe(false);
  });

  test("a dialler becomes foreign by the refusal of its last hello, not of an older one", () => {
    const peer = createScriptedPeer({ side: "dialler" });
    peer.session.dial();
    const first = String(peer.drain()[0]?.["id"]);
    peer.session.detach();
    peer.session.dial();
    const second = String(peer.drain()[0]?.["id"]);
    const refuse = (nonce: string): void => {
      const text = JSON.stringify({ success: false, error: `Method negotiate:${nonce} not supported` });
      peer.send(`${text.length}\n${text}`);
    };
    peer.send('38\n{"result": "slept 3", "success": true}');
    refuse(first);
    expect(peer.session.state).toBe("dialling");
    refuse(second);
    expect(peer.session.state).toBe("foreign");
    expect(peer.drain()).toEqual([]);
  });

  test("an answer to an older hello opens no session", () => {
    const peer = createScriptedPeer({ side: "dialler" });
    peer.session.dial();
    const [hello] = peer.drain();
    peer.session.detach();
    peer.session.dial();
    peer.drain();
    peer.say({ id: hello?.["id"], result: {} });
    expect(peer.session.state).toBe("dialling");
  });
});

test("a peer's stop and credit reach the writer, and its end reaches the reader", async () => {
  const peer = createOpenDialler();
  const call = peer.session.call({ method: "m", read: ["stdout"], write: ["stdin"] });
  const id = peer.drain()[0]?.["id"];
  const written = call.writer("stdin").write(encode("hello"));
  expect(peer.drain()).toEqual([]);
  peer.count({ method: "stream.credit", params: { call: id, stream: "stdin", limit: 3 } });
  expect(peer.drain()).toMatchObject([{ method: "stream.data", params: { offset: 0, text: "hel" } }]);
  peer.count({ method: "stream.stop", params: { call: id, stream: "stdin" } });
  expect((await rejectionOf(written)).code).toBe("CLOSED");
  peer.count({ method: "stream.data", params: { call: id, stream: "stdout", offset: 0, text: "out" } });
  peer.count({ method: "stream.end", params: { call: id, stream: "stdout", bytes: 3 } });
  expect(await readText(call.reader("stdout"))).toBe("out");
  await settle();
});

describe("a dialler without the answer to its hello", () => {
  const DIALLER = { session: { id: "mine" } };

  test("a repeated hello resumes the session if the dialler sent nothing in it", () => {
    const peer = createScriptedPeer();
    const instances = [peer.greet(DIALLER), peer.greet(DIALLER)].map(
      ([answer]) => sessionIn(answer).instance,
    );
    expect(instances[0]).toBe(instances[1]);
  });

  test("a repeated hello with the earlier instance resumes the session with all messages", async () => {
    const peer = createScriptedPeer();
    const dialler = { session: { id: "mine", instance: "before", received: 5 } };
    const [first] = peer.greet(dialler);
    const call = peer.session.call({ method: "m" });
    const [request] = peer.drain();
    const [second, again] = peer.greet(dialler);
    expect(sessionIn(second).instance).toBe(sessionIn(first).instance);
    expect(again).toEqual(request);
    peer.count({ id: request?.["id"], result: "done" });
    expect((await call.answer).result).toBe("done");
  });

  test("a hello with an unknown instance begins another session", async () => {
    const peer = createScriptedPeer();
    const [first] = peer.greet({ session: { id: "mine", instance: "before", received: 5 } });
    const call = peer.session.call({ method: "m" });
    peer.drain();
    const [second] = peer.greet({ session: { id: "mine", instance: "after", received: 5 } });
    expect(sessionIn(second).instance).not.toBe(sessionIn(first).instance);
    expect((await rejectionOf(call.answer)).code).toBe("UNKNOWN_OUTCOME");
  });

  test("a repeated hello after a message of the dialler begins another session", () => {
    const peer = createScriptedPeer();
    const [first] = peer.greet(DIALLER);
    peer.count({ id: "1", method: "m" });
    const [second] = peer.greet(DIALLER);
    const instances = [first, second].map((answer) => sessionIn(answer).instance);
    expect(instances[0]).not.toBe(instances[1]);
    expect(peer.calls[0]?.signal.aborted).toBe(true);
  });

  test("a hello that claims messages never sent begins another session", () => {
    const peer = createScriptedPeer();
    const [first] = peer.greet(DIALLER);
    const { instance } = sessionIn(first);
    const [second] = peer.greet({ session: { id: "mine", instance, received: 7 } });
    expect(sessionIn(second)).toMatchObject({ received: 0 });
    expect(sessionIn(second).instance).not.toBe(instance);
  });
});

test("a hello is one length-prefixed ASCII frame with nothing after it", () => {
  const { session } = createScriptedPeer({ side: "dialler" });
  session.dial();
  const text = new TextDecoder().decode(session.next());
  const [count = "", ...lines] = text.split("\n");
  const body = lines.join("\n");
  expect(Number(count)).toBe(body.length);
  expect(body).toMatch(/^\n\{"method": "negotiate:made-\d+", "jsonrpc": "2.0", [\x20-\x7e]*\}\n$/);
  expect(session.next()).toBeUndefined();
});

test("a new channel is read from its first byte, although the last one ended in a torn frame", () => {
  for (const end of ['{"jsonrpc":"2.0","id":', "99", '99\n{"a": "']) {
    const peer = createScriptedPeer({ side: "dialler" });
    peer.session.dial();
    peer.drain();
    peer.send(end);
    peer.session.detach();
    peer.session.dial();
    const [hello] = peer.drain();
    peer.say({ id: hello?.["id"], error: { code: -32014, message: "no" } });
    expect([end, peer.session.state]).toEqual([end, "cut"]);
  }
});

test("a listener reads a new channel from its first byte, although the last one was torn", () => {
  for (const end of ['{"jsonrpc":"2.0","id":', "99", '99\n{"a": "', '{"method": "negotiate:x"']) {
    const peer = createOpenListener();
    peer.send(end);
    peer.session.detach();
    peer.send('37\n{"method": "list_commands", "kw": {}}');
    expect([end, peer.foreign.length]).toEqual([end, 1]);
  }
});

test("lines without a number that wait when a hello comes are not sent", () => {
  const peer = createOpenListener();
  peer.say({ method: "session.ping" });
  peer.say({ method: "session.ack", params: { received: 99 } });
  expect(peer.greet().map(({ id }) => id)).toEqual(["nonce-2"]);
});

test("waiting calls get UNSUPPORTED when the agent is a python-negotiator", async () => {
  const peer = createScriptedPeer({ side: "dialler" });
  const { answer } = peer.session.call({ method: "m" });
  peer.session.dial();
  const error = `Method negotiate:${String(peer.drain()[0]?.["id"])} not supported`;
  peer.send(`${JSON.stringify({ success: false, error })}\n`);
  expect((await rejectionOf(answer)).code).toBe("UNSUPPORTED");
  expect(peer.session.outgoingCount).toBe(0);
});

test("a call to a listener that has restarted unnoticed runs there once", async () => {
  const link = await createLink();
  link.replace("guest");
  const call = link.host.call({ method: "late" });
  await link.flow();
  expect(link.host.state).toBe("cut");
  link.redial();
  await link.flow();
  const served = link.calls.guest.filter(({ method }) => method === "late");
  expect(served).toHaveLength(1);
  served[0]?.respond("done");
  await link.flow();
  expect((await call.answer).result).toBe("done");
});
