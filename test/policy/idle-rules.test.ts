/** Rules that never decide. */
import { expect, test } from "bun:test";
import { findIdleRules, isEmptyPolicy } from "../../src/policy/idle-rules.ts";
import { DEFAULT_POLICY, parsePolicy } from "../../src/policy/policy.ts";

const KNOWN = { commands: ["check-process", "find-disk-usage"], methods: ["execute", "info"] };

function idleOf(rules: string, known = KNOWN): string[] {
  return findIdleRules(parsePolicy(rules), known, { path: "/p.toml", seeAll: "SEE" });
}

test.each<[rule: string, text: string]>([
  [
    'action = "allow"\ncommands = ["chek-process"]',
    'rule 1 of /p.toml names the command "chek-process", and there is none, so it never matches a call\n' +
      'Did you mean "check-process"? See all: SEE',
  ],
  [
    'action = "allow"\ncommands = ["check-process", "uptime"]',
    'rule 1 of /p.toml names the command "uptime", and there is none\nCorrect it. See all: SEE',
  ],
  [
    'action = "allow"\ncommands = ["backup-*"]',
    'rule 1 of /p.toml names commands "backup-*", and none fits, so it never matches a call\n' +
      "Correct it. See all: SEE",
  ],
  ['action = "deny"\ncommands = ["find-disk-usag"]', 'Did you mean "find-disk-usage"? See all: SEE'],
  ['action = "allow"\nmethods = ["exeucte"]', 'Did you mean "execute"?'],
  ['action = "allow"\nmethods = ["guest-*"]', "Correct it. There are: execute, info"],
])("the rule %j is named", (rule, text) => {
  expect(idleOf(`[[rules]]\n${rule}\n`)).toEqual([expect.stringContaining(text)]);
});

test.each([
  'action = "allow"\ncommands = ["find-*", "check\\\\-process"]\nmethods = ["exec*"]',
  'action = "deny"\ncommands = ["rm", "backup-*"]',
  'action = "allow"\nusers = ["alice"]\ncommands = ["of-the-other-side"]',
])("the rule %j is fine", (rule) => {
  expect(idleOf(`[[rules]]\n${rule}\n`)).toEqual([]);
});

test("commands that are not known are not judged", () => {
  const rule = '[[rules]]\naction = "allow"\ncommands = ["x"]\n';
  expect(
    findIdleRules(parsePolicy(rule), { ...KNOWN, commands: undefined }, { path: "/p", seeAll: "" }),
  ).toEqual([]);
});

test("a rule behind one without conditions never decides, unless it is about local users", () => {
  const all = '[[rules]]\naction = "allow"\n';
  const users = '[[rules]]\naction = "deny"\nusers = ["mallory"]\n';
  expect(idleOf(`${all}[[rules]]\naction = "deny"\ncommands = ["find-disk-usage"]\n${users}`)).toEqual([
    "rule 2 of /p.toml never decides, because rule 1 of /p.toml decides every call\n" +
      "Move it in front of that rule, or remove it",
  ]);
});

test("a policy is empty with comments only, and not without a file", () => {
  expect(isEmptyPolicy(parsePolicy("# [[rules]]\n"))).toBe(true);
  expect(isEmptyPolicy(parsePolicy('[[rules]]\naction = "deny"\n'))).toBe(false);
  expect(isEmptyPolicy(DEFAULT_POLICY)).toBe(false);
});
