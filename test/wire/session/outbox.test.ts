/** The outbox sends unacknowledged messages first, then control messages, then stream data in turns. */
import { describe, expect, test } from "bun:test";
import { createOutbox } from "../../../src/wire/session/outbox.ts";
import type { Outbox, Sender } from "../../../src/wire/session/outbox.ts";
import { JSON_CHUNKS } from "../../../src/wire/dialects/native.ts";
import { createNoticeCredit } from "../../../src/wire/session/notice-credit.ts";
import { createSequence } from "../../../src/wire/session/sequence.ts";
import type { Sequence } from "../../../src/wire/session/sequence.ts";
import { createWriter } from "../../../src/wire/calls/stream-writer.ts";
import { settle } from "./scripted-peer.ts";

const CHUNK = 64 * 1024;
/** The credit of a peer that takes any notice. */
const CREDIT = createNoticeCredit({ sendLimit: 1e9, windowBytes: 0 });
/** A sequence whose chunks are JSON, with so much room for data and for other messages. */
const create = (data = 1e9, other = data): Sequence =>
  createSequence({ unacknowledgedDataBytes: data, unacknowledgedBytes: other }, () => JSON_CHUNKS);
const cancel = (call: string) => ({ kind: "message", call, name: "cancel", value: {} }) as const;

/** Describes at most `most` messages of the outbox. */
function pullAll(outbox: Outbox, sequence: Sequence, most = 100, credit = CREDIT): string[] {
  const pulled: string[] = [];
  while (pulled.length < most) {
    const bytes = outbox.pull(sequence, credit);
    if (bytes === undefined) break;
    const { method, params } = JSON.parse(new TextDecoder().decode(bytes));
    pulled.push([method, params.call, params.bytes].filter((word) => word !== undefined).join(" "));
  }
  return pulled;
}

function sender(outbox: Outbox, call: string, creditBytes: number): Sender {
  const found: Sender = {
    call,
    stream: "stdout",
    writer: createWriter({ creditBytes, onReady: () => outbox.ready(found), onDone: () => {} }),
  };
  return found;
}

function send(outbox: Outbox, call: string, bytes: number, creditBytes = 1e9): Sender {
  const made = sender(outbox, call, creditBytes);
  made.writer.writer.write(new Uint8Array(bytes)).catch(() => {});
  made.writer.writer.end();
  return made;
}

test("streams send one chunk each in turn, and their end after their last byte", () => {
  const outbox = createOutbox(() => {});
  send(outbox, "much", 3 * CHUNK);
  send(outbox, "little", 10);
  send(outbox, "more", 2 * CHUNK);
  expect(pullAll(outbox, create())).toEqual([
    "stream.data much",
    "stream.data little",
    "stream.data more",
    "stream.data much",
    "stream.end little 10",
    "stream.data more",
    "stream.data much",
    `stream.end more ${2 * CHUNK}`,
    `stream.end much ${3 * CHUNK}`,
  ]);
});

test("control messages go before stream data and keep their order", () => {
  const outbox = createOutbox(() => {});
  const sequence = create();
  send(outbox, "much", 2 * CHUNK);
  outbox.control(() => cancel("1"));
  expect(pullAll(outbox, sequence, 2)).toEqual(["call.message 1", "stream.data much"]);
  for (const call of ["2", "3"]) outbox.control(() => cancel(call));
  expect(pullAll(outbox, sequence, 3)).toEqual(["call.message 2", "call.message 3", "stream.data much"]);
});

test("a control message is made when its turn comes, and skipped if it is not needed then", () => {
  const outbox = createOutbox(() => {});
  let limit = 1;
  outbox.control(() => undefined);
  outbox.control(() => ({ kind: "credit", call: "a", stream: "stdin", limit }));
  limit = 2;
  expect(outbox.length).toBe(2);
  const bytes = outbox.pull(create(), CREDIT);
  expect(JSON.parse(new TextDecoder().decode(bytes)).params.limit).toBe(2);
  expect(outbox.length).toBe(0);
});

test("a stream without credit does not hold up another, and goes on when it gets credit", () => {
  const outbox = createOutbox(() => {});
  const sequence = create();
  const stopped = send(outbox, "stopped", 100, 5);
  send(outbox, "other", CHUNK + 1);
  expect(pullAll(outbox, sequence)).toEqual([
    "stream.data stopped",
    "stream.data other",
    "stream.data other",
    `stream.end other ${CHUNK + 1}`,
  ]);
  stopped.writer.credit(100);
  expect(pullAll(outbox, sequence)).toEqual(["stream.data stopped", "stream.end stopped 100"]);
});

