/** The sequence numbers sent messages, checks received ones, and sends unacknowledged ones again. */
import { describe, expect, test } from "bun:test";
import { JSON_CHUNKS } from "../../../src/wire/dialects/native.ts";
import type { ChunkForm } from "../../../src/wire/dialects/native.ts";
import { createSequence } from "../../../src/wire/session/sequence.ts";
import type { Sequence } from "../../../src/wire/session/sequence.ts";

const ROOM = { unacknowledgedBytes: 1000, unacknowledgedDataBytes: 3000 };
/** A sequence whose chunks are JSON. */
const create = (limits = ROOM): Sequence => createSequence(limits, () => JSON_CHUNKS);
const NOTICE = { kind: "notice", method: "m", params: "x".repeat(40) } as const;

const CREDIT = { kind: "credit", call: "c".repeat(64), stream: "s", limit: 1 } as const;
const DATA = {
  kind: "data",
  call: "c",
  stream: "s",
  offset: 0,
  bytes: new Uint8Array(300).fill(65),
} as const;
const END = { kind: "end", call: "c".repeat(64), stream: "s", bytes: 1 } as const;

const seqOf = (bytes: Uint8Array | undefined): unknown =>
  bytes === undefined ? undefined : JSON.parse(new TextDecoder().decode(bytes)).seq;
const resendAll = (sequence: Sequence): unknown[] => {
  const found: unknown[] = [];
  for (let seq = seqOf(sequence.resend()); seq !== undefined; seq = seqOf(sequence.resend())) found.push(seq);
  return found;
};
const sent = (count: number): Sequence => {
  const sequence = create();
  for (let index = 0; index < count; index++) sequence.number(NOTICE);
  return sequence;
};

test("the memory of a long chunk is used again once the peer has the chunk, and not before", () => {
  const sequence = createSequence(ROOM, () => ({ isRaw: true, isOnPort: false, hasChecksum: false }));
  const chunk = { ...DATA, bytes: new Uint8Array(64 * 1024) };
  const first = sequence.number({ ...chunk }).buffer;
  const second = sequence.number({ ...chunk }).buffer;
  expect(second).not.toBe(first);
  sequence.release(1);
  expect(sequence.number({ ...chunk }).buffer).toBe(first);
});

describe("received messages", () => {
  test("received numbers count from 1: a repeated one is a duplicate, a skipped one a gap", () => {
    const sequence = create();
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

  test("an acknowledgement is due after 32 messages or 256 KiB, and pending before", () => {
    const sequence = create();
    expect(sequence.acknowledgement).toBe("none");
    for (let seq = 1; seq <= 31; seq++) sequence.take(seq, 1);
    expect(sequence.acknowledgement).toBe("pending");
    sequence.take(32, 1);
    expect(sequence.acknowledgement).toBe("due");
    expect(sequence.acknowledge()).toBe(32);
    expect(sequence.acknowledgement).toBe("none");
    sequence.take(33, 256 * 1024 - 1);
    expect(sequence.acknowledgement).toBe("pending");
    sequence.take(34, 1);
    expect(sequence.acknowledgement).toBe("due");
  });

  test("flushAcknowledgement makes a pending acknowledgement due, and does nothing without one", () => {
    const sequence = create();
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
    const sequence = create();
    sequence.take(1, 1);
    sequence.acknowledge();
    sequence.take(1, 1);
    sequence.take(3, 1);
    expect(sequence.acknowledgement).toBe("none");
  });
});

describe("sent messages", () => {
  test("sent messages are numbered from 1", () => {
    const sequence = create();
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
    expect(sequence.release(1)).toBe(1);
    expect(seqOf(sequence.resend())).toBe(3);
    expect(sequence.release(4)).toBe(3);
    expect(resendAll(sequence)).toEqual([5]);
  });

  test("release returns the number of released messages, and undefined for messages never sent", () => {
    const sequence = sent(5);
    expect([0, 2, 1, 2, 6, 99, 4, 5, 5].map((seq) => sequence.release(seq))).toEqual([
      0,
      2,
      0,
      0,
      undefined,
      undefined,
      2,
      1,
      0,
    ]);
    expect(sequence.unacknowledgedNotices).toBe(0);
  });

  test("rewind returns false for messages that were released or never sent, and changes nothing", () => {
    const sequence = sent(5);
    sequence.release(2);
    expect([0, 1, 6, 99].map((seq) => sequence.rewind(seq))).toEqual([false, false, false, false]);
    expect(sequence.unacknowledgedNotices).toBe(3);
    expect([2, 3, 5, 5].map((seq) => sequence.rewind(seq))).toEqual([true, true, true, true]);
    expect(sequence.unacknowledgedNotices).toBe(0);
  });

  test.each([
    ["other", CREDIT],
    ["data", DATA],
    ["data", END],
  ] as const)("a window of the kind %s has room for one message beyond its bytes", (kind, message) => {
    const sequence = create();
    const other = kind === "data" ? "other" : "data";
    const roomBytes = kind === "data" ? ROOM.unacknowledgedDataBytes : ROOM.unacknowledgedBytes;
    let bytes = 0;
    let length = 0;
    for (; sequence.hasRoom(kind); bytes += length) ({ length } = sequence.number(message));
    expect(bytes).toBeGreaterThanOrEqual(roomBytes);
    expect(bytes - length).toBeLessThan(roomBytes);
    expect(sequence.hasRoom(other)).toBe(true);
    sequence.number(message);
    sequence.release(1);
    expect(sequence.hasRoom(kind)).toBe(false);
    sequence.release(2);
    expect(sequence.hasRoom(kind)).toBe(true);
  });

  test("notices take no room of other messages", () => {
    const sequence = create();
    for (let count = 0; count < 1000; count++) sequence.number(NOTICE);
    expect([sequence.hasRoom("data"), sequence.hasRoom("other")]).toEqual([true, true]);
  });

  test("a chunk is sent again byte for byte, although the form of chunks has changed", () => {
    let form: ChunkForm = { isRaw: true, isOnPort: true, hasChecksum: true };
    const sequence = createSequence(ROOM, () => form);
    const first = sequence.number(DATA);
    form = JSON_CHUNKS;
    sequence.rewind(0);
    expect(sequence.resend()).toBe(first);
    expect(new TextDecoder().decode(first)).toContain('"bytes":');
    expect(new TextDecoder().decode(sequence.number(DATA))).not.toContain('"bytes":');
  });
});
