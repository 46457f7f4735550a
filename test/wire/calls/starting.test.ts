/** Starting and attaching are two requests: the first never attaches, the second never starts a call. */
import { describe, expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import type { OutgoingCall } from "../../../src/wire/calls/outgoing-call.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createOpenListener } from "../session/scripted-peer.ts";
import { createLink, readText } from "../session/session-link.ts";
import type { SessionLink } from "../session/session-link.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const quiet = (call: OutgoingCall): OutgoingCall => {
  call.answer.catch(() => {});
  return call;
};
/** Starts the detached call `a` with both kinds of streams, and restarts its caller. */
const startLong = async (link: SessionLink): Promise<void> => {
  const streams = { read: ["stdout"], write: ["stdin"] };
  const call = quiet(link.host.call({ method: "m", id: "a", isDetached: true, ...streams }));
  call
    .writer("stdin")
    .write(encode("0123456789"))
    .catch(() => {});
  await link.flow();
  link.calls.guest[0]
    ?.writer("stdout")
    .write(encode("before "))
    .catch(() => {});
};

test("a call for a local user arrives with that user, and another call arrives without one", async () => {
  const link = await createLink();
  const caller = { uid: 7, name: "ops", pid: 8, program: "sh" };
  quiet(link.host.call({ method: "m", caller }));
  quiet(link.host.call({ method: "m" }));
  await link.flow();
  expect(link.calls.guest.map((call) => call.caller)).toEqual([caller, undefined]);
});

describe("a start", () => {
  test.each([
    ["runs", false],
    ["has finished", true],
  ])("a start with the id of a call that %s is BAD_REQUEST, and starts nothing", async (_, isFinished) => {
    const link = await createLink();
    quiet(link.host.call({ method: "m", id: "a", isDetached: true }));
    await link.flow();
    if (isFinished) link.calls.guest[0]?.respond(1);
    await link.flow();
    link.restart("host");
    const error = rejectionOf(link.host.call({ method: "m", id: "a" }).answer);
    await link.flow();
    expect(await error).toMatchObject({ code: "BAD_REQUEST", message: expect.stringContaining('"a"') });
    expect(link.calls.guest).toHaveLength(1);
    expect(link.calls.guest[0]?.signal.aborted).toBe(false);
  });

  test("a start with the id of a call whose output still flows is BAD_REQUEST", () => {
    const peer = createOpenListener();
    peer.count({ id: "a", method: "m", keepMs: 0, streams: { read: { stdout: 1 } } });
    peer.calls[0]
      ?.writer("stdout")
      .write(new Uint8Array(9))
      .catch(() => {});
    peer.calls[0]?.respond(1);
    peer.tick(1000);
    peer.drain();
    peer.count({ id: "a", method: "m" });
    expect(peer.drain()).toMatchObject([{ id: "a", error: { data: { code: "BAD_REQUEST" } } }]);
    expect(peer.calls).toHaveLength(1);
  });

  test("an id may start a call again when its answer is no longer kept", async () => {
    const link = await createLink();
    for (const count of [1, 2]) {
      quiet(link.host.call({ method: "m", id: "a", keepMs: 2000 }));
      await link.flow();
      expect(link.calls.guest).toHaveLength(count);
      link.calls.guest.at(-1)?.respond(1);
      await link.flow();
      link.tick(2000);
    }
  });
});

