/** The error for a wrong word: a guess for a long one, all words for a short one. */
import { expect, test } from "bun:test";
import { usageError } from "../../../src/roles/cli/usage.ts";

const ALLOWED = ["status", "execute", "ps"];

test.each<[string | undefined, string, string]>([
  ["stauts", 'unknown subcommand "stauts"', 'Did you mean "status"?'],
  ["pss", 'unknown subcommand "pss"', 'Did you mean "ps"?'],
  ["pp", 'unknown subcommand "pp"', "Use one of: status, execute, ps"],
  ["\u001bnothing", 'unknown subcommand "\\x1bnothing"', "Use one of: status, execute, ps"],
  [undefined, "missing subcommand", "Use one of: status, execute, ps"],
])("the word %p is %s, with the remedy %s", (word, problem, hint) => {
  const { code, message } = usageError("subcommand", word, ALLOWED, "HELP");
  expect([code, ...message.split("\n")]).toEqual(["BAD_USAGE", problem, hint, "Read the help: HELP"]);
});
