/** A session runs each call id once, never guesses an outcome, and keeps the order of messages. */
import { describe, expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createLink, readText } from "./session-link.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The lowest lineBytes of a peer. */
const LINE_BYTES = 128 * 1024;

describe("a call id", () => {
  test("the id of an open call cannot be used for another call", async () => {
    const link = await createLink();
    link.host.call({ method: "m", id: "same" });
    expect(() => link.host.call({ method: "m", id: "same" })).toThrow("belongs to an open call");
    await link.flow();
    expect(() => link.guest.call({ method: "m", id: "same" })).toThrow("belongs to an open call");
  });

  test("when both sides call with the same id at once, both get BAD_REQUEST", async () => {
    const link = await createLink();
    const calls = [link.host.call({ method: "m", id: "same" }), link.guest.call({ method: "m", id: "same" })];
    await link.flow();
    for (const call of calls) expect((await rejectionOf(call.answer)).code).toBe("BAD_REQUEST");
    expect([link.calls.host, link.calls.guest]).toEqual([[], []]);
    expect([link.host.outgoingCount, link.guest.outgoingCount]).toEqual([0, 0]);
  });
});

describe("a detached call", () => {
  test("a detached call outlives its caller, and the next caller gets the rest of its output", async () => {
    const link = await createLink();
    const first = link.host.call({ method: "m", id: "long", isDetached: true, read: ["stdout"] });
    await link.flow();
    const [call] = link.calls.guest;
    void call?.writer("stdout").write(encode("before "));
    await link.flow();
    expect(first.reader("stdout").bytes).toBe(7);
    link.restart("host");
    await link.flow();
    const written = call?.writer("stdout").write(encode("after"));
    await link.flow();
    expect(call?.signal.aborted).toBe(false);
    const second = link.host.call({ method: "m", id: "long", isAttach: true, read: ["stdout"] });
    await link.flow();
    await written;
    call?.respond(0);
    await link.flow();
    expect(await readText(second.reader("stdout"))).toBe("after");
    expect(second.reader("stdout").missedBytes).toBe(7);
    expect((await second.answer).streams).toEqual({ stdout: { bytes: 12 } });
    first.answer.catch(() => {});
  });

  test("a call that is not detached is cancelled when its caller restarts", async () => {
    const link = await createLink();
    link.host.call({ method: "m", read: ["stdout"] }).answer.catch(() => {});
    await link.flow();
    const [call] = link.calls.guest;
    const written = rejectionOf(Promise.resolve(call?.writer("stdout").write(new Uint8Array(1e6))));
    link.restart("host");
    await link.flow();
    expect(call?.signal.reason).toMatchObject({ code: "CANCELLED" });
    expect((await written).code).toBe("CANCELLED");
    expect(link.guest.incomingCount).toBe(0);
  });
});

describe("UNKNOWN_OUTCOME", () => {
  test.each(["host", "guest"] as const)(
    "when the %s's peer restarts, sent calls get UNKNOWN_OUTCOME and the others go to the new peer",
    async (caller) => {
      const link = await createLink();
      const peer = caller === "host" ? "guest" : "host";
      const sent = link[caller].call({ method: "m", read: ["stdout"] });
      await link.flow();
      const unsent = link[caller].call({ method: "m" });
      expect([sent.isSent, unsent.isSent]).toEqual([true, false]);
      link.restart(peer);
      await link.flow();
      expect((await rejectionOf(sent.answer)).code).toBe("UNKNOWN_OUTCOME");
      expect((await rejectionOf(readText(sent.reader("stdout")))).code).toBe("UNKNOWN_OUTCOME");
      expect(link.calls[peer].map(({ id }) => id)).toEqual([link.calls[peer][0]?.id ?? "", unsent.id]);
      link.calls[peer].at(-1)?.respond("into the new session");
      await link.flow();
      expect((await unsent.answer).result).toBe("into the new session");
    },
  );

  test("a call gets its answer after a cut that both sides survive", async () => {
    const link = await createLink();
    const call = link.host.call({ method: "m" });
    await link.flow();
    link.redial();
    await link.flow();
    link.calls.guest[0]?.respond(1);
    await link.flow();
    expect((await call.answer).result).toBe(1);
  });

  test("close rejects sent calls with UNKNOWN_OUTCOME, and the others with CLOSED", async () => {
    const link = await createLink();
    const sent = link.host.call({ method: "m" });
    await link.flow();
    const unsent = link.host.call({ method: "m" });
    link.host.close("stop");
    expect((await rejectionOf(sent.answer)).code).toBe("UNKNOWN_OUTCOME");
    expect((await rejectionOf(unsent.answer)).code).toBe("CLOSED");
    expect(() => link.host.call({ method: "m" })).toThrow("has ended");
  });
});

