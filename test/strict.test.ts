/** Every problem in a file is named, with its place and what is allowed there. */
import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { checkStrict, parseStrictToml } from "../src/strict.ts";
import { errorOf } from "./support/error-of.ts";

const SCHEMA = v.strictObject({
  name: v.optional(v.string()),
  limits: v.optional(
    v.strictObject({
      timeoutMs: v.optional(v.pipe(v.number(), v.minValue(0))),
      mode: v.picklist(["a", "b"]),
    }),
  ),
  rule: v.optional(
    v.array(v.pipe(v.strictObject({ guest: v.string(), deny: v.optional(v.boolean()) }), v.readonly())),
  ),
  paths: v.optional(v.array(v.string())),
});

function problemsOf(text: string): string[] {
  const error = errorOf(() => parseStrictToml(SCHEMA, text, "x.toml"));
  expect(error.code).toBe("BAD_CONFIG");
  const [head, ...problems] = error.message.split("\n");
  expect(head).toBe("Cannot use x.toml:");
  return problems.map((problem) => problem.replace(/^ {2}/, ""));
}

test("a good text is read", () => {
  const text = '\ufeffname = "x"\r\n[limits]\r\nmode = "b"\r\n[[rule]]\r\nguest = "web*"\r\n';
  expect(parseStrictToml(SCHEMA, text, "x.toml")).toEqual({
    name: "x",
    limits: { mode: "b" },
    rule: [{ guest: "web*" }],
  });
  expect(parseStrictToml(SCHEMA, "# nothing\n", "x.toml")).toEqual({});
});

test("all problems are listed at once, each with its place and what is allowed there", () => {
  const text = `
    nmae = 1
    name = 2
    [limits]
    timeoutMs = -1
    mode = "c"
    [[rule]]
    guest = "web"
    [[rule]]
    guest = true
    dney = true
    [lmits]
  `;
  const problems = problemsOf(text);
  expect(problems).toEqual([
    "name: Invalid type: Expected string but received 2",
    "limits.timeoutMs: Invalid value: Expected >=0 but received -1",
    'limits.mode: Invalid type: Expected ("a" | "b") but received "c"',
    "rule 2: guest: Invalid type: Expected string but received true",
    "rule 2: dney: unknown key; allowed here: guest, deny",
    "nmae: unknown key; allowed here: name, limits, rule, paths",
  ]);
});

test.each([
  ["a missing key", "[limits]", 'limits.mode: Invalid key: Expected "mode" but received undefined'],
  ["a value for a table", "limits = 3", "limits: Invalid type: Expected Object but received 3"],
  ["a table for a list", "[rule]\nguest = 1", "rule: Invalid type: Expected Array but received Object"],
  ["an item that is no table", 'rule = ["web"]', 'rule 1: Invalid type: Expected Object but received "web"'],
  ["an item of a list", 'paths = ["a", 1]', "path 2: Invalid type: Expected string but received 1"],
  [
    "a key that looks like a place in a list",
    "[limits]\nmode = 'a'\n0 = 1",
    "limits.0: unknown key; allowed here: timeoutMs, mode",
  ],
  ["a prototype", "[__proto__]\nname = 1", "__proto__: unknown key; allowed here: name, limits, rule, paths"],
  [
    "an inherited name",
    "constructor = 1",
    "constructor: unknown key; allowed here: name, limits, rule, paths",
  ],
])("%s", (_, text, problem) => {
  expect(problemsOf(text)).toEqual([problem]);
});

test.each([
  ["a table that is not closed", "[limits"],
  ["a text that is not closed", 'name = "x'],
  ["a key twice", 'name = "x"\nname = "y"'],
  ["a key without a value", "name ="],
  ["bytes that are no text", "\u0000\ufffd"],
  ["JSON", '{ "name": "x" }'],
])("%s is no TOML, and its one problem is one line", (_, text) => {
  const [problem = "", ...others] = problemsOf(text);
  expect(others).toEqual([]);
  expect(problem).not.toBe("");
  expect(problem).not.toContain("TOML Parse error");
});

describe("hostile text", () => {
  test.each([
    ["a key", '"x\\u001b[31m\\ny" = 1'],
    ["a value", '[limits]\nmode = "x\\u001b[31m\\ny"'],
    ["a key twice", '"x\\u001b[31m\\ny" = 1\n"x\\u001b[31m\\ny" = 1'],
  ])("in %s is shown escaped, on its own line", (_, text) => {
    const problems = problemsOf(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain("x\\x1b[31m\\ny");
  });

  test("in the name of the file is shown escaped", () => {
    const { message } = errorOf(() => checkStrict(v.string(), 1, "a\u001b\nb"));
    expect(message).toBe("Cannot use a\\x1b\\nb:\n  the file: Invalid type: Expected string but received 1");
  });

  test("a prototype in a file reaches no other object", () => {
    problemsOf("[__proto__]\npolluted = true\n[limits.__proto__]\npolluted = true");
    expect({}).not.toHaveProperty("polluted");
  });
});
