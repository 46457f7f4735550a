/** What a peer could not take never gets a place in the order: a gap would follow that no resend can fill. */
import { describe, expect, test } from "bun:test";
import { native } from "../../../src/wire/dialects/native.ts";
import type { MessageBody } from "../../../src/wire/message.ts";
import { checkSendable, findExcess } from "../../../src/wire/session/sendable.ts";
import { errorOf, rejectionOf } from "../../support/error-of.ts";
import { createScriptedPeer } from "./scripted-peer.ts";
import { createLink } from "./session-link.ts";
import type { SessionLink } from "./session-link.ts";

/** The shortest line that a peer may ask for. */
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

describe("a message is refused", () => {
  test.each(UNREADABLE)("with %s", (_, value) => {
    expect(errorOf(() => checkSendable({ kind: "result", id: 1, result: value }, LINE_BYTES)).code).toBe(
      "BAD_REQUEST",
    );
  });

  const requests: readonly [name: string, message: MessageBody][] = [
    ["with a method of the protocol", { kind: "request", id: 1, method: "session.ping", params: {} }],
    ["with a method that begins like the protocol's", { kind: "notice", method: "stream.x", params: {} }],
    ["with a method that says hello", { kind: "request", id: 1, method: "negotiate:n", params: {} }],
    ["with a method with a blank", { kind: "request", id: 1, method: "a b", params: {} }],
    ["with an id of 65 characters", { kind: "request", id: "i".repeat(65), method: "m", params: {} }],
    ["with no time", { kind: "request", id: 1, method: "m", params: {}, timeoutMs: 0 }],
    [
      "with a stream in capitals",
      { kind: "request", id: 1, method: "m", params: {}, streams: { read: {}, write: ["STDIN"] } },
    ],
  ];
  test.each(requests)("%s", (_, message) => {
    expect(errorOf(() => checkSendable(message, LINE_BYTES)).code).toBe("BAD_REQUEST");
  });

  test("with more values than its reader takes", () => {
    const result = Array.from({ length: 140_000 }, () => 0);
    const error = errorOf(() => checkSendable({ kind: "result", id: 1, result }, 1024 * 1024));
    expect(error).toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringContaining("more than 131072 values"),
    });
  });

  test("with what its reader would find wrong", () => {
    const message: MessageBody = { kind: "request", id: 1, method: "m", params: {}, timeoutMs: 0 };
    expect(errorOf(() => checkSendable(message, LINE_BYTES)).message).toContain(">=1");
  });

  test("when it is too long with the longest number that it can get, and not a byte before", () => {
    const message: MessageBody = { kind: "notice", method: "m", params: "x".repeat(500) };
    const mostBytes = native.encode({ ...message, seq: Number.MAX_SAFE_INTEGER }).length;
    checkSendable(message, mostBytes);
    expect(findExcess(message, mostBytes)).toBeUndefined();
    expect(errorOf(() => checkSendable(message, mostBytes - 1)).code).toBe("TOO_LARGE");
    expect(findExcess(message, mostBytes - 1)?.code).toBe("TOO_LARGE");
  });
});

describe("the session goes on after", () => {
  test.each(UNREADABLE)("a result with %s, which becomes a failure", async (_, value) => {
    const link = await createLink();
    const call = link.host.call({ method: "m" });
    await link.flow();
    link.calls.guest[0]?.respond(value);
    await expectOpen(link);
    expect((await rejectionOf(call.answer)).code).toBe("BAD_REQUEST");
    expect([link.host.outgoingCount, link.guest.incomingCount]).toEqual([0, 0]);
  });

  test.each(UNREADABLE)("parameters, progress and an event with %s", async (_, value) => {
    const link = await createLink();
    const told: unknown[] = [];
    const call = link.host.call({ method: "m", onProgress: (said) => told.push(said) });
    await link.flow();
    expect(errorOf(() => link.host.call({ method: "m", params: value })).code).toBe("BAD_REQUEST");
    expect(errorOf(() => link.guest.notify("a", value)).code).toBe("BAD_REQUEST");
    expect(errorOf(() => link.calls.guest[0]?.progress(value)).code).toBe("BAD_REQUEST");
    link.calls.guest[0]?.respond(1);
    await expectOpen(link);
    expect([told, (await call.answer).result, link.host.outgoingCount]).toEqual([[], 1, 0]);
  });

  test("progress and an event longer than a line", async () => {
    const link = await createLink({ lineBytes: LINE_BYTES });
    const call = link.host.call({ method: "m" });
    await link.flow();
    const long = "x".repeat(LINE_BYTES);
    expect(errorOf(() => link.calls.guest[0]?.progress(long)).code).toBe("TOO_LARGE");
    expect(errorOf(() => link.guest.notify("a", long)).code).toBe("TOO_LARGE");
    link.calls.guest[0]?.respond(1);
    await expectOpen(link);
    expect((await call.answer).result).toBe(1);
  });

  // Its number makes a line longer than the message that was looked at.
  test("messages about as long as a line", async () => {
    const link = await createLink({ lineBytes: LINE_BYTES });
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
    ["long", "x".repeat(2_000_000)],
    ["with half of a surrogate pair", "\ud800"],
    ["that is cut in the middle of a pair", `${"x".repeat(999)}😀`],
  ])("the reason of a cancel, %s", async (_, reason) => {
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

  test("a senseless request, whose refusal quotes what was wrong", async () => {
    for (let pad = 300; pad < 420; pad++) {
      const peer = createScriptedPeer();
      peer.greet();
      peer.count({ id: 9, method: "m", timeoutMs: `${"x".repeat(pad)}😀` });
      for (const said of peer.drain()) expect(JSON.stringify(said)).not.toContain("\\ud83d");
    }
  });
});

describe("a peer that takes less than the one before", () => {
  const call = { id: "long", method: "m", params: "x".repeat(200_000) };

  test("is not sent the request that waits, which fails", async () => {
    const peer = createScriptedPeer();
    peer.greet();
    const { answer } = peer.session.call(call);
    const said = peer.greet({ limits: { lineBytes: LINE_BYTES } });
    expect(said.map(({ method }) => method)).toEqual([undefined]);
    expect((await rejectionOf(answer)).code).toBe("TOO_LARGE");
    expect(peer.session.outgoingCount).toBe(0);
  });

  test("is told a failure instead of the long answer that is remembered", () => {
    const peer = createScriptedPeer();
    peer.greet();
    peer.count({ id: "a", method: "m" });
    peer.calls[0]?.respond("x".repeat(200_000));
    peer.drain();
    peer.greet({ limits: { lineBytes: LINE_BYTES } });
    peer.count({ id: "a", method: "m" });
    expect(peer.drain()).toMatchObject([
      { method: "call.attached" },
      { id: "a", error: { data: { code: "TOO_LARGE" } } },
    ]);
  });
});

/** Both are open, and a message each way arrives. */
async function expectOpen(link: SessionLink): Promise<void> {
  const before = link.notices.length;
  link.host.notify("next");
  link.guest.notify("next");
  await link.flow();
  expect([link.host.state, link.guest.state]).toEqual(["open", "open"]);
  expect(link.notices.slice(before).map(({ method }) => method)).toEqual(["next", "next"]);
}
