/** An endless frame costs bounded memory, and work in proportion to its bytes. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { createDiallerReader } from "../../../src/wire/frames/dialler-reader.ts";
import { createListenerReader } from "../../../src/wire/frames/listener-reader.ts";
import type { FrameReader } from "../../../src/wire/frames/listener-reader.ts";
import { growthOf, heldBytes } from "../../support/held-bytes.ts";
import { costInRunsOf } from "../../support/processor-time.ts";
import { answer, hello, readPieces, WHOLE } from "./torn-frames.ts";

/** A busy machine needs long for hundreds of megabytes. */
setDefaultTimeout(240_000);

const MIB = 1024 * 1024;
const LIMITS = { lineBytes: MIB, lengthPrefixedBytes: 16 * MIB };
const SMALL_LIMITS = { lineBytes: 64 * 1024, lengthPrefixedBytes: 64 * 1024 };
const FILLER = new Uint8Array(64 * 1024).fill(0x78);
const CHUNK =
  '{"jsonrpc":"2.0","seq":1,"method":"stream.data","params":' +
  '{"call":"c","stream":"s","offset":0,"bytes":65536,"crc32":1}}\n';

const openListener = (limits = LIMITS): FrameReader => {
  const reader = createListenerReader(limits, { isOnPort: true, acceptsRaw: () => true });
  readPieces(reader, hello("n"), WHOLE);
  return reader;
};
/** Each begins a frame that takes the filler, or gives up in it. */
const OPEN: Readonly<Record<string, (limits?: typeof LIMITS) => FrameReader>> = {
  line: (limits) => begin(openListener(limits), '{"jsonrpc":"2.0","a":"'),
  "line before the first hello": (limits = LIMITS) =>
    begin(createListenerReader(limits, { isOnPort: true, acceptsRaw: () => true }), '{"jsonrpc":"2.0","a":"'),
  request: (limits) => begin(openListener(limits), '99999999999\n{"method": "'),
  "request within the limit": (limits = LIMITS) =>
    begin(openListener(limits), `${limits.lengthPrefixedBytes}\n{"method": "`),
  hello: (limits) => begin(openListener(limits), '{"method": "negotiate:'),
  chunk: (limits) => begin(openListener(limits), CHUNK),
  answer(limits = LIMITS) {
    const reader = createDiallerReader(limits, { isOnPort: true, acceptsRaw: () => true });
    reader.expectAnswer("nonce");
    return begin(reader, '\n{"jsonrpc":"2.0","id":"nonce","result":{"a":"');
  },
  "flood of no answer"(limits = LIMITS) {
    const reader = createDiallerReader(limits, { isOnPort: true, acceptsRaw: () => true });
    reader.expectAnswer("nonce");
    return reader;
  },
  "line to a dialler"(limits = LIMITS) {
    const reader = createDiallerReader(limits, { isOnPort: true, acceptsRaw: () => true });
    reader.expectAnswer("new9");
    readPieces(reader, answer("new9"), WHOLE);
    return begin(reader, '{"jsonrpc":"2.0","a":"');
  },
};

function begin(reader: FrameReader, text: string): FrameReader {
  readPieces(reader, Buffer.from(text), WHOLE);
  return reader;
}

function push(open: () => FrameReader, bytes: number, pieceBytes: number): number {
  const reader = open();
  let readings = 0;
  for (let sent = 0; sent < bytes; sent += pieceBytes)
    readings += [...reader.push(FILLER.subarray(0, pieceBytes))].length;
  return readings;
}

describe.each(Object.entries(OPEN))("an endless %s", (name, open) => {
  test(`an endless ${name} of 60 MiB holds no more memory than its limit, and is reported once`, () => {
    let leastPeak = Infinity;
    const take60MiB = (reader: FrameReader): void => {
      const before = heldBytes();
      let peak = 0;
      let readings = 0;
      for (let sent = 0; sent < 60 * MIB; sent += FILLER.length) {
        readings += [...reader.push(FILLER)].length;
        if (sent % (4 * MIB) === 0) peak = Math.max(peak, heldBytes() - before);
      }
      expect(readings).toBeLessThan(2);
      leastPeak = Math.min(leastPeak, peak);
    };
    expect(growthOf(open, take60MiB, 4 * MIB)).toBeLessThan(4 * MIB);
    expect(leastPeak).toBeLessThan(3 * LIMITS.lengthPrefixedBytes);
  });

  test(`an endless ${name} in single bytes holds no more memory than its limit`, () => {
    const takeSingleBytes = (reader: FrameReader): void => {
      let readings = 0;
      for (let sent = 0; sent < MIB / 2; sent++) readings += [...reader.push(FILLER.subarray(0, 1))].length;
      expect(readings).toBeLessThan(2);
    };
    expect(growthOf(() => open(SMALL_LIMITS), takeSingleBytes, 4 * MIB)).toBeLessThan(4 * MIB);
  });

  test.each([
    [16, 64 * 1024, 8],
    [64 * 1024, 3 * MIB, 4],
  ])(`an endless ${name} in pieces of %i bytes costs work in proportion`, (pieceBytes, bytes, times) => {
    const runs = costInRunsOf(
      () => push(open, bytes, pieceBytes),
      () => push(open, times * bytes, pieceBytes),
    );
    // Work that grows with the square of the bytes would take 64 or 16 times as long.
    expect(runs).toBeLessThan(times === 8 ? 24 : 8);
  });
});

test("1000 lengths without requests are ignored, and one torn chunk is one reading", () => {
  const reader = createListenerReader(LIMITS, { isOnPort: true, acceptsRaw: () => true });
  expect(readPieces(reader, Buffer.from("1\n".repeat(1000)), WHOLE)).toEqual([]);
  expect(readPieces(openListener(), Buffer.from(`${CHUNK}${"x".repeat(70_000)}\n`), 100)).toEqual([
    "broken BAD_FRAME",
  ]);
});

test("readings that are not asked for are not made", () => {
  const reader = openListener();
  let seen = 0;
  const pings = '{"jsonrpc":"2.0","method":"session.ping"}\n'.repeat(1000);
  for (const _ of reader.push(Buffer.from(pings))) if (++seen === 3) break;
  reader.reset();
  expect([seen, readPieces(reader, hello("m"), 7)]).toEqual([3, ["hello m"]]);
});