describe("cancel", () => {
  test("cancel aborts the call on the other side, and its answer still comes", async () => {
    const link = await createLink();
    const call = link.host.call({ method: "m" });
    await link.flow();
    call.cancel("^C");
    await link.flow();
    const [served] = link.calls.guest;
    expect(served?.signal.reason).toMatchObject({
      code: "CANCELLED",
      message: expect.stringContaining("^C"),
    });
    served?.respond({ signal: "SIGTERM" });
    await link.flow();
    expect((await call.answer).result).toEqual({ signal: "SIGTERM" });
  });

  test("cancel rejects a call that was not sent with CANCELLED at once", async () => {
    const link = await createLink();
    const call = link.host.call({ method: "m" });
    call.cancel();
    expect((await rejectionOf(call.answer)).code).toBe("CANCELLED");
    await link.flow();
    expect(link.calls.guest).toEqual([]);
  });
});

describe("the order", () => {
  test("messages come before the answer, and only the first answer counts", async () => {
    const link = await createLink();
    const values: unknown[] = [];
    const call = link.host.call({ method: "m" });
    call.listen((name, value) => values.push([name, value]));
    await link.flow();
    const [served] = link.calls.guest;
    served?.send("progress", 1);
    served?.send("progress", 2);
    served?.respond("done");
    served?.send("progress", 3);
    served?.fail(new NegotiatorError("INTERNAL", "no"));
    served?.respond("again");
    await link.flow();
    expect(values).toEqual([
      ["progress", 1],
      ["progress", 2],
    ]);
    expect((await call.answer).result).toBe("done");
  });

  test("an answer may overtake stream data, which still arrives complete", async () => {
    const link = await createLink({ firstCreditBytes: 1000, streamCreditBytes: 1000 });
    const call = link.host.call({ method: "m", read: ["stdout"] });
    await link.flow();
    const [served] = link.calls.guest;
    void served?.writer("stdout").write(encode("x".repeat(5000)));
    served?.respond("early");
    await link.flow();
    expect((await call.answer).streams).toEqual({ stdout: { bytes: 5000 } });
    expect(link.host.outgoingCount).toBe(1);
    const text = readText(call.reader("stdout"));
    await link.flow();
    expect((await text).length).toBe(5000);
    expect(link.host.outgoingCount).toBe(0);
  });

  test("notices go both ways", async () => {
    const link = await createLink();
    link.host.notify("a", { b: 1 });
    link.guest.notify("c");
    await link.flow();
    expect(link.notices).toEqual([
      { side: "guest", method: "a", params: { b: 1 } },
      { side: "host", method: "c", params: {} },
    ]);
  });
});

describe("an unread stream", () => {
  test("a stream that is not read stops at its credit, and holds up no other stream or call", async () => {
    const link = await createLink({ firstCreditBytes: 10_000, streamCreditBytes: 10_000 });
    const stuck = link.host.call({ method: "m", read: ["stdout", "stderr"] });
    await link.flow();
    const [served] = link.calls.guest;
    const written = rejectionOf(Promise.resolve(served?.writer("stdout").write(new Uint8Array(1e6))));
    void served?.writer("stderr").write(encode("other"));
    const other = link.host.call({ method: "m" });
    await link.flow();
    expect(stuck.reader("stdout").bytes).toBe(10_000);
    expect(stuck.reader("stderr").bytes).toBe(5);
    link.calls.guest[1]?.respond(1);
    await link.flow();
    expect((await other.answer).result).toBe(1);
    stuck.reader("stdout").cancel();
    await link.flow();
    expect((await written).code).toBe("CLOSED");
  });
});

describe("TOO_LARGE", () => {
  test("a request longer than the peer's line throws TOO_LARGE", async () => {
    const link = await createLink({ lineBytes: LINE_BYTES });
    expect(() => link.host.call({ method: "m", params: "x".repeat(LINE_BYTES) })).toThrow(
      "Send long content through a stream",
    );
    expect(link.host.outgoingCount).toBe(0);
  });

  test("an answer longer than the caller's line becomes TOO_LARGE with the stream totals", async () => {
    const link = await createLink({ lineBytes: LINE_BYTES });
    const call = link.host.call({ method: "m", read: ["stdout"] });
    await link.flow();
    void link.calls.guest[0]?.writer("stdout").write(encode("abc"));
    link.calls.guest[0]?.respond("x".repeat(LINE_BYTES));
    await link.flow();
    expect((await rejectionOf(call.answer)).code).toBe("TOO_LARGE");
    expect(await readText(call.reader("stdout"))).toBe("abc");
  });
});
