/** How much of the time of a piece its unneeded messages are charged. */
import { expect, test } from "bun:test";
import { estimateUnneeded } from "../../src/peers/unneeded-cost.ts";

const PIECE = { messages: 2, bytes: 65_536, unneeded: 1, unneededBytes: 302, unsized: 0 };

test.each<[string, number, Partial<typeof PIECE>, number]>([
  ["no unneeded message", 20, { unneeded: 0, unneededBytes: 0 }, 0],
  ["a short one beside a long message, in a slow piece", 20, {}, 0.09],
  ["a short one beside a long message, in a fast piece", 0.2, {}, 0.001],
  ["only unneeded messages, in a fast piece", 4, { messages: 1, unneededBytes: 65_536 }, 4],
  ["only unneeded messages, in a slow piece", 40, { messages: 1, unneededBytes: 65_536 }, 13.14],
  ["one without a known length, in a slow piece", 40, { unsized: 1, unneededBytes: 0 }, 13.14],
  ["the end of a message of a mebibyte", 12, { messages: 1, unneededBytes: 1024 * 1024 }, 12],
])("%s", (_, ms, counts, expected) => {
  expect(estimateUnneeded(ms, { ...PIECE, ...counts })).toBeCloseTo(expected, 2);
});
