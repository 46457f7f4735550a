/** Command lines without a role: the lines that the error offers. */
import { expect, test } from "bun:test";
import { roleForgotten } from "../../../src/roles/cli/role-forgotten.ts";

test.each<[string[], string[]]>([
  [
    ["status", "--json"],
    [
      "Put the role first, on the host: negotiator host status --json",
      "In a guest: negotiator guest status --json",
    ],
  ],
  [
    ["execute", "web1", "a b"],
    [
      "Put the role first, on the host: negotiator host execute web1 'a b'",
      "In a guest, without a guest's name: negotiator guest execute COMMAND [ARG...]",
    ],
  ],
  [
    ["list-commands", "web1"],
    [
      "Put the role first, on the host: negotiator host list-commands web1",
      "In a guest, without a guest's name: negotiator guest list-commands",
    ],
  ],
  [["list-guests"], ["Put the role first, on the host: negotiator host list-guests"]],
])("the words %j get lines with a role", (words, remedy) => {
  const { code, message } = roleForgotten(words);
  const problem = `unknown role or option "${words[0]}"`;
  expect([code, ...message.split("\n")]).toEqual(["BAD_USAGE", problem, ...remedy]);
});
