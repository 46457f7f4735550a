/** A message that the peer could not read gets no number, so the session goes on. */
import { describe, expect, test } from "bun:test";
import { DEFAULT_LIMITS, UNASKED_MARKS } from "../../../src/limits.ts";
import { createServedCalls } from "../../../src/wire/calls/served-calls.ts";
import { native } from "../../../src/wire/dialects/native.ts";
import type { MessageBody } from "../../../src/wire/message.ts";
import { checkSendable, findExcess } from "../../../src/wire/session/sendable.ts";
import { errorOf, rejectionOf } from "../../support/error-of.ts";
import { createScriptedPeer } from "./scripted-peer.ts";
import { createLink } from "./session-link.ts";
import type { SessionLink } from "./session-link.ts";

/** The lowest lineBytes of a peer. */
const LINE_BYTES = 128 * 1024;
const deep: unknown = JSON.parse(`${"[".repeat(40)}${"]".repeat(40)}`);
const cycle: unknown[] = [];
cycle.push(cycle);
const UNREADABLE: readonly [name: string, value: unknown][] = [
  ["half of a surrogate pair", "\ud800"],
  ["half of a surrogate pair in a name", { "\udc00": 1 }],
  ["2^53", 2 ** 53],
  ["33 levels", deep],
  ["itself inside", cycle],
  ["a bigint", 1n],
];

describe("checkSendable", () => {
  test.each(UNREADABLE)("a result with %s throws BAD_REQUEST", (_, value) => {
    expect(errorOf(() => checkSendable({ kind: "result", id: "1", result: value }, LINE_BYTES)).code).toBe(
      "BAD_REQUEST",
    );
  });

  const requests: readonly [name: string, message: MessageBody][] = [
    ["with a reserved method", { kind: "request", id: "1", method: "session.ping", params: {} }],
    ["with a method in a reserved namespace", { kind: "notice", method: "stream.x", params: {} }],
    ["with the method of a hello", { kind: "request", id: "1", method: "negotiate:n", params: {} }],
    ["with a blank in its method", { kind: "request", id: "1", method: "a b", params: {} }],
    ["with an id of 65 characters", { kind: "request", id: "i".repeat(65), method: "m", params: {} }],
    [
      "with a timeout of half a millisecond",
      { kind: "request", id: "1", method: "m", params: {}, timeoutMs: 0.5 },
    ],
    [
      "with capitals in a stream name",
      { kind: "request", id: "1", method: "m", params: {}, streams: { read: {}, write: ["STDIN"] } },
    ],
  ];
  test.each(requests)("a message %s throws BAD_REQUEST", (_, message) => {
    expect(errorOf(() => checkSendable(message, LINE_BYTES)).code).toBe("BAD_REQUEST");
  });

  test("a message with more values than a peer reads throws TOO_LARGE", () => {
    const result = Array.from({ length: 140_000 }, () => 0);
    const error = errorOf(() => checkSendable({ kind: "result", id: "1", result }, 1024 * 1024));
    expect(error).toMatchObject({
      code: "TOO_LARGE",
      message: expect.stringContaining("more than 131072 values"),
    });
  });

  test("a request with more values than a peer takes unasked throws TOO_LARGE, and names a way", () => {
    const params = Array.from({ length: UNASKED_MARKS + 1 }, () => 0);
    const error = errorOf(() =>
      checkSendable({ kind: "request", id: "1", method: "m", params }, 1024 * 1024),
    );
    expect(error).toMatchObject({
      code: "TOO_LARGE",
      message:
        `The message has more than ${UNASKED_MARKS} values, such as arguments\n` +
        "Give the command a list as its standard input",
    });
  });

  test("the error of checkSendable gives the reason why a peer would refuse the message", () => {
    const message: MessageBody = { kind: "request", id: "1", method: "m", params: {}, timeoutMs: 0.5 };
    expect(errorOf(() => checkSendable(message, LINE_BYTES)).message).toContain('"timeoutMs"');
  });

  test("a message one byte too long with the longest number throws TOO_LARGE", () => {
    const message: MessageBody = { kind: "notice", method: "m", params: "x".repeat(500) };
    const mostBytes = native.encode({ ...message, seq: Number.MAX_SAFE_INTEGER }).length;
    checkSendable(message, mostBytes);
    expect(findExcess(message, mostBytes)).toBeUndefined();
    expect(errorOf(() => checkSendable(message, mostBytes - 1)).code).toBe("TOO_LARGE");
    expect(findExcess(message, mostBytes - 1)?.code).toBe("TOO_LARGE");
  });
});

