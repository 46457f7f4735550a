import { expect, test } from "bun:test";
import { holdsOpening } from "../../../src/wire/frames/openings.ts";

const NATIVE = '{"jsonrpc":"2.0"';
const HELLO = '{"method": "negotiate:';

test("finds each opening, and a digit before an object, in bytes that look alike", () => {
  const parts = [
    '{"',
    "\n",
    "5",
    " ",
    "\t",
    "\r",
    "x",
    NATIVE,
    HELLO,
    NATIVE.slice(0, 9),
    HELLO.slice(0, 20),
  ];
  const counts = { yes: 0, no: 0 };
  for (let seed = 1; seed <= 20_000; seed++) {
    const text = pick(parts, seed).join("");
    const expected = text.includes(NATIVE) || text.includes(HELLO) || /\d[ \t\r]*\n\{"/.test(text);
    counts[expected ? "yes" : "no"]++;
    expect([text, holdsOpening(Buffer.from(text))]).toEqual([text, expected]);
  }
  expect(Math.min(counts.yes, counts.no)).toBeGreaterThan(1000);
});

test("finds an opening after many objects", () => {
  const objects = '{"a":1}'.repeat(100);
  expect(holdsOpening(Buffer.from(objects))).toBe(false);
  for (const opening of [NATIVE, HELLO, '7 \n{"'])
    expect(holdsOpening(Buffer.from(`${objects}${opening}`))).toBe(true);
});

/** Up to nine parts, the same for the same seed. The rare ones are those that hold a whole opening. */
function pick(parts: readonly string[], seed: number): string[] {
  let state = seed;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
  return Array.from({ length: 1 + next(9) }, () => parts[next(8) === 0 ? next(parts.length) : next(7)] ?? "");
}
