/** The command line of `bun run mutate`. */
import { expect, test } from "bun:test";
import { isIn, MUTATE_HELP, parseMutateOptions } from "../../../scripts/mutate/options.ts";

const DEFAULTS = {
  seed: undefined,
  count: 100,
  only: undefined,
  isDrawn: false,
  isList: false,
  isJson: false,
  isHelp: false,
};

test.each<[string[], object]>([
  [[], {}],
  [["--seed", "7", "--count=10"], { seed: 7, count: 10 }],
  [["--only", "policy"], { only: "src/policy" }],
  [["--only", "./src/policy/"], { only: "src/policy" }],
  [["--only=src/wire/json.ts"], { only: "src/wire/json.ts" }],
  [["--drawn"], { isDrawn: true }],
  [["--list", "--json"], { isList: true, isJson: true }],
  [["-h"], { isHelp: true }],
])("the words %j give the options %j", (words, changes) => {
  expect(parseMutateOptions(words)).toEqual({ ...DEFAULTS, ...changes });
});

test.each([
  [["--seed"], "option --seed needs a whole number from 0"],
  [["--seed", "x"], 'option --seed needs a whole number from 0, not "x"'],
  [["--count", "0"], 'option --count needs a whole number from 1, not "0"'],
  [["--count", "1.5"], 'option --count needs a whole number from 1, not "1.5"'],
  [["--only", ""], "option --only needs a file or a folder, such as src/policy"],
  [["--list=yes"], 'unknown option "--list" with a value (see --help)'],
  [["policy"], 'unknown word "policy" (see --help)'],
])("the words %j are refused: %s", (words, message) => {
  expect(() => parseMutateOptions(words)).toThrow(message);
});

test.each([
  ["src/policy/glob.ts", undefined, true],
  ["src/policy/glob.ts", "src/policy", true],
  ["src/policy/glob.ts", "src/policy/glob.ts", true],
  ["src/policy/glob.ts", "src/pol", false],
  ["src/policy/glob.ts", "src/wire", false],
])("the file %s is in %p: %p", (file, only, expected) => {
  expect(isIn(file, only)).toBe(expected);
});

test("the help names each option", () => {
  for (const name of ["--seed", "--count", "--only", "--drawn", "--list", "--json", "--help"])
    expect(MUTATE_HELP).toContain(name);
});
