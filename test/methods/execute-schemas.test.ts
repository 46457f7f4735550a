/** The parameters of `execute` that no JSON can carry, but a caller in this process can. */
import { expect, test } from "bun:test";
import * as v from "valibot";
import { ExecuteParams } from "../../src/methods/execute-schemas.ts";

test.each(["\ud800", "a\udfff", "\udc00\ud800"])("half of a surrogate pair in %j is refused", (arg) => {
  const { success, issues } = v.safeParse(ExecuteParams, { command: "x", args: ["fine", arg] });
  expect({ success, message: issues?.[0].message }).toEqual({
    success: false,
    message: "an argument cannot hold half of a surrogate pair",
  });
});

test.each(["\ufffd", "🦀", "\u{10ffff}"])("the argument %j is accepted", (arg) => {
  expect(v.safeParse(ExecuteParams, { command: "x", args: [arg] }).success).toBe(true);
});
