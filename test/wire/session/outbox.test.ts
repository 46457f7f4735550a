/** The outbox sends unacknowledged messages first, then control messages, then stream data in turns. */
import { expect, test } from "bun:test";
import { createOutbox } from "../../../src/wire/session/outbox.ts";
import type { Outbox, Sender } from "../../../src/wire/session/outbox.ts";
import { createSequence } from "../../../src/wire/session/sequence.ts";
import type { Sequence } from "../../../src/wire/session/sequence.ts";
import { createWriter } from "../../../src/wire/calls/stream-writer.ts";
import { settle } from "./scripted-peer.ts";

const CHUNK = 32 * 1024;

/** Describes at most `most` messages of the outbox. */
function pullAll(outbox: Outbox, sequence: Sequence, most = 100): string[] {
  const pulled: string[] = [];
  while (pulled.length < most) {
    const bytes = outbox.pull(sequence);
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
  expect(pullAll(outbox, createSequence(1e9))).toEqual([
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
  const sequence = createSequence(1e9);
  send(outbox, "much", 2 * CHUNK);
  outbox.control(() => ({ kind: "cancel", call: 1 }));
  expect(pullAll(outbox, sequence, 2)).toEqual(["call.cancel 1", "stream.data much"]);
  for (const call of [2, 3]) outbox.control(() => ({ kind: "cancel", call }));
  expect(pullAll(outbox, sequence, 3)).toEqual(["call.cancel 2", "call.cancel 3", "stream.data much"]);
});

test("a control message is made when its turn comes, and skipped if it is not needed then", () => {
  const outbox = createOutbox(() => {});
  let limit = 1;
  outbox.control(() => undefined);
  outbox.control(() => ({ kind: "credit", call: "a", stream: "stdin", limit }));
  limit = 2;
  expect(outbox.length).toBe(2);
  const bytes = outbox.pull(createSequence(1e9));
  expect(JSON.parse(new TextDecoder().decode(bytes)).params.limit).toBe(2);
  expect(outbox.length).toBe(0);
});

test("a stream without credit does not hold up another, and goes on when it gets credit", () => {
  const outbox = createOutbox(() => {});
  const sequence = createSequence(1e9);
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
  const sequence = createSequence(10);
  for (const call of [1, 2, 3]) outbox.control(() => ({ kind: "cancel", call }));
  expect(pullAll(outbox, sequence)).toEqual(["call.cancel 1"]);
  sequence.release(1);
  expect(pullAll(outbox, sequence)).toEqual(["call.cancel 2"]);
  sequence.rewind(1);
  expect(pullAll(outbox, sequence)).toEqual(["call.cancel 2"]);
  sequence.release(2);
  expect(pullAll(outbox, sequence)).toEqual(["call.cancel 3"]);
});

test("unacknowledged messages are sent again before all others", () => {
  const outbox = createOutbox(() => {});
  const sequence = createSequence(1e9);
  send(outbox, "much", CHUNK);
  expect(pullAll(outbox, sequence, 1)).toEqual(["stream.data much"]);
  outbox.control(() => ({ kind: "cancel", call: 1 }));
  sequence.rewind(0);
  expect(pullAll(outbox, sequence)).toEqual([
    "stream.data much",
    "call.cancel 1",
    `stream.end much ${CHUNK}`,
  ]);
});

test("removeCall removes the messages and streams of one call only", () => {
  const outbox = createOutbox(() => {});
  const sequence = createSequence(1e9);
  outbox.control(() => ({ kind: "cancel", call: "going" }));
  outbox.control(() => ({ kind: "credit", call: "going", stream: "stdout", limit: 1 }), "going");
  outbox.control(() => ({ kind: "credit", call: "staying", stream: "stdout", limit: 1 }), "staying");
  send(outbox, "going", 10);
  send(outbox, "staying", 10);
  outbox.removeCall("going");
  expect(outbox.length).toBe(2);
  expect(pullAll(outbox, sequence)).toEqual([
    "call.cancel going",
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
