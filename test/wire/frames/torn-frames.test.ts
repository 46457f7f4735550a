/** Behind every tear of every frame the next hello or answer is found, and nothing is misread. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { createDiallerReader } from "../../../src/wire/frames/dialler-reader.ts";
import { createListenerReader } from "../../../src/wire/frames/listener-reader.ts";
import type { FrameReader } from "../../../src/wire/frames/listener-reader.ts";
import { HELLO_OPENING } from "../../../src/wire/frames/openings.ts";
import { native } from "../../../src/wire/dialects/native.ts";
import { chunk, FORGED, FRESH, hello, readPieces, TORN, WHOLE } from "./torn-frames.ts";

/** A busy machine needs long for thousands of tears. */
setDefaultTimeout(240_000);

const LIMITS = { lineBytes: 64_000, lengthPrefixedBytes: 64_000 };
const FIRST = native.encode({ kind: "request", seq: 1, id: "a", method: "m", params: {} });
const CHUNK = chunk(Buffer.from("bytes"), 2);
/** A new session's first frames, and what is read of them. */
const NEXT = Buffer.concat([FRESH.hello, FIRST, CHUNK]);
const READ = ["hello new9", "native request 1", "native data 2"];

const torn = Object.entries(TORN).map(([name, bytes]) => [name, Buffer.from(bytes)] as const);
const join = (...parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);
/** The sizes of pieces for one cut. Single bytes take long, so they are tried at every seventh cut. */
const sizes = (cut: number): number[] => (cut % 7 === 0 ? [1, 5, WHOLE] : [WHOLE]);
const cuts = (bytes: Uint8Array): number[] => Array.from({ length: bytes.length + 1 }, (_, cut) => cut);

const openFresh = (): FrameReader => createListenerReader(LIMITS, { isOnPort: true, acceptsRaw: () => true });
const openOrdered = (): FrameReader => {
  const reader = openFresh();
  readPieces(reader, hello("before"), WHOLE);
  return reader;
};
const openCut = (): FrameReader => {
  const reader = openOrdered();
  reader.lose();
  return reader;
};
const LISTENERS = { fresh: openFresh, "in order": openOrdered, "that lost the order": openCut } as const;

/** Whether nothing but the whole frame itself was read before the expected readings. */
const isClean = (found: readonly string[], expected: readonly string[], isWhole: boolean): boolean =>
  Bun.deepEquals(found.slice(-expected.length), [...expected]) &&
  (isWhole ||
    found
      .slice(0, -expected.length)
      .every((reading) => reading.startsWith("broken") || reading === "native unknown -"));

describe.each(Object.entries(LISTENERS))("a listener %s", (state, open) => {
  test.each(torn)("finds the hello behind a %s that is cut off at any byte", (_frame, bytes) => {
    for (const cut of cuts(bytes)) {
      for (const pieceBytes of sizes(cut)) {
        const found = readPieces(open(), join(bytes.subarray(0, cut), NEXT), pieceBytes);
        const isWhole = cut >= bytes.length - 1;
        if (!isClean(found, READ, isWhole))
          expect({ cut, pieceBytes, found }).toEqual({ cut, pieceBytes, found: READ });
      }
    }
  });

  // A listener that is in order has read all bytes since the hello.
  test.each(state === "in order" ? [] : torn)(
    "misreads nothing when it begins inside a %s, at any byte",
    (_frame, bytes) => {
      for (const cut of cuts(bytes)) {
        for (const pieceBytes of sizes(cut)) {
          const found = readPieces(open(), join(bytes.subarray(cut), NEXT), pieceBytes);
          // A hello is found without its length, and an answer begins with a line end.
          const isWhole = cut <= Math.max(bytes.indexOf("\n\n{") + 2, bytes.indexOf("{") === 1 ? 1 : 0);
          if (!isClean(found, READ, isWhole))
            expect({ cut, pieceBytes, found }).toEqual({ cut, pieceBytes, found: READ });
        }
      }
    },
  );

  test.each(torn)("finds the hello behind half of a %s with every split of the reads", (_frame, bytes) => {
    const half = bytes.subarray(0, Math.floor(bytes.length / 2));
    const all = join(half, NEXT);
    const start = half.length;
    const reach = 12 + HELLO_OPENING.length;
    for (let first = start; first <= start + reach; first++) {
      for (let second = first; second <= start + reach; second++) {
        const reader = open();
        const pieces = [all.subarray(0, first), all.subarray(first, second), all.subarray(second)];
        const found = pieces.flatMap((piece) => readPieces(reader, piece, WHOLE));
        if (!isClean(found, READ, false))
          expect({ first, second, found }).toEqual({ first, second, found: READ });
      }
    }
  });
});

