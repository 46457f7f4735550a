/** The sequence numbers sent messages, checks received ones, and sends unacknowledged ones again. */
import { describe, expect, test } from "bun:test";
import { createSequence } from "../../../src/wire/session/sequence.ts";
import type { Sequence } from "../../../src/wire/session/sequence.ts";

const ROOM = 1000;
const NOTICE = { kind: "notice", method: "m", params: "x".repeat(40) } as const;

const seqOf = (bytes: Uint8Array | undefined): unknown =>
  bytes === undefined ? undefined : JSON.parse(new TextDecoder().decode(bytes)).seq;
const resendAll = (sequence: Sequence): unknown[] => {
  const found: unknown[] = [];
  for (let seq = seqOf(sequence.resend()); seq !== undefined; seq = seqOf(sequence.resend())) found.push(seq);
  return found;
};
const sent = (count: number): Sequence => {
  const sequence = createSequence(ROOM);
  for (let index = 0; index < count; index++) sequence.number(NOTICE);
  return sequence;
};

describe("received messages", () => {
  test("received numbers count from 1: a repeated one is a duplicate, a skipped one a gap", () => {
    const sequence = createSequence(ROOM);
    expect([1, 2, 2, 1, 4, 3, 4].map((seq) => sequence.take(seq, 10))).toEqual([
      "next",
      "next",
      "duplicate",
      "duplicate",
      "gap",
      "next",
      "next",
    ]);
    expect(sequence.received).toBe(4);
  });

  test("an acknowledgement is due after 16 messages or 128 KiB, and pending before", () => {
    const sequence = createSequence(ROOM);
    expect(sequence.acknowledgement).toBe("none");
    for (let seq = 1; seq <= 15; seq++) sequence.take(seq, 1);
    expect(sequence.acknowledgement).toBe("pending");
    sequence.take(16, 1);
    expect(sequence.acknowledgement).toBe("due");
    expect(sequence.acknowledge()).toBe(16);
    expect(sequence.acknowledgement).toBe("none");
    sequence.take(17, 128 * 1024 - 1);
    expect(sequence.acknowledgement).toBe("pending");
    sequence.take(18, 1);
    expect(sequence.acknowledgement).toBe("due");
  });

  test("flushAcknowledgement makes a pending acknowledgement due, and does nothing without one", () => {
    const sequence = createSequence(ROOM);
    sequence.flushAcknowledgement();
    sequence.take(1, 1);
    expect(sequence.acknowledgement).toBe("pending");
    sequence.flushAcknowledgement();
    expect([sequence.acknowledgement, sequence.acknowledge(), sequence.acknowledgement]).toEqual([
      "due",
      1,
      "none",
    ]);
    sequence.take(2, 1);
    expect(sequence.acknowledgement).toBe("pending");
  });

  test("a duplicate and a gap need no acknowledgement", () => {
    const sequence = createSequence(ROOM);
    sequence.take(1, 1);
    sequence.acknowledge();
    sequence.take(1, 1);
    sequence.take(3, 1);
    expect(sequence.acknowledgement).toBe("none");
  });
});

describe("sent messages", () => {
  test("sent messages are numbered from 1", () => {
    const sequence = createSequence(ROOM);
    expect([seqOf(sequence.number(NOTICE)), seqOf(sequence.number(NOTICE))]).toEqual([1, 2]);
  });

  test("messages are sent again only after a rewind, from the first missing one", () => {
    const sequence = sent(5);
    expect(resendAll(sequence)).toEqual([]);
    expect(sequence.rewind(2)).toBe(true);
    expect(resendAll(sequence)).toEqual([3, 4, 5]);
    expect(sequence.rewind(2)).toBe(true);
    expect(resendAll(sequence)).toEqual([3, 4, 5]);
    expect(sequence.rewind(5)).toBe(true);
    expect(resendAll(sequence)).toEqual([]);
    expect(seqOf(sequence.number(NOTICE))).toBe(6);
  });

  test("a release during a resend skips the released messages", () => {
    const sequence = sent(5);
    sequence.rewind(0);
    expect([seqOf(sequence.resend()), seqOf(sequence.resend())]).toEqual([1, 2]);
    expect(sequence.release(1)).toBe(true);
    expect(seqOf(sequence.resend())).toBe(3);
    expect(sequence.release(4)).toBe(true);
    expect(resendAll(sequence)).toEqual([5]);
  });

  test.each(["release", "rewind"] as const)(
    "%s returns false for numbers that the peer cannot have received",
    (verb) => {
      const sequence = sent(5);
      sequence.release(2);
      expect([-1, 0, 1, 6, 99].map((seq) => sequence[verb](seq))).toEqual([
        false,
        false,
        false,
        false,
        false,
      ]);
      expect(sequence.unacknowledgedNotices).toBe(3);
      expect([2, 3, 5, 5].map((seq) => sequence[verb](seq))).toEqual([true, true, true, true]);
      expect(sequence.unacknowledgedNotices).toBe(0);
    },
  );

  test("a sequence has room for one message beyond its bytes, and again after a release", () => {
    const sequence = createSequence(ROOM);
    let bytes = 0;
    while (sequence.hasRoom) bytes += sequence.number(NOTICE).length;
    const { length } = sequence.number(NOTICE);
    expect(bytes).toBeGreaterThanOrEqual(ROOM);
    expect(bytes - length).toBeLessThan(ROOM);
    sequence.release(1);
    expect<boolean>(sequence.hasRoom).toBe(false);
    sequence.release(2);
    expect<boolean>(sequence.hasRoom).toBe(true);
  });

  test("a sequence that is exactly full has no room", () => {
    const { length } = createSequence(ROOM).number(NOTICE);
    const sequence = createSequence(length);
    sequence.number(NOTICE);
    expect<boolean>(sequence.hasRoom).toBe(false);
    sequence.release(1);
    expect<boolean>(sequence.hasRoom).toBe(true);
  });
});
