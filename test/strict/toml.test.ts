/** A syntax error of TOML has its place and plain words, and nothing else of the text. */
import { expect, test } from "bun:test";
import { parseToml } from "../../src/strict/toml.ts";
import { errorOf } from "../support/error-of.ts";

const COLON = '":" stands where "=" is needed; write: key = value';
const BAD_KEY = "after a key = is needed, as in key = 1; or the key needs quotation marks";

test.each([
  ["a = 1\nb: 2\n", `line 2, column 2: ${COLON}`],
  ["a = 1\n\n  b : 2\n", `line 3, column 5: ${COLON}`],
  ["a b = 2\n", `line 1, column 3: ${BAD_KEY}`],
  [":\n=1\n", `line 1, column 1: ${COLON}`],
  ["a = :\n", "line 1, column 5: a value is missing or unknown; text needs quotation marks"],
  ["a = 1\na = 2\n", "line 2, column 1: this key or table is already defined"],
  [`a = ${"[".repeat(64)}${"]".repeat(64)}\n`, undefined],
  [`a = ${"[".repeat(65)}${"]".repeat(65)}\n`, "lists or tables are nested too deeply"],
])("the text %j has the problem %p", (text, problem) => {
  if (problem === undefined) expect(parseToml(text, "file")).toHaveProperty("a");
  else
    expect(errorOf(() => parseToml(text, "/etc/\u001bx", "Correct it"))).toMatchObject({
      code: "BAD_CONFIG",
      message: expect.stringMatching(/^Cannot use \/etc\/\\x1bx: line \d+, column \d+: [^\n]+\nCorrect it$/),
    });
  if (problem !== undefined) expect(errorOf(() => parseToml(text, "file")).message).toContain(problem);
});

test("an error without a remedy has one line, and no part of the text", () => {
  const { message } = errorOf(() => parseToml("secret value\n", "file"));
  expect(message).toBe(`Cannot use file: line 1, column 8: ${BAD_KEY}`);
});
