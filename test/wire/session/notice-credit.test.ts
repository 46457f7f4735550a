/** The credit for notices: what a sender may send, and when a receiver gives more. */
import { describe, expect, test } from "bun:test";
import { createNoticeCredit, NOTICE_BYTES } from "../../../src/wire/session/notice-credit.ts";
import { createOpenDialler, createOpenListener } from "./scripted-peer.ts";
import type { ScriptedPeer } from "./scripted-peer.ts";
import { createLink } from "./session-link.ts";

const WINDOW = 10_000;
const LIMITS = { noticeCreditBytes: WINDOW };
/** The line of a notice of so many bytes, with the longest number. */
const notice = (bytes: number) => ({ method: "n", params: "x".repeat(bytes) });
const kindsOf = (peer: ScriptedPeer): unknown[] =>
  peer.drain().map(({ method, error }) => method ?? (error === undefined ? "result" : "complaint"));

describe("the credit", () => {
  test("a notice costs the bytes of its line and 256 more, in both directions", () => {
    const credit = createNoticeCredit({ sendLimit: 1000, windowBytes: 1000 });
    expect([credit.allows(744), credit.allows(745)]).toEqual([true, false]);
    credit.send(100);
    expect([credit.allows(388), credit.allows(389)]).toEqual([true, false]);
    credit.raise(900);
    expect(credit.allows(388)).toBe(true);
    credit.raise(1001);
    expect([credit.allows(389), credit.allows(390)]).toEqual([true, false]);
    expect([credit.receive(745), credit.receive(744), credit.receive(0)]).toEqual([false, true, false]);
  });

  test("a receiver gives more for all that was used, and nothing if nothing was", () => {
    const credit = createNoticeCredit({ sendLimit: 0, windowBytes: 1000 });
    expect(credit.renew()).toBeUndefined();
    credit.receive(44);
    expect([credit.renew(), credit.renew()]).toEqual([1300, undefined]);
  });
});

describe("a sender of notices", () => {
  test("notices wait without credit, and go out in order when it comes", () => {
    const peer = createOpenListener();
    peer.greet({ limits: { lineBytes: 1024 * 1024 } });
    peer.session.notify("first", "x");
    peer.session.notify("second");
    expect(peer.drain()).toEqual([]);
    peer.count({ method: "session.credit", params: { limit: 400 } });
    expect(kindsOf(peer)).toEqual(["first"]);
    peer.count({ method: "session.credit", params: { limit: 300 } });
    expect(kindsOf(peer)).toEqual([]);
    peer.count({ method: "session.credit", params: { limit: 4000 } });
    expect(kindsOf(peer)).toEqual(["second"]);
  });

  test("notices without credit delay no call, no answer and no stream", () => {
    const peer = createOpenListener();
    peer.greet({ limits: { lineBytes: 1024 * 1024 } });
    for (let count = 0; count < 100; count++) peer.session.notify("waiting");
    peer.count({ id: "c", method: "m", streams: { read: { stdout: 9 } } });
    void peer.calls[0]?.writer("stdout").write(new Uint8Array(5));
    peer.calls[0]?.respond(1);
    peer.session.call({ method: "m" });
    expect(kindsOf(peer)).toEqual(["result", "m", "stream.data", "stream.end"]);
  });

  test("a notice that the next peer never takes is reported, and delays no other", () => {
    const lost: number[] = [];
    const peer = createOpenListener({ onNoticesLost: (count) => lost.push(count) });
    peer.session.detach();
    peer.session.notify("long", "x".repeat(2000));
    peer.session.notify("short");
    const sent = peer.greet({ limits: { lineBytes: 1024 * 1024, noticeBytes: 2000 } });
    expect([sent.map(({ method }) => method), lost]).toEqual([[undefined, "short"], [1]]);
  });

  test("a resumed session keeps the used credit, and another session begins with the first credit", () => {
    const peer = createOpenDialler();
    const small = (): void => peer.session.notify("n", "x".repeat(131_000));
    small();
    expect(kindsOf(peer)).toEqual(["n"]);
    peer.session.detach();
    peer.session.dial();
    peer.welcome({ received: 1 });
    small();
    expect([kindsOf(peer), peer.session.state]).toEqual([[], "open"]);
    peer.session.detach();
    peer.session.dial();
    peer.welcome({ instance: "listener-2" });
    expect(kindsOf(peer)).toEqual(["n"]);
  });
});

test("4096 notices that wait for credit do not count as answers that the peer does not read", () => {
  const peer = createOpenListener();
  peer.greet({ limits: { lineBytes: 1024 * 1024 } });
  for (let count = 0; count < 4096; count++) peer.session.notify("waiting");
  for (const id of ["a", "b", "c"]) {
    peer.count({ id, method: "m" });
    peer.calls.at(-1)?.respond(1);
  }
  peer.count({ id: "d", method: "m" });
  expect(peer.session.state).toBe("open");
});

describe("a receiver of notices", () => {
  test("notices over the credit are ignored and complained about, and the next tick gives more", () => {
    const peer = createOpenListener({ limits: LIMITS });
    const used = NOTICE_BYTES + JSON.stringify({ jsonrpc: "2.0", seq: 1, ...notice(4000) }).length;
    for (let count = 0; count < 4; count++) peer.count(notice(4000));
    expect([peer.notices.length, kindsOf(peer)]).toEqual([2, ["complaint", "complaint"]]);
    peer.tick(1000);
    expect(peer.drain()).toMatchObject([
      { method: "session.ack", params: { received: 4 } },
      { method: "session.credit", params: { limit: 2 * used + WINDOW } },
    ]);
    for (let count = 0; count < 2; count++) peer.count(notice(4000));
    expect([peer.notices.length, kindsOf(peer)]).toEqual([4, []]);
  });

  test("a peer that reads nothing gets one message with all its credit", () => {
    const peer = createOpenListener({ limits: LIMITS });
    for (let second = 0; second < 25; second++) {
      peer.count(notice(1));
      peer.tick(1000);
    }
    expect(kindsOf(peer)).toEqual(["session.ack", "session.credit"]);
  });

  test("credit is given in the next session, although it waited when the last one was lost", () => {
    const peer = createOpenListener({ limits: LIMITS });
    peer.count(notice(1));
    peer.tick(1000);
    peer.greet();
    peer.count(notice(1));
    peer.tick(1000);
    expect(kindsOf(peer)).toEqual(["session.ack", "session.credit"]);
  });
});

test.each([[3000], [5500], [9000], [9600]])(
  "notices of %i bytes go on for ever with a credit of 10,000",
  async (bytes) => {
    const link = await createLink(LIMITS);
    for (let count = 0; count < 20; count++) link.host.notify("n", "x".repeat(bytes));
    for (let second = 0; second < 30; second++) {
      await link.flow();
      link.tick(1000);
    }
    expect(link.notices).toHaveLength(20);
  },
);

test("notices of mixed sizes go on for ever", async () => {
  const link = await createLink(LIMITS);
  for (let count = 0; count < 40; count++) link.host.notify("n", "x".repeat(count % 2 === 0 ? 3000 : 9000));
  for (let second = 0; second < 60; second++) {
    await link.flow();
    link.tick(1000);
  }
  expect(link.notices).toHaveLength(40);
});
