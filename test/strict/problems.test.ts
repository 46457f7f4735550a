/** Problems in plain words: what each kind of schema needs, and what is there instead. */
import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { parseStrictToml } from "../../src/strict/strict.ts";
import { errorOf } from "../support/error-of.ts";

/** The lines about the values of a text, without the first line. */
function problemsOf(text: string, schema: v.GenericSchema): string[] {
  const { message } = errorOf(() => parseStrictToml(schema, text, "x.toml"));
  return message.replace("Cannot use x.toml:\n  ", "").split("\n  ");
}

describe("a wrong value is reported with what its key needs, for", () => {
  const Path = v.pipe(v.string(), v.startsWith("/"), v.maxLength(9));
  const PATH = 'an absolute path, such as "/path"';
  const Whole = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
  test.each<[string, v.GenericSchema, [text: string, problem: string][]]>([
    [
      "text",
      v.string(),
      [
        ["1", 'must be text; this is 1; write: key = "1"'],
        ["{}", "must be text; this is a table"],
        ["07:32:00", "must be text; this is a date or time"],
      ],
    ],
    [
      "text with a pattern",
      v.pipe(v.string(), v.regex(/^x$/)),
      [
        ['"y"', 'the text "y" is not allowed'],
        ["1", 'must be text; this is 1; write: key = "1"'],
      ],
    ],
    ["text with its own message", v.pipe(v.string(), v.regex(/^x$/, "not an x")), [['"y"', "not an x"]]],
    [
      "text that must not be empty",
      v.pipe(v.string(), v.minLength(1)),
      [['""', "at least 1 character is needed; this has 0"]],
    ],
    [
      "an absolute path",
      Path,
      [
        ['"etc"', `must be ${PATH}; this is the text "etc"`],
        ["true", `must be ${PATH}; this is true`],
        ['"/123456789"', "at most 9 characters are allowed; this has 10"],
      ],
    ],
    [
      "a path or nothing",
      v.union([v.literal(""), Path]),
      [
        ['"etc"', `must be "" or ${PATH}; this is the text "etc"`],
        ["[]", `must be "" or ${PATH}; this is a list`],
      ],
    ],
    [
      "a uuid",
      v.pipe(v.string(), v.uuid(), v.toLowerCase()),
      [['"x"', 'must be a uuid, such as "123e4567-e89b-12d3-a456-426614174000"; this is the text "x"']],
    ],
    [
      "true or false",
      v.boolean(),
      [
        ["1", "must be true or false; this is 1"],
        ["{ a = 1 }", "must be true or false; this is a table"],
        ["[[true]]", "must be true or false; this is a list"],
      ],
    ],
    [
      "one of two words",
      v.picklist(["yes", "no"]),
      [
        ['"on"', 'must be "yes" or "no"; this is the text "on"'],
        ["{ yes = 1 }", 'must be "yes" or "no"; this is a table'],
      ],
    ],
    [
      "one of three words",
      v.picklist(["yes", "no", "auto"]),
      [["1", 'must be one of "yes", "no", "auto"; this is 1']],
    ],
    ["a list of paths", v.array(Path), [['"x"', 'must be a list, such as ["/path"]; this is the text "x"']]],
    ["a list of numbers", v.array(v.number()), [["1", "must be a list, such as [1]; this is 1"]]],
    [
      "a list that must not be empty",
      v.pipe(v.array(v.string()), v.minLength(1)),
      [["[]", "at least 1 item is needed; this has 0"]],
    ],
    [
      "a list with a maximum",
      v.pipe(v.array(v.string()), v.maxLength(1)),
      [["['a', 'b']", "at most 1 item is allowed; this has 2"]],
    ],
    [
      "any number",
      v.number(),
      [
        ["'x'", 'must be a number; this is the text "x"'],
        ["nan", "must be a number; this is NaN"],
      ],
    ],
    ["a finite number", v.pipe(v.number(), v.finite()), [["-inf", "must be a number; this is -Infinity"]]],
    [
      "a number with a minimum and a maximum",
      v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(9)),
      [
        ["9.5", "must be a number from 0 to 9; this is 9.5"],
        ["inf", "must be a number from 0 to 9; this is Infinity"],
        ["''", 'must be a number from 0 to 9; this is the text ""'],
      ],
    ],
    [
      "a number above a bound",
      v.pipe(v.number(), v.gtValue(0), v.maxValue(9)),
      [["0", "must be a number above 0 and up to 9; this is 0"]],
    ],
    [
      "a number with a maximum",
      v.pipe(v.number(), v.maxValue(9)),
      [["10", "must be a number of 9 or less; this is 10"]],
    ],
    [
      "a whole number with a minimum",
      Whole,
      [
        ["0", "must be a whole number of 1 or more; this is 0"],
        ["1.5", "must be a whole number of 1 or more; this is 1.5"],
        ["1e300", "must be a whole number of 1 or more; this is 1e+300"],
      ],
    ],
    [
      "a whole number with two minimums",
      v.pipe(Whole, v.minValue(128)),
      [["1", "must be a whole number of 128 or more; this is 1"]],
    ],
    ["a type without words", v.date(), [["1", "must be another value; this is 1"]]],
  ])("a wrong value for %s is reported with what is needed", (_, schema, rows) => {
    for (const [text, problem] of rows) {
      const optional = v.strictObject({ key: v.optional(schema) });
      const mark = problem.startsWith("must be") ? "" : ":";
      expect(problemsOf(`key = ${text}`, optional)).toEqual([`line 1: key${mark} ${problem}`]);
    }
  });

  test("a missing key names what its value must be", () => {
    const schema = v.strictObject({
      path: Path,
      table: v.strictObject({}),
      list: v.array(v.strictObject({})),
    });
    expect(problemsOf("", schema)).toEqual([
      `line 1: path is missing; it must be ${PATH}`,
      "line 1: table is missing; it must be a table, such as [table]",
      "line 1: list is missing; it must be a list of tables, such as [[list]]",
    ]);
  });
});
