/** The warnings about rules that deny arguments which can be written in another way. */
import { expect, test } from "bun:test";
import { parsePolicy } from "../../src/policy/policy.ts";
import { findWalkArounds, findWalkAroundsOf } from "../../src/policy/walk-arounds.ts";

function denying(...patterns: readonly string[]) {
  return parsePolicy(
    `[[rules]]\naction = "deny"\ncommands = ["x"]\narguments = ${JSON.stringify(patterns)}\n`,
  );
}

test.each<[pattern: string, way: string]>([
  ["-f", 'joined options such as "-xf"; deny "-*f*"'],
  ["-f*", 'joined options such as "-xf"'],
  ["--force", 'a shorter form such as "--forc"'],
  ["--output=*", 'a shorter form such as "--outpu"'],
  ["/etc/shadow", 'a path has other forms, such as "/./etc/shadow" or a link'],
  ["\\-f", "joined options"],
])("the pattern %j can be walked around: %s", (pattern, way) => {
  expect(findWalkArounds(denying(pattern))).toEqual([expect.stringContaining(way)]);
});

test.each(["-*f*", "stop", "*shadow*", "--*", "...", "*"])("the pattern %j gets no warning", (pattern) => {
  expect(findWalkArounds(denying(pattern))).toEqual([]);
});

test("a rule that allows gets no warning, and neither does no policy", () => {
  expect(findWalkArounds(parsePolicy('[[rules]]\naction = "allow"\narguments = ["-f"]\n'))).toEqual([]);
  expect(findWalkArounds({ kind: "default" })).toEqual([]);
});

test("a call is warned of earlier rules that differ from it in arguments only", () => {
  const rules = ["x", "y"].map(
    (name) => `[[rules]]\naction = "deny"\ncommands = ["${name}"]\narguments = ["-f"]\n`,
  );
  const policy = parsePolicy(`${rules.join("")}[[rules]]\naction = "allow"\n`);
  const request = {
    caller: { via: "host" },
    method: "execute",
    resource: { kind: "command", name: "x", args: ["-rf"] },
  } as const;
  expect(findWalkAroundsOf(policy, request, 3)).toEqual([expect.stringContaining('rule 1 denies "-f"')]);
});
