/** Splitting one string into words as a POSIX shell does; checked against a real shell too. */
import { expect, test } from "bun:test";
import { splitWords } from "../../../src/roles/cli/shell-words.ts";
import { errorOf } from "../../support/error-of.ts";
import { runProcess } from "../../support/program-run.ts";

test.each([
  ["", []],
  [" \t\n ", []],
  ["ls", ["ls"]],
  ["  ls   -l\t/tmp\n", ["ls", "-l", "/tmp"]],
  [`a 'b c' "d e"`, ["a", "b c", "d e"]],
  [`a''b ""c`, ["ab", "c"]],
  [`'' ""`, ["", ""]],
  [String.raw`a\ b \"c\" \\`, ["a b", `"c"`, "\\"]],
  [String.raw`'a\b' "a\b" "\"\\\$\x"`, ["a\\b", "a\\b", `"\\$\\x`]],
  [`"it's" 'say "x"'`, ["it's", `say "x"`]],
  [`x=$HOME $(id) * ; | & > # ~ {a,b}`, ["x=$HOME", "$(id)", "*", ";", "|", "&", ">", "#", "~", "{a,b}"]],
  [`"line\none" 'two\nlines'`, ["line\none", "two\nlines"]],
  [`grün "🦀 x" \\🦀`, ["grün", "🦀 x", "🦀"]],
  ["--help -e '--'", ["--help", "-e", "--"]],
  ["\u0000\u001b", ["\u0000\u001b"]],
])("%j is split into %j", (text, words) => {
  expect(splitWords(text)).toEqual(words);
});

test.each([
  ["'", "the quote '"],
  ['say "hello', 'the quote "'],
  [String.raw`"ends \"`, 'the quote "'],
  ["it's a 'b c' d", "the quote '"],
  ["trailing \\", "a backslash"],
  ["\u001b[31m'", "\\x1b[31m'"],
])("%j is refused: %s has no end", (text, part) => {
  const error = errorOf(() => splitWords(text));
  expect(error.code).toBe("BAD_USAGE");
  expect(error.message).toContain(part);
  expect(error.message).not.toContain("\u001b");
});

test("a backslash before a line end joins the lines, except within single quotes", () => {
  expect(splitWords('"a\\\nb"')).toEqual(["ab"]);
  expect(splitWords("a\\\nb \\\n c\\\n")).toEqual(["ab", "c"]);
  expect(splitWords("'a\\\nb'")).toEqual(["a\\\nb"]);
});

test("a real shell splits random strings without special characters in the same way", async () => {
  const texts = [
    String.raw`a 'b c' "d\"e" f\ g`,
    String.raw`''x"y"'z' \\ "\a"`,
    "one\ttwo   three",
    '"a\\\nb" \'c\\\nd\' "e\nf"',
    "a\\\nb \\\n c",
  ];
  for (const text of texts) {
    const { stdout } = await runProcess(["/bin/sh", "-c", `set -f; printf '%s\\0' ${text}`]);
    expect({ text, words: splitWords(text) }).toEqual({ text, words: stdout.split("\0").slice(0, -1) });
  }
});
