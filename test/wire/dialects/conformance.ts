/** The tests that every dialect must pass, made from a table of its messages and their bytes. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { createObjectFramer } from "../../../src/peers/object-framer.ts";
import type { Envelope } from "../../../src/wire/envelope.ts";
import { parseJsonObject } from "../../../src/wire/json.ts";
import type { Message } from "../../../src/wire/message.ts";
import { errorOf } from "../../support/error-of.ts";

/** A message and its bytes with their framing. */
export type EnvelopeCase = {
  name: string;
  message: Message;
  wire: string;
  /** The message that its bytes decode to, if the dialect cannot carry all of it. */
  readsAs?: Message;
};

/** The messages of a dialect. */
export type EnvelopeTable = {
  name: string;
  envelope: Envelope;
  /** Other envelopes, which must not recognise any of its messages. */
  others: readonly Envelope[];
  cases: readonly EnvelopeCase[];
  /** Bytes that decode to a message, but are not what the dialect writes for it. */
  spellings: readonly { name: string; wire: string; message: Message }[];
  /** Messages that the dialect cannot carry. */
  unencodable: readonly Message[];
  /** Objects that are not messages of the dialect. */
  unreadable: readonly string[];
  /** Reads messages from pieces of bytes. Without it, objects that begin a line are read. */
  read?: (pieces: readonly Uint8Array[]) => Message[];
};

/** A busy machine needs long for messages of 1 MiB that are cut at hundreds of places. */
setDefaultTimeout(240_000);

const encoder = new TextEncoder();
const LIMITS = { lineBytes: 4 * 1024 * 1024, lengthPrefixedBytes: 4 * 1024 * 1024 };
/** Cutting a long frame at every byte takes too long, so it is cut at this many places and near both ends. */
const CUTS = 512;

/** Declares the tests of one dialect. */
export function describeEnvelope(table: EnvelopeTable): void {
  const { name: dialect, envelope, others, cases, spellings, unencodable, unreadable } = table;
  const read = table.read ?? ((pieces) => readObjects(envelope, pieces));
  const readable = [
    ...cases.map(({ name, wire, message, readsAs = message }) => ({ name, wire, message: readsAs })),
    ...spellings,
  ];

  describe(`the ${dialect} envelope`, () => {
    describe("writes", () => {
      test.each(cases.map((row) => [row.name, row] as const))(
        `${dialect}: encoding %s gives its exact bytes`,
        (_, row) => {
          expect(new TextDecoder().decode(envelope.encode(row.message))).toBe(row.wire);
        },
      );
      test.each(unencodable.map((message) => [message.kind, message] as const))(
        `${dialect}: encoding the message kind %s throws UNSUPPORTED`,
        (_, message) => expect(errorOf(() => envelope.encode(message)).code).toBe("UNSUPPORTED"),
      );
    });

    describe("reads", () => {
      test.each(readable.map((row) => [row.name, row] as const))(
        `${dialect}: the whole bytes of %s decode to the message`,
        (_, { wire, message }) => {
          const bytes = encoder.encode(wire);
          expect(read([bytes])).toEqual([message]);
        },
      );
      test.each(readable.map((row) => [row.name, row] as const))(
        `${dialect}: %s, received byte by byte, decodes to the message`,
        (_, { wire, message }) => {
          const bytes = encoder.encode(wire);
          const pieces = Array.from(bytes, (_byte, index) => bytes.subarray(index, index + 1));
          expect(read(pieces)).toEqual([message]);
        },
      );
      test.each(readable.map((row) => [row.name, row] as const))(
        `${dialect}: %s, cut in two at any byte, decodes to the message`,
        (_, { wire, message }) => {
          const bytes = encoder.encode(wire);
          for (const cut of cutsOf(bytes.length)) {
            const found = read([bytes.subarray(0, cut), bytes.subarray(cut)]);
            if (!Bun.deepEquals(found, [message])) expect({ cut, found }).toEqual({ cut, found: [message] });
          }
        },
      );
      test(`${dialect}: all messages in one piece of bytes decode in order`, () => {
        const bytes = encoder.encode(readable.map(({ wire }) => wire).join(""));
        expect(read([bytes])).toEqual(readable.map(({ message }) => message));
      });
      test.each(unreadable)(`${dialect}: decoding %s throws BAD_FRAME`, (text) => {
        expect(errorOf(() => envelope.decode(parseJsonObject(encoder.encode(text)))).code).toBe("BAD_FRAME");
      });
    });

    test(`${dialect}: each message is recognised by its own envelope only`, () => {
      for (const { name, wire } of readable) {
        const object = parseJsonObject(encoder.encode(wire.slice(wire.indexOf("{")).trim()));
        const recognisers = [envelope, ...others].filter((candidate) => candidate.recognises(object));
        expect([name, recognisers]).toEqual([name, [envelope]]);
      }
    });
  });
}

function readObjects(envelope: Envelope, pieces: readonly Uint8Array[]): Message[] {
  const framer = createObjectFramer(LIMITS);
  const objects = pieces.flatMap((piece) => [...framer.push(piece)]);
  return objects.map((object) => {
    if (object instanceof NegotiatorError) throw object;
    return envelope.decode(object);
  });
}

function cutsOf(length: number): number[] {
  const all = Array.from({ length: length + 1 }, (_, cut) => cut);
  if (length <= CUTS * 4) return all;
  const stride = Math.floor(length / 16);
  return all.filter((cut) => cut < 64 || cut > length - 64 || cut % stride === 0);
}
