/** Lines of a limited length. */
import { expect, test } from "bun:test";
import { createLineCutter } from "../../../src/wire/frames/line.ts";
import { createMemory } from "../../../src/wire/memory.ts";

const textOf = (found: Uint8Array | undefined): string => Buffer.from(found ?? []).toString();
const bytes = (text: string): Buffer => Buffer.from(text);

test("a line in one piece is a part of it, and a line in two pieces has a buffer alone", () => {
  const cutter = createLineCutter(10);
  const { line, ...one } = cutter.take(bytes("ab\ncd"));
  expect([textOf(line), one]).toEqual(["ab", { taken: 3 }]);
  expect([cutter.take(bytes("cd")), cutter.hasBegun, textOf(cutter.peek())]).toEqual([
    { taken: 2 },
    true,
    "cd",
  ]);
  const { line: second, ...two } = cutter.take(bytes("e\nf"));
  expect([textOf(second), two]).toEqual(["cde", { taken: 2, isAlone: true }]);
  expect([cutter.hasBegun, cutter.peek().length]).toEqual([false, 0]);
  expect(cutter.take(bytes("\n"))).toEqual({ taken: 1, line: Buffer.alloc(0) });
});

test.each([
  ["one piece", ["abcd\n", "abcde\n", "ab\n"]],
  ["two pieces", ["abc", "d\n", "ab", "cde\n", "a", "b\n"]],
])("in %s, a line of the limit is cut, a longer one is refused, and the next one is cut", (_, pieces) => {
  const cutter = createLineCutter(4);
  const steps = pieces.map((piece) => cutter.take(bytes(piece)));
  expect(steps.map(({ taken }) => taken)).toEqual(pieces.map(({ length }) => length));
  const ends = steps.flatMap(
    ({ line, refused }) => refused?.code ?? (line === undefined ? [] : textOf(line)),
  );
  expect(ends).toEqual(["abcd", "TOO_LARGE", "ab"]);
});

test("a line that was dropped does not come back", () => {
  const cutter = createLineCutter(10);
  cutter.take(bytes("old"));
  cutter.drop();
  expect(cutter.hasBegun).toBe(false);
  expect(textOf(cutter.take(bytes("new\n")).line)).toBe("new");
});

test("a begun line that gave way to other memory is refused at its end, with another reason", () => {
  const memory = createMemory(10_000);
  const cutter = createLineCutter(10_000, memory.open());
  cutter.take(bytes("a".repeat(900)));
  memory.limit(10);
  const { refused, line } = cutter.take(bytes("b\n"));
  expect(line).toBeUndefined();
  expect(refused).toBeDefined();
  expect(refused?.message).not.toBe(createLineCutter(1).take(bytes("ab\n")).refused?.message);
  expect(memory.bytes).toBe(0);
});
