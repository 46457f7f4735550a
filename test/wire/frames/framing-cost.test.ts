/** An endless frame costs bounded memory, and work in proportion to its bytes. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { heapStats } from "bun:jsc";
import { createFramer } from "../../../src/wire/frames/framing.ts";
import { processorMsOf } from "../../support/processor-time.ts";

/** A busy machine needs long for hundreds of megabytes. */
setDefaultTimeout(240_000);

const MIB = 1024 * 1024;
const LIMITS = { lineBytes: MIB, lengthPrefixedBytes: 16 * MIB };
const FILLER = new Uint8Array(64 * 1024).fill(0x78);
const BEGINNINGS = { line: '{"a":"', object: '99999999999\n{"a":"' } as const;
type Beginning = keyof typeof BEGINNINGS;

function push(beginning: Beginning, bytes: number, pieceBytes: number): number {
  const framer = createFramer(LIMITS);
  const start = new TextEncoder().encode(BEGINNINGS[beginning]);
  const piece = FILLER.subarray(0, pieceBytes);
  let frames = [...framer.push(start)].length;
  for (let sent = 0; sent < bytes; sent += pieceBytes) frames += [...framer.push(piece)].length;
  return frames;
}

const names = Object.keys(BEGINNINGS).filter((name): name is Beginning => Object.hasOwn(BEGINNINGS, name));

describe.each(names)("an endless frame (%s)", (beginning) => {
  test(`an endless ${beginning} of 100 MiB holds no more memory than its limit`, () => {
    const framer = createFramer(LIMITS);
    expect([...framer.push(new TextEncoder().encode(BEGINNINGS[beginning]))]).toEqual([]);
    const before = heldBytes();
    let most = 0;
    for (let sent = 0; sent < 100 * MIB; sent += FILLER.length) {
      expect([...framer.push(FILLER)].length).toBeLessThan(2);
      if (sent % (4 * MIB) === 0) most = Math.max(most, heldBytes() - before);
    }
    expect(heldBytes() - before).toBeLessThan(4 * MIB);
    expect(most).toBeLessThan(3 * LIMITS.lengthPrefixedBytes);
    expect([...framer.push(new TextEncoder().encode('"}\n{"b":1}\n'))].at(-1)?.kind).toBe("message");
  });

  test(`an endless ${beginning} in single bytes holds no more memory than its limit`, () => {
    const framer = createFramer({ lineBytes: 64 * 1024, lengthPrefixedBytes: 64 * 1024 });
    expect([...framer.push(new TextEncoder().encode(BEGINNINGS[beginning]))]).toEqual([]);
    const before = heldBytes();
    let faults = 0;
    for (let sent = 0; sent < 2 * MIB; sent++) faults += [...framer.push(FILLER.subarray(0, 1))].length;
    expect(faults).toBeLessThan(2);
    expect(heldBytes() - before).toBeLessThan(4 * MIB);
  });

  test.each([
    [1, 256 * 1024],
    [64 * 1024, 12 * MIB],
  ])(`an endless ${beginning} in pieces of %i bytes costs work in proportion`, (pieceBytes, bytes) => {
    const twice = processorMsOf(() => push(beginning, 2 * bytes, pieceBytes));
    const once = processorMsOf(() => push(beginning, bytes, pieceBytes));
    expect(twice / once).toBeLessThan(3);
  });

  test(`an endless ${beginning} is reported at most once`, () => {
    const frames = push(beginning, 20 * MIB, 64 * 1024);
    expect(frames).toBe(beginning === "object" ? 1 : 0);
  });
});

test("1000 faults share one error, and frames that are not asked for are not cut", () => {
  const framer = createFramer(LIMITS);
  const faults = [...framer.push(new TextEncoder().encode("1\n".repeat(1000)))];
  expect(faults).toHaveLength(999);
  expect(new Set(faults.map((frame) => frame.kind === "fault" && frame.error)).size).toBe(1);
  let seen = 0;
  for (const _ of framer.push(new TextEncoder().encode("1\n".repeat(1000)))) if (++seen === 3) break;
  expect([...framer.push(new TextEncoder().encode("{}\n"))]).toMatchObject([{ kind: "message" }]);
});

function heldBytes(): number {
  Bun.gc(true);
  const { heapSize, extraMemorySize } = heapStats();
  return heapSize + extraMemorySize;
}
