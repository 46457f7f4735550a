/** docs/TROUBLESHOOTING.md quotes only error texts that the source can produce. */
import { describe, expect, test } from "bun:test";
import { quotedMessages } from "./support/documents.ts";
import { createMessageCheck, findTexts } from "./support/source-texts.ts";
import { readSourceTree } from "./support/source-tree.ts";

const isMessage = createMessageCheck((await readSourceTree(["src"])).map(({ text }) => text));
const quoted = quotedMessages();

test("docs/TROUBLESHOOTING.md quotes at least thirty messages, each once", () => {
  const messages = quoted.map(({ message }) => message);
  expect(messages.length).toBeGreaterThan(30);
  expect(new Set(messages).size).toBe(messages.length);
});

describe("the source can produce the message", () => {
  test.each(quoted.filter(({ isOurs }) => isOurs).map(({ message }) => message))("%s", (message) => {
    expect(isMessage(message)).toBe(true);
  });
});

describe("the check for messages", () => {
  const check = createMessageCheck([
    'fail(`Cannot open "${path}": ${condition}`); const condition = "it is " + "locked";',
    "fail(`${who} has ${count} of ${most(`${x} apples`)}: ${why}`);",
  ]);

  test.each(['Cannot open "/a b": it is locked', "it is locked", "root has 3 of 4: locked"])(
    "accepts what the source produces: %s",
    (message) => {
      expect(check(message)).toBe(true);
    },
  );

  test.each(['Cannot open "/a": it is gone', "Cannot shut it", "Cannot open", "root has 3 red of 4: x"])(
    "refuses what the source does not produce: %s",
    (message) => {
      expect(check(message)).toBe(false);
    },
  );

  test("joins strings that a plus sign joins, and marks each value of a template", () => {
    expect(findTexts('f("a " +\n  "b", `c ${g("d")} e`); // "no"')).toEqual(["a b", "c \0 e", "d"]);
  });
});