describe("the checksum of a raw chunk", () => {
  test("a hello whose length completes a torn chunk is not taken for its end", () => {
    const whole = chunk(Buffer.from("0123456789"));
    const length = FRESH.hello.indexOf(0x0a);
    const kept = whole.subarray(0, whole.length - 1 - length);
    for (const pieceBytes of [1, 7, WHOLE]) {
      const found = readPieces(openOrdered(), join(kept, NEXT), pieceBytes);
      expect(found).toEqual(["broken BAD_FRAME", ...READ]);
    }
  });

  test("a listener on a port refuses a raw chunk with a wrong checksum, or without one", () => {
    const whole = Buffer.from(CHUNK).toString("latin1").replace('"seq":2', '"seq":1');
    const wrong = whole.replace(/"crc32":\d+/, '"crc32":1');
    const none = whole.replace(/,"crc32":\d+/, "");
    expect(readPieces(openOrdered(), Buffer.from(whole, "latin1"), WHOLE)).toEqual(["native data 1"]);
    for (const bytes of [wrong, none])
      expect(readPieces(openOrdered(), Buffer.from(bytes, "latin1"), WHOLE)[0]).toBe("broken BAD_FRAME");
  });
});

describe("a listener on a socket", () => {
  test("a payload on a socket may hold anything, and needs no checksum", () => {
    const line =
      '{"jsonrpc":"2.0","seq":1,"method":"stream.data","params":{"call":"c","stream":"s","offset":0,' +
      `"bytes":${FORGED.length}}}\n`;
    const bytes = join(hello("first"), Buffer.from(line), FORGED, Buffer.from("\n"), FIRST);
    // A dialler sends nothing behind its hello before the answer, so the hello has its own read at least.
    const reader = createListenerReader(LIMITS, { isOnPort: false, acceptsRaw: () => true });
    const found = [
      readPieces(reader, hello("first"), 1),
      readPieces(reader, bytes.subarray(hello("first").length), 7),
    ];
    expect(found.flat()).toEqual(["hello first", "native data 1", "native request 1"]);
  });
});

describe("a dialler", () => {
  const welcomed = join(FRESH["hello answer"], FIRST);
  const LEGACY = Buffer.from('63\n{"success": false, "error": "Method negotiate:new9 not supported"}');
  const answers = [
    ["an answer", welcomed, ["native result -", "native request 1"]],
    ["a python-negotiator's answer", LEGACY, ["foreign false"]],
  ] as const;
  /** A whole object of an old peer is read, because an old peer may send several before it understands. */
  const WHOLE_BEFORE: Readonly<Record<string, string>> = {
    "legacy call": "foreign execute",
    "legacy result": "foreign true",
  };

  describe.each(answers)("finds %s", (_, bytes, expected) => {
    test.each(torn)(
      "behind a %s that is cut off at any byte, and behind its end from any byte",
      (frame, other) => {
        const whole = other.subarray(other.indexOf("\n") - 1);
        for (const cut of cuts(other)) {
          for (const before of [other.subarray(0, cut), other.subarray(cut)]) {
            // A digit of its length is enough.
            const isWhole = before.indexOf(whole) !== -1;
            const extra = isWhole ? WHOLE_BEFORE[frame] : undefined;
            const readings = extra === undefined ? [...expected] : [extra, ...expected];
            for (const pieceBytes of sizes(cut)) {
              const reader = createDiallerReader(LIMITS, { isOnPort: true, acceptsRaw: () => true });
              reader.expectAnswer("new9");
              // An old peer's answer has no line end before it, but its length stands alone on a line.
              const found = readPieces(reader, join(before, bytes), pieceBytes);
              if (!Bun.deepEquals(found, readings))
                expect({ cut, pieceBytes, found }).toEqual({ cut, pieceBytes, found: readings });
            }
          }
        }
      },
    );
  });

  test("a dialler finds the answer with every split of the reads, and reads raw chunks behind it", () => {
    const all = join(Buffer.from('torn {"a'), FRESH["hello answer"], FIRST, CHUNK);
    for (let first = 0; first <= all.length; first++) {
      const reader = createDiallerReader(LIMITS, { isOnPort: true, acceptsRaw: () => true });
      reader.expectAnswer("new9");
      const found = [all.subarray(0, first), all.subarray(first)].flatMap((piece) =>
        readPieces(reader, piece, WHOLE),
      );
      if (found.length !== 3) expect({ first, found }).toEqual({ first, found: [] });
    }
  });

  test("a dialler reads nothing before its first hello, and nothing after a hello on another channel", () => {
    const reader = createDiallerReader(LIMITS, { isOnPort: true, acceptsRaw: () => true });
    expect(readPieces(reader, welcomed, 7)).toEqual([]);
    reader.expectAnswer("new9");
    expect(readPieces(reader, join(welcomed, Buffer.from("{")), 7)).toHaveLength(2);
    reader.reset();
    expect(readPieces(reader, FIRST, 7)).toEqual([]);
    reader.expectAnswer("other");
    expect(readPieces(reader, welcomed, 7)).toEqual([]);
  });
});
