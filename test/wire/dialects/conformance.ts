/** What every dialect must keep to. A dialect comes with a table of its messages and bytes; the suite does the rest. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Envelope } from "../../../src/wire/envelope.ts";
import { createFramer } from "../../../src/wire/frames/framing.ts";
import { parseJsonObject } from "../../../src/wire/json.ts";
import type { Message } from "../../../src/wire/message.ts";
import { errorOf } from "../../support/error-of.ts";

/** A message and its very bytes, with their framing. */
export type EnvelopeCase = {
  name: string;
  message: Message;
  wire: string;
  /** What it reads as, where the dialect has no room for all of the message. */
  readsAs?: Message;
};

export type EnvelopeTable = {
  name: string;
  envelope: Envelope;
  /** Other envelopes, which must not recognise any of its messages. */
  strangers: readonly Envelope[];
  cases: readonly EnvelopeCase[];
  /** Other spellings of a message, which are read but never written. */
  spellings: readonly { name: string; wire: string; message: Message }[];
  /** Messages that the dialect has no words for. */
  unsayable: readonly Message[];
  /** Frames, without their framing, that are no message of the dialect. */
  unreadable: readonly string[];
};

/** A busy machine takes longer for messages of 1 MiB that are cut at hundreds of places. */
setDefaultTimeout(240_000);

const encoder = new TextEncoder();
/** Wide enough for every case; the limits have tests of their own. */
const LIMITS = { lineBytes: 4 * 1024 * 1024, lengthPrefixedBytes: 4 * 1024 * 1024 };
/** Longer frames are cut at this many places, spread evenly, and near both ends at every byte. */
const CUTS = 512;

/** Declares the tests of one dialect. */
export function describeEnvelope(table: EnvelopeTable): void {
  const { name: dialect, envelope, strangers, cases, spellings, unsayable, unreadable } = table;
  const readable = [
    ...cases.map(({ name, wire, message, readsAs = message }) => ({ name, wire, message: readsAs })),
    ...spellings,
  ];

  describe(`the ${dialect} envelope`, () => {
    describe("writes", () => {
      test.each(cases.map((row) => [row.name, row] as const))("%s in its very bytes", (_, row) => {
        expect(new TextDecoder().decode(envelope.encode(row.message))).toBe(row.wire);
      });
      test.each(unsayable.map((message) => [message.kind, message] as const))(
        "no %s, which it has no words for",
        (_, message) => expect(errorOf(() => envelope.encode(message)).code).toBe("UNSUPPORTED"),
      );
    });

    describe("reads", () => {
      test.each(readable.map((row) => [row.name, row] as const))("%s whole", (_, { wire, message }) => {
        const bytes = encoder.encode(wire);
        expect(readAll(envelope, [bytes])).toEqual([message]);
      });
      test.each(readable.map((row) => [row.name, row] as const))(
        "%s byte by byte",
        (_, { wire, message }) => {
          const bytes = encoder.encode(wire);
          const pieces = Array.from(bytes, (_byte, index) => bytes.subarray(index, index + 1));
          expect(readAll(envelope, pieces)).toEqual([message]);
        },
      );
      test.each(readable.map((row) => [row.name, row] as const))("%s cut in two", (_, { wire, message }) => {
        const bytes = encoder.encode(wire);
        for (const cut of cutsOf(bytes.length)) {
          const read = readAll(envelope, [bytes.subarray(0, cut), bytes.subarray(cut)]);
          if (!Bun.deepEquals(read, [message])) expect({ cut, read }).toEqual({ cut, read: [message] });
        }
      });
      test("all its messages one behind the other", () => {
        const bytes = encoder.encode(readable.map(({ wire }) => wire).join(""));
        expect(readAll(envelope, [bytes])).toEqual(readable.map(({ message }) => message));
      });
      test.each(unreadable)("no %s", (text) => {
        expect(errorOf(() => envelope.decode(parseJsonObject(encoder.encode(text)))).code).toBe("BAD_FRAME");
      });
    });

    test("is the only one that recognises each of its messages", () => {
      for (const { name, wire } of readable) {
        const object = parseJsonObject(encoder.encode(wire.slice(wire.indexOf("{")).trim()));
        const knowers = [envelope, ...strangers].filter((candidate) => candidate.recognises(object));
        expect([name, knowers]).toEqual([name, [envelope]]);
      }
    });
  });
}

function readAll(envelope: Envelope, pieces: readonly Uint8Array[]): Message[] {
  const framer = createFramer(LIMITS);
  const frames = pieces.flatMap((piece) => [...framer.push(piece)]);
  return frames.map((frame) => {
    if (frame.kind === "fault") throw frame.error;
    return envelope.decode(parseJsonObject(frame.bytes));
  });
}

function cutsOf(length: number): number[] {
  const all = Array.from({ length: length + 1 }, (_, cut) => cut);
  if (length <= CUTS * 4) return all;
  const stride = Math.floor(length / 16);
  return all.filter((cut) => cut < 64 || cut > length - 64 || cut % stride === 0);
}
