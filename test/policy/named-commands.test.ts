/** The commands that a policy names. */
import { expect, test } from "bun:test";
import { namesCommand } from "../../src/policy/named-commands.ts";
import { DEFAULT_POLICY, denyAll, parsePolicy } from "../../src/policy/policy.ts";

test("a policy names the commands of all its rules, and no others that its patterns match", () => {
  const policy = parsePolicy(
    '[[rules]]\naction = "deny"\ncommands = ["wipe-disk", "halt-*"]\n[[rules]]\naction = "allow"\n',
  );
  expect(namesCommand(policy, "wipe-disk")).toBe(true);
  expect(namesCommand(policy, "halt-now")).toBe(false);
  expect(namesCommand(policy, "other")).toBe(false);
});

test.each([DEFAULT_POLICY, denyAll("a mistake")])("a policy without rules names no command", (policy) => {
  expect(namesCommand(policy, "wipe-disk")).toBe(false);
});
