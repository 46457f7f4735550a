/** The memory of answers for old callers: what each has in any case, and what all share. */
import { expect, test } from "bun:test";
import { createAnswerMemory } from "../../src/peers/answer-memory.ts";

const FREE = 256 * 1024;

test("each answer has 256 KiB in any case, and all together the limit beyond that", () => {
  const memory = createAnswerMemory(1000);
  const [first, second] = [memory.open(), memory.open()];
  expect([first.take(FREE), first.take(600), first.take(401)]).toEqual([true, true, false]);
  expect([second.take(FREE), second.take(401), second.take(400), second.take(1)]).toEqual([
    true,
    false,
    true,
    false,
  ]);
});

test("a disposed answer gives its memory back once, and takes no more", () => {
  const memory = createAnswerMemory(1000);
  const first = memory.open();
  expect(first.take(FREE + 1000)).toBe(true);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  expect(first.take(1)).toBe(false);
  const second = memory.open();
  expect([second.take(FREE + 1000), second.take(1)]).toEqual([true, false]);
});
