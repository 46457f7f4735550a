/** The lines of keys in TOML of every form. */
import { expect, test } from "bun:test";
import { findKeyLines } from "../../src/strict/key-lines.ts";

const TEXT = `\ufeff# first
name = "x" # a comment
log.level = "info"

[host] # table
"quoted key" = 1
list = [
  "a", # [comment]
  '''
b]''',
  { deep = 1,
    deeper = [1,
      2] },
]
after = """
[no.table]
x = 1 \\""" """
  [ a . 'b' ]
c.d = 1979-05-27T07:32:00Z
[[rules]]
x = 1
[[rules]]
x = { y = "}]" }
[rules.sub]
z = 1
[[rules.inner]]
w = 1
[[rules.inner]]
w = 2
`.replaceAll("\n", "\r\n");

test.each([
  [["name"], 2],
  [["log"], 3],
  [["log", "level"], 3],
  [["host"], 5],
  [["host", "quoted key"], 6],
  [["host", "list"], 7],
  [["host", "list", 0], 8],
  [["host", "list", 1], 9],
  [["host", "list", 2], 11],
  [["host", "list", 2, "deep"], 11],
  [["host", "list", 2, "deeper"], 12],
  [["host", "list", 2, "deeper", 1], 13],
  [["host", "after"], 15],
  [["a"], 18],
  [["a", "b"], 18],
  [["a", "b", "c", "d"], 19],
  [["rules", 0], 20],
  [["rules", 0, "x"], 21],
  [["rules", 1], 22],
  [["rules", 1, "x", "y"], 23],
  [["rules", 1, "sub", "z"], 25],
  [["rules", 1, "inner", 0, "w"], 27],
  [["rules", 1, "inner", 1], 28],
  [["rules", 1, "inner", 1, "w"], 29],
])("the key %j is on line %d", (keys, line) => {
  expect(findKeyLines(TEXT)(keys)).toBe(line);
});

test.each([
  ["a missing key has the line of its table", ["host", "absent"], 5],
  ["a missing key of a list's table has the line of that table", ["rules", 1, "absent"], 22],
  ["a missing key at the top has line 1", ["absent"], 1],
  ["the whole file has line 1", [], 1],
])("%s", (_, keys, line) => {
  expect(findKeyLines(TEXT)(keys)).toBe(line);
});

test.each(["a = [", "a = {", "[[[", "[a", "= = =", '"', "'''", "a = ]]", "a", "}", "a=[,,,]"])(
  "a text that is not TOML, such as %j, does not hold the scanner",
  (text) => {
    expect(findKeyLines(text)(["b"])).toBe(1);
  },
);

test("a key behind ten thousand others has no line", () => {
  const text = Array.from({ length: 10_001 }, (_, index) => `k${index} = 1\n`).join("");
  expect(findKeyLines(text)(["k0"])).toBe(1);
  expect(findKeyLines(text)(["k10000"])).toBeUndefined();
});