describe("an attach", () => {
  test("an attach to an unknown call is NO_CALL, and starts nothing", async () => {
    const link = await createLink();
    const error = rejectionOf(link.host.call({ method: "m", id: "a", isAttach: true }).answer);
    await link.flow();
    expect(await error).toMatchObject({ code: "NO_CALL", message: expect.stringContaining('"a"') });
    expect(link.calls.guest).toEqual([]);
  });

  test("an attach to a call whose answer is no longer kept is NO_CALL", async () => {
    const link = await createLink();
    const first = link.host.call({ method: "m", id: "a", keepMs: 2000 });
    await link.flow();
    link.calls.guest[0]?.respond(1);
    await link.flow();
    await first.answer;
    link.tick(2000);
    const error = rejectionOf(link.host.call({ method: "m", id: "a", isAttach: true }).answer);
    await link.flow();
    expect((await error).code).toBe("NO_CALL");
  });

  test("a second attach in the same session is BAD_REQUEST, and so is one to a call of the session", () => {
    const peer = createOpenListener();
    peer.count({ id: "a", method: "m", isDetached: true });
    peer.count({ id: "a", method: "call.attach" });
    expect(peer.drain()).toMatchObject([{ id: "a", error: { data: { code: "BAD_REQUEST" } } }]);
    peer.greet();
    for (let times = 0; times < 2; times++) peer.count({ id: "a", method: "call.attach" });
    expect(peer.drain()).toMatchObject([
      { method: "call.begin" },
      { id: "a", error: { data: { code: "BAD_REQUEST" } } },
    ]);
    expect(peer.calls[0]?.signal.aborted).toBe(false);
  });

  test("an attach goes on with the output after the sent bytes, the input after the received", async () => {
    const link = await createLink();
    await startLong(link);
    const text = readText(link.calls.guest[0]?.reader("stdin") ?? never());
    await link.flow();
    link.restart("host");
    await link.flow();
    const written = link.calls.guest[0]?.writer("stdout").write(encode("after"));
    const again = link.host.call({
      method: "m",
      id: "a",
      isAttach: true,
      read: ["stdout"],
      write: ["stdin"],
    });
    void again.writer("stdin").write(encode("0123456789abc"));
    again.writer("stdin").end();
    await link.flow();
    await written;
    expect(await text).toBe("0123456789abc");
    link.calls.guest[0]?.respond(0);
    await link.flow();
    expect(await readText(again.reader("stdout"))).toBe("after");
    expect(again.reader("stdout").missedBytes).toBe(7);
    expect((await again.answer).streams).toEqual({ stdout: { bytes: 12 } });
    expect([link.host.outgoingCount, link.guest.incomingCount]).toEqual([0, 0]);
  });

  test("the credit of an attach counts from its offset, in both directions", () => {
    const peer = createOpenListener();
    const streams = { read: { stdout: 7 }, write: ["stdin"] };
    peer.count({ id: "a", method: "m", isDetached: true, streams });
    peer.calls[0]
      ?.writer("stdout")
      .write(encode("0123456789abcdef"))
      .catch(() => {});
    void readText(peer.calls[0]?.reader("stdin") ?? never());
    peer.count({ method: "stream.data", params: { call: "a", stream: "stdin", offset: 0, text: "xyz" } });
    peer.drain();
    peer.greet();
    peer.count({ id: "a", method: "call.attach", streams: { read: { stdout: 5 }, write: ["stdin"] } });
    const sent = peer.drain();
    expect(sent).toMatchObject([
      { method: "call.begin", params: { call: "a", offsets: { stdout: 7, stdin: 3 } } },
      { method: "stream.credit", params: { stream: "stdin" } },
      { method: "stream.data", params: { stream: "stdout", offset: 7, text: "789ab" } },
    ]);
    peer.count({ method: "stream.data", params: { call: "a", stream: "stdin", offset: 3, text: "z" } });
    expect(peer.drain()).toEqual([]);
  });

  test("an attach stops the output that it does not read, and input that is no longer read", async () => {
    const peer = createOpenListener();
    peer.count({ id: "a", method: "m", isDetached: true, streams: { read: { out: 9 }, write: ["in"] } });
    peer.calls[0]?.reader("in").cancel();
    peer.greet();
    peer.count({ id: "a", method: "call.attach", streams: { write: ["in", "unknown"] } });
    expect(peer.drain().map(({ method, params }) => [method, params])).toEqual([
      ["call.begin", { call: "a", offsets: { out: 0, in: 0 } }],
      ["stream.stop", { call: "a", stream: "in" }],
      ["stream.stop", { call: "a", stream: "unknown" }],
    ]);
    const refused = rejectionOf(peer.calls[0]?.writer("out").write(new Uint8Array(1)) ?? Promise.resolve());
    expect((await refused).code).toBe("CLOSED");
  });

  test("an attach to a finished call gets the totals as offsets, and the answer", () => {
    const peer = createOpenListener();
    peer.count({ id: "a", method: "m", streams: { read: { out: 9 } } });
    void peer.calls[0]?.writer("out").write(encode("abc"));
    peer.calls[0]?.fail(new NegotiatorError("DENIED", "No", { data: { rule: 1 } }));
    peer.drain();
    peer.count({ id: "a", method: "call.attach", streams: { read: { out: 9 } } });
    expect(peer.drain()).toMatchObject([
      { method: "call.begin", params: { call: "a", offsets: { out: 3 } } },
      { id: "a", error: { data: { code: "DENIED", details: { rule: 1 } } }, streams: { out: { bytes: 3 } } },
    ]);
  });

  test("an attach repeats a result to its caller, without its output", async () => {
    const link = await createLink();
    await startLong(link);
    link.calls.guest[0]?.respond({ exitCode: 3 });
    await link.flow();
    link.restart("host");
    const again = link.host.call({ method: "m", id: "a", isAttach: true, read: ["stdout"] });
    await link.flow();
    expect(await again.answer).toEqual({ result: { exitCode: 3 }, streams: { stdout: { bytes: 7 } } });
    expect(await readText(again.reader("stdout"))).toBe("");
    expect(link.calls.guest).toHaveLength(1);
  });

  test("messages of a call go to its new caller, and those of the new caller to the call", async () => {
    const link = await createLink();
    await startLong(link);
    const heard: unknown[] = [];
    link.calls.guest[0]?.listen((name) => heard.push(name));
    link.restart("host");
    const again = quiet(link.host.call({ method: "m", id: "a", isAttach: true }));
    again.listen((name) => heard.push(name));
    await link.flow();
    again.send("down", 1);
    link.calls.guest[0]?.send("up", 1);
    await link.flow();
    expect(new Set(heard)).toEqual(new Set(["down", "up"]));
  });
});

test("beginAt lets the caller leave out the bytes before the offset, which count for the total", async () => {
  const link = await createLink();
  const call = link.host.call({ method: "m", write: ["stdin"] });
  void call.writer("stdin").write(encode("0123456789"));
  call.writer("stdin").end();
  await link.flow();
  const [served] = link.calls.guest;
  served?.beginAt("stdin", 4);
  expect(() => served?.beginAt("stdin", 5)).toThrow("begins twice");
  const text = readText(served?.reader("stdin") ?? never());
  await link.flow();
  expect(await text).toBe("456789");
  expect(() => served?.beginAt("none", 4)).toThrow('no stream "none"');
  const other = createOpenListener();
  other.count({ id: "c", method: "m", streams: { write: ["in"] } });
  void other.calls[0]?.reader("in")[Symbol.asyncIterator]().next();
  expect(() => other.calls[0]?.beginAt("in", 4)).toThrow("was read already");
  served?.respond(1);
  await link.flow();
  expect((await call.answer).result).toBe(1);
});

function never(): never {
  throw new Error("the other side has received no call");
}
