/** The vectors of frames and lines hold for this program's readers. */
import { expect, test } from "bun:test";
import { createDiallerReader } from "../../src/wire/frames/dialler-reader.ts";
import { createListenerReader } from "../../src/wire/frames/listener-reader.ts";
import type { FrameReader } from "../../src/wire/frames/listener-reader.ts";
import { native } from "../../src/wire/dialects/native.ts";
import { isJsonObject } from "../../src/wire/json.ts";
import type { JsonObject } from "../../src/wire/json.ts";
import type { Message } from "../../src/wire/message.ts";
import type { Reading } from "../../src/wire/reading.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { answer, hello } from "../wire/frames/torn-frames.ts";
import { bytesOf, loadVectors, textOf } from "./vectors.ts";

type Read =
  | { hello: string }
  | { message: JsonObject }
  | { answer: JsonObject }
  | { chunk: JsonObject & { payload: string } }
  | { old: JsonObject }
  | { lost: true }
  | { native: true };
type Frame = {
  name: string;
  reader: "listener" | "dialler";
  medium: "port" | "socket";
  state: "idle" | "open" | "cut" | "dialling";
  nonce?: string;
  bytes: string;
  reads: Read[];
};
type Line = { name: string; isRead: boolean } & (
  { bytes: string } | { prefix: string; repeat: string; times: number; suffix: string }
);

/** Lets a reader read bytes whose readings do not matter. */
function feed(reader: FrameReader, bytes: Uint8Array): void {
  for (const _ of reader.push(bytes));
}

function open({ reader: side, medium, state, nonce = "" }: Frame): FrameReader {
  if (side === "dialler") {
    const reader = createDiallerReader(DEFAULT_LIMITS, { isOnPort: true, acceptsRaw: () => true });
    reader.expectAnswer(nonce);
    if (state === "open") feed(reader, answer(nonce));
    return reader;
  }
  const isOnPort = medium === "port";
  const reader = createListenerReader(DEFAULT_LIMITS, { isOnPort, acceptsRaw: () => true });
  if (state !== "idle") feed(reader, hello("before"));
  if (state === "cut") reader.lose();
  return reader;
}

/**
 * Reads pieces of so many bytes. A listener carries nothing out before a hello, and after the order was lost.
 */
function readAll(vector: Frame, pieceBytes: number): unknown[] {
  const reader = open(vector);
  const bytes = bytesOf(vector.bytes);
  let isOrdered = vector.state === "open";
  const found: unknown[] = [];
  const describe = (reading: Reading): unknown => {
    switch (reading.kind) {
      case "hello":
        isOrdered = true;
        return { hello: "id" in reading.message ? reading.message.id : undefined };
      case "foreign":
        return { old: reading.object };
      case "native":
        if (vector.state === "dialling" && !isOrdered) {
          isOrdered = true;
          return { answer: reading.message };
        }
        return isOrdered ? describeMessage(reading.message) : { native: true };
      case "ignored":
        // It only counts against a quota.
        return undefined;
      default:
        isOrdered = false;
        return { lost: true };
    }
  };
  for (let start = 0; start < bytes.length; start += pieceBytes)
    found.push(...[...reader.push(bytes.subarray(start, start + pieceBytes))].map(describe));
  return withoutNews(found.filter((read) => read !== undefined));
}

const isNews = (read: unknown): boolean =>
  Bun.deepEquals(read, { lost: true }) || Bun.deepEquals(read, { native: true });
const isHello = (read: unknown): boolean => isJsonObject(read) && "hello" in read;

/** The next hello makes no difference between an order that was lost before it, and one that was not. */
function withoutNews(reads: readonly unknown[]): unknown[] {
  return reads.filter((read, index) => !isNews(read) || !reads.slice(index).some(isHello));
}

function describeMessage(message: Message): unknown {
  if (message.kind !== "data") return { message };
  const { kind: _, bytes, ...place } = message;
  return { chunk: { ...place, payload: textOf(bytes) } };
}

function expected(read: Read): unknown {
  if ("message" in read) return { message: native.decode(read.message) };
  return "answer" in read ? { answer: native.decode(read.answer) } : read;
}

test.each(loadVectors<Frame>("frames.json"))("%s", (_, vector) => {
  for (const pieceBytes of [1, 2, 7, 1e9])
    expect([pieceBytes, ...readAll(vector, pieceBytes)]).toEqual([
      pieceBytes,
      ...withoutNews(vector.reads.map(expected)),
    ]);
});

test.each(loadVectors<Line>("lines.json"))("a reader takes only what is allowed: %s", (_, line) => {
  const text = "bytes" in line ? line.bytes : `${line.prefix}${line.repeat.repeat(line.times)}${line.suffix}`;
  const reader = createDiallerReader(DEFAULT_LIMITS, { isOnPort: true, acceptsRaw: () => true });
  reader.expectAnswer("n");
  feed(reader, answer("n"));
  const readings = [...reader.push(bytesOf(`${text}\n`))];
  expect(readings.some(({ kind }) => kind === "broken")).toBe(!line.isRead);
});