test("new messages wait while the sequence has no room, and are sent when it has", () => {
  const outbox = createOutbox(() => {});
  const sequence = create(10);
  for (const call of ["1", "2", "3"]) outbox.control(() => cancel(call));
  expect(pullAll(outbox, sequence)).toEqual(["call.message 1"]);
  sequence.release(1);
  expect(pullAll(outbox, sequence)).toEqual(["call.message 2"]);
  sequence.rewind(1);
  expect(pullAll(outbox, sequence)).toEqual(["call.message 2"]);
  sequence.release(2);
  expect(pullAll(outbox, sequence)).toEqual(["call.message 3"]);
});

/** Returns an outbox with data, control messages and notices. */
function fill(): Outbox {
  const outbox = createOutbox(() => {});
  send(outbox, "much", 3 * CHUNK);
  for (const call of ["1", "2", "3"]) outbox.control(() => cancel(call));
  for (const method of ["n1", "n2"])
    outbox.notice({
      bytes: 100,
      isLost: () => false,
      take: () => ({ kind: "notice", method, params: {} }),
    });
  return outbox;
}

describe("a full window", () => {
  test("a full window of data delays no control message and no notice", () => {
    expect(pullAll(fill(), create(1, 1e9))).toEqual([
      "call.message 1",
      "call.message 2",
      "call.message 3",
      "n1",
      "n2",
      "stream.data much",
    ]);
  });

  test("a full window of control messages delays no notice and no data", () => {
    expect(pullAll(fill(), create(1e9, 1))).toEqual([
      "call.message 1",
      "n1",
      "n2",
      "stream.data much",
      "stream.data much",
      "stream.data much",
      `stream.end much ${3 * CHUNK}`,
    ]);
  });

  test("used up credit for notices delays no control message and no data", () => {
    const credit = createNoticeCredit({ sendLimit: 400, windowBytes: 0 });
    const outbox = fill();
    const sequence = create(1e9);
    expect(pullAll(outbox, sequence, 100, credit)).toEqual([
      "call.message 1",
      "call.message 2",
      "call.message 3",
      "n1",
      "stream.data much",
      "stream.data much",
      "stream.data much",
      `stream.end much ${3 * CHUNK}`,
    ]);
    // The line of the first notice has 51 bytes.
    credit.raise(51 + 256 + 355);
    expect(pullAll(outbox, sequence, 100, credit)).toEqual([]);
    credit.raise(51 + 256 + 356);
    expect(pullAll(outbox, sequence, 100, credit)).toEqual(["n2"]);
  });
});

test("a notice that cannot be sent any longer is left out, and costs no credit", () => {
  const outbox = createOutbox(() => {});
  const credit = createNoticeCredit({ sendLimit: 400, windowBytes: 0 });
  outbox.notice({ bytes: 100, isLost: () => false, take: () => undefined });
  outbox.notice({
    bytes: 100,
    isLost: () => false,
    take: () => ({ kind: "notice", method: "n", params: {} }),
  });
  expect(pullAll(outbox, create(), 100, credit)).toEqual(["n"]);
});

test("unacknowledged messages are sent again before all others", () => {
  const outbox = createOutbox(() => {});
  const sequence = create();
  send(outbox, "much", CHUNK);
  expect(pullAll(outbox, sequence, 1)).toEqual(["stream.data much"]);
  outbox.control(() => cancel("1"));
  sequence.rewind(0);
  expect(pullAll(outbox, sequence)).toEqual([
    "stream.data much",
    "call.message 1",
    `stream.end much ${CHUNK}`,
  ]);
});

test("removeCall removes the messages and streams of one call only", () => {
  const outbox = createOutbox(() => {});
  const sequence = create();
  outbox.control(() => cancel("going"));
  outbox.control(() => ({ kind: "credit", call: "going", stream: "stdout", limit: 1 }), "going");
  outbox.control(() => ({ kind: "credit", call: "staying", stream: "stdout", limit: 1 }), "staying");
  send(outbox, "going", 10);
  send(outbox, "staying", 10);
  outbox.removeCall("going");
  expect(outbox.length).toBe(2);
  expect(pullAll(outbox, sequence)).toEqual([
    "call.message going",
    "stream.credit staying",
    "stream.data staying",
    "stream.end staying 10",
  ]);
});

test("each addition to the outbox calls onOutput", async () => {
  let outputs = 0;
  const outbox = createOutbox(() => outputs++);
  outbox.control(() => undefined);
  expect(outputs).toBe(1);
  sender(outbox, "a", 5).writer.writer.end();
  await settle();
  expect(outputs).toBe(2);
});
