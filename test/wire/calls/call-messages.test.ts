/** Messages inside a call: both ways, in order, and ignored without a call. */
import { describe, expect, test } from "bun:test";
import { cancelled, cancelReason } from "../../../src/wire/calls/cancelled.ts";
import { createMailbox } from "../../../src/wire/calls/mailbox.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createOpenDialler, createOpenListener } from "../session/scripted-peer.ts";
import { createLink, readText } from "../session/session-link.ts";

const say = (call: string, name: string, value?: unknown) => ({
  method: "call.message",
  params: { call, name, value },
});

describe("a mailbox", () => {
  test("messages from before a listener are kept in order, up to 32", () => {
    const heard: unknown[] = [];
    const mailbox = createMailbox();
    for (let count = 0; count < 40; count++) mailbox.take("early", count);
    mailbox.listen((_, value) => heard.push(value));
    mailbox.take("late", "last");
    expect(heard).toEqual([...Array.from({ length: 32 }, (_, count) => count), "last"]);
  });
});

describe("messages inside a call", () => {
  test("messages go both ways in order, and a listener gets those from before it too", async () => {
    const link = await createLink();
    const call = link.host.call({ method: "m" });
    call.send("signal", { signal: "SIGINT" });
    call.send("later-word", [1]);
    await link.flow();
    const [served] = link.calls.guest;
    const heard: unknown[] = [];
    served?.listen((name, value) => heard.push([name, value]));
    for (const value of [1, 2]) served?.send("signalled", value);
    served?.send("exited", { exitCode: 0, signal: null });
    served?.respond("done");
    await link.flow();
    call.listen((name, value) => heard.push([name, value]));
    expect(heard).toEqual([
      ["signal", { signal: "SIGINT" }],
      ["later-word", [1]],
      ["signalled", 1],
      ["signalled", 2],
      ["exited", { exitCode: 0, signal: null }],
    ]);
    expect((await call.answer).result).toBe("done");
  });

  test("messages arrive once and in order over a cut", async () => {
    const link = await createLink();
    const call = link.host.call({ method: "m" });
    call.answer.catch(() => {});
    const heard: unknown[] = [];
    await link.flow();
    link.calls.guest[0]?.listen((_, value) => heard.push(value));
    call.send("x", 1);
    link.host.next();
    call.send("x", 2);
    link.redial();
    call.send("x", 3);
    await link.flow();
    expect(heard).toEqual([1, 2, 3]);
  });

  test("a message to a call that is over is not sent, and one that comes is ignored", async () => {
    const link = await createLink();
    const call = link.host.call({ method: "m" });
    await link.flow();
    link.calls.guest[0]?.respond(1);
    await link.flow();
    await call.answer;
    const { host, guest } = { ...link.sent };
    call.send("late", 1);
    link.calls.guest[0]?.send("late", 1);
    await link.flow();
    expect(link.sent).toEqual({ host, guest });
    const peer = createOpenListener();
    peer.count(say("none", "signal", 1));
    peer.count(say("none", "cancel"));
    expect([peer.drain(), peer.session.state]).toEqual([[], "open"]);
  });

  test("a name that is not a stream's name cannot be sent", async () => {
    const link = await createLink();
    const call = link.host.call({ method: "m" });
    for (const name of ["", "Capitals", "x".repeat(33)])
      expect(() => call.send(name, 1)).toThrow("Cannot send a message");
    call.cancel();
  });
});

describe("a cancel", () => {
  test("a cancel aborts the call with its reason", () => {
    const peer = createOpenListener();
    for (const id of ["a", "b", "c"]) peer.count({ id, method: "m" });
    peer.count(say("a", "cancel", { reason: "^C" }));
    peer.count(say("b", "cancel"));
    peer.count(say("c", "cancel", { reason: 7, code: "LATER" }));
    expect(peer.calls.map(({ signal }) => signal.reason)).toMatchObject([
      { code: "CANCELLED", message: "The call was cancelled: ^C" },
      { code: "CANCELLED", message: "The call was cancelled: the caller cancelled it" },
      { code: "CANCELLED", message: "The call was cancelled: the caller cancelled it" },
    ]);
    expect(peer.drain()).toEqual([]);
  });

  test("the method's listener gets no cancel", () => {
    const peer = createOpenListener();
    peer.count({ id: "a", method: "m" });
    const heard: string[] = [];
    peer.calls[0]?.listen((name) => heard.push(name));
    peer.count(say("a", "cancel"));
    peer.count(say("a", "signal"));
    expect(heard).toEqual(["signal"]);
  });

  test("a reason that is passed on over three hops is wrapped once", () => {
    const first = cancelled("^C");
    const second = cancelled(cancelReason(first));
    expect(cancelled(cancelReason(second)).message).toBe(first.message);
  });

  test("a cancel with the code BAD_FRAME fails the call at once, and ends its streams", async () => {
    const peer = createOpenListener();
    peer.count({ id: "a", method: "m", streams: { read: { out: 5 }, write: ["in"] } });
    const [call] = peer.calls;
    const ends = [
      rejectionOf(readText(call?.reader("in") ?? never())),
      rejectionOf(Promise.resolve(call?.writer("out").write(new Uint8Array(9)))),
    ];
    peer.drain();
    peer.count(say("a", "cancel", { reason: "wrong offset", code: "BAD_FRAME" }));
    expect(peer.drain()).toMatchObject([
      { id: "a", error: { message: "wrong offset", data: { code: "BAD_FRAME" } } },
    ]);
    expect(call?.signal.reason).toMatchObject({ code: "BAD_FRAME" });
    for (const end of ends) expect((await end).code).toBe("BAD_FRAME");
    call?.respond("late");
    expect([peer.drain(), peer.session.incomingCount]).toEqual([[], 0]);
  });

  test("cancel sends its reason once, and the failure of the other side ends the call", async () => {
    const peer = createOpenDialler();
    const call = peer.session.call({ method: "m" });
    const id = String(peer.drain()[0]?.["id"]);
    call.cancel("enough");
    expect(peer.drain()).toMatchObject([say(id, "cancel", { reason: "enough" })]);
    const message = "The call was cancelled: enough";
    peer.count({ id, error: { code: -32011, message, data: { code: "CANCELLED" } } });
    expect(await rejectionOf(call.answer)).toMatchObject({ code: "CANCELLED", message });
  });
});

function never(): never {
  throw new Error("the session has received no call");
}