describe("an unencodable message", () => {
  test.each(UNREADABLE)("a result with %s becomes a failure, and the session goes on", async (_, value) => {
    const link = await createLink();
    const call = link.host.call({ method: "m" });
    await link.flow();
    link.calls.guest[0]?.respond(value);
    await expectOpen(link);
    expect((await rejectionOf(call.answer)).code).toBe("BAD_REQUEST");
    expect([link.host.outgoingCount, link.guest.incomingCount]).toEqual([0, 0]);
  });

  test.each(UNREADABLE)(
    "parameters, a message in a call and a notice with %s throw BAD_REQUEST, and the session goes on",
    async (_, value) => {
      const link = await createLink();
      const values: unknown[] = [];
      const call = link.host.call({ method: "m" });
      call.listen((_, sent) => values.push(sent));
      await link.flow();
      expect(errorOf(() => link.host.call({ method: "m", params: value })).code).toBe("BAD_REQUEST");
      expect(errorOf(() => call.send("x", value)).code).toBe("BAD_REQUEST");
      expect(errorOf(() => link.guest.notify("a", value)).code).toBe("BAD_REQUEST");
      expect(errorOf(() => link.calls.guest[0]?.send("x", value)).code).toBe("BAD_REQUEST");
      link.calls.guest[0]?.respond(1);
      await expectOpen(link);
      expect([values, (await call.answer).result, link.host.outgoingCount]).toEqual([[], 1, 0]);
    },
  );

  test("messages in calls and notices longer than a line throw, and the session goes on", async () => {
    const link = await createLink({ lineBytes: LINE_BYTES });
    const call = link.host.call({ method: "m" });
    await link.flow();
    const long = "x".repeat(LINE_BYTES);
    expect(errorOf(() => link.calls.guest[0]?.send("x", long)).code).toBe("TOO_LARGE");
    expect(errorOf(() => link.guest.notify("a", long)).code).toBe("TOO_LARGE");
    link.calls.guest[0]?.respond(1);
    await expectOpen(link);
    expect((await call.answer).result).toBe(1);
  });

  test("notices almost as long as a line arrive with their numbers, and the session goes on", async () => {
    const link = await createLink({ lineBytes: LINE_BYTES, noticeCreditBytes: 64 * 1024 * 1024 });
    for (let length = LINE_BYTES - 120; length < LINE_BYTES; length++) {
      try {
        link.host.notify("a", "x".repeat(length));
      } catch {
        break;
      }
    }
    await link.flow();
    expect(link.notices.length).toBeGreaterThan(10);
    await expectOpen(link);
  });

  test.each([
    ["of 2,000,000 characters", "x".repeat(2_000_000)],
    ["with half of a surrogate pair", "\ud800"],
    ["with a surrogate pair at the cut", `${"x".repeat(999)}😀`],
  ])("a cancel with a reason %s is sent, and the session goes on", async (_, reason) => {
    const link = await createLink();
    const call = link.host.call({ method: "m" });
    await link.flow();
    call.cancel(reason);
    await expectOpen(link);
    expect(link.calls.guest[0]?.signal.aborted).toBe(true);
    link.calls.guest[0]?.respond(1);
    await link.flow();
    expect((await call.answer).result).toBe(1);
  });

  test("the refusal of an invalid request never quotes half of a surrogate pair", async () => {
    for (let pad = 300; pad < 420; pad++) {
      const peer = createScriptedPeer();
      peer.greet();
      peer.count({ id: "9", method: "m", timeoutMs: `${"x".repeat(pad)}😀` });
      for (const sent of peer.drain()) expect(JSON.stringify(sent)).not.toContain("\\ud83d");
    }
  });
});

describe("a peer with a lower lineBytes than before", () => {
  const call = { id: "long", method: "m", params: "x".repeat(200_000) };

  test("a waiting request longer than the next peer's line rejects with TOO_LARGE", async () => {
    const peer = createScriptedPeer();
    peer.greet();
    const { answer } = peer.session.call(call);
    const sent = peer.greet({ limits: { lineBytes: LINE_BYTES } });
    expect(sent.map(({ method }) => method)).toEqual([undefined]);
    expect((await rejectionOf(answer)).code).toBe("TOO_LARGE");
    expect(peer.session.outgoingCount).toBe(0);
  });

  test("a kept answer longer than the next peer's line is repeated as TOO_LARGE", () => {
    const peer = createScriptedPeer();
    peer.greet();
    peer.count({ id: "a", method: "m" });
    peer.calls[0]?.respond("x".repeat(200_000));
    peer.drain();
    peer.greet({ limits: { lineBytes: LINE_BYTES } });
    peer.count({ id: "a", method: "call.attach" });
    expect(peer.drain()).toMatchObject([
      { method: "call.begin", params: { call: "a", offsets: {} } },
      { id: "a", error: { data: { code: "TOO_LARGE" } } },
    ]);
  });
});

test("the answer to a caller that attached in another session fits into that caller's line", () => {
  const served = createServedCalls(DEFAULT_LIMITS);
  const first = createScriptedPeer({ served });
  first.greet();
  first.count({ id: "a", method: "m", isDetached: true });
  const second = createScriptedPeer({ served });
  second.greet({ limits: { lineBytes: LINE_BYTES } });
  second.count({ id: "a", method: "call.attach" });
  first.calls[0]?.respond("x".repeat(200_000));
  expect(first.drain()).toEqual([]);
  expect(second.drain()).toMatchObject([
    { method: "call.begin" },
    { id: "a", error: { data: { code: "TOO_LARGE" } } },
  ]);
});

/** Expects that both sessions are open and a notice arrives each way. */
async function expectOpen(link: SessionLink): Promise<void> {
  const before = link.notices.length;
  link.host.notify("next");
  link.guest.notify("next");
  await link.flow();
  expect([link.host.state, link.guest.state]).toEqual(["open", "open"]);
  expect(link.notices.slice(before).map(({ method }) => method)).toEqual(["next", "next"]);
}
