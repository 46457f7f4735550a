/** Rules about the guest agent's commands: paths, modes, commands that are off without a rule. */
import { describe, expect, test } from "bun:test";
import { DEFAULT_POLICY, decide, denyAll, mayCall, parsePolicy } from "../../src/policy/policy.ts";
import { findUnconditional } from "../../src/policy/unconditional.ts";

const caller = { via: "host" } as const;

const POLICY = parsePolicy(`
[[rules]]
action = "deny"
methods = ["guest-exec"]
paths = ["**/sh"]

[[rules]]
action = "allow"
methods = ["guest-exec"]
paths = ["/usr/bin/*"]
arguments = ["-l", "..."]

[[rules]]
action = "allow"
methods = ["guest-file-open"]
paths = ["/var/log/**"]
arguments = ["r"]

[[rules]]
action = "deny"
methods = ["guest-get-users"]

[[rules]]
action = "allow"
methods = ["guest-get-*"]
`);

test.each<[method: string, path: string, args: readonly string[], isAllowed: boolean]>([
  ["guest-exec", "/usr/bin/ls", ["-l", "/"], true],
  ["guest-exec", "/usr/bin/ls", ["/"], false],
  ["guest-exec", "/usr/bin/sh", ["-l"], false],
  ["guest-exec", "/usr/bin/sub/ls", ["-l"], false],
  ["guest-exec", "/opt/ls", ["-l"], false],
  ["guest-file-open", "/var/log/a/b", ["r"], true],
  ["guest-file-open", "/var/log/a/b", ["w"], false],
  ["guest-file-open", "/var/logs", ["r"], false],
])("%s of %s with %j: %p", (method, path, args, isAllowed) => {
  const decision = decide(POLICY, { caller, method, resource: { kind: "path", path, args } });
  expect(decision.allowed).toBe(isAllowed);
});

function allowsVariables(rules: string, variables: readonly string[]): boolean {
  const resource = { kind: "path", path: "/a", args: [], variables } as const;
  return decide(parsePolicy(rules), { caller, method: "guest-exec", resource }).allowed;
}

test("a rule that allows paths or arguments allows no variables, which make any program do anything", () => {
  const allow = '[[rules]]\naction = "allow"\n';
  for (const condition of ['paths = ["/a"]', "arguments = []", 'paths = ["/**"]\narguments = ["..."]']) {
    expect(allowsVariables(`${allow}${condition}\n`, [])).toBe(true);
    expect(allowsVariables(`${allow}${condition}\n`, ["LD_PRELOAD"])).toBe(false);
  }
  expect(allowsVariables(`${allow}methods = ["guest-exec"]\n`, ["LD_PRELOAD"])).toBe(true);
  expect(allowsVariables(`[[rules]]\naction = "deny"\npaths = ["/a"]\n${allow}`, ["LANG"])).toBe(false);
});

test("a rule about commands does not fit a path, and a rule about paths does not fit a command", () => {
  const rules = parsePolicy(
    '[[rules]]\naction = "allow"\ncommands = ["*"]\n[[rules]]\naction = "allow"\npaths = ["/a"]\n',
  );
  const args: readonly string[] = [];
  const allows = (resource: Parameters<typeof decide>[1]["resource"]): boolean =>
    decide(rules, { caller, method: "m", resource }).allowed;
  expect(allows({ kind: "path", path: "/b", args })).toBe(false);
  expect(allows({ kind: "path", path: "/a", args })).toBe(true);
  expect(allows({ kind: "command", name: "b", args })).toBe(true);
  expect(allows({ kind: "none" })).toBe(false);
});

describe("whether a method may ever be called", () => {
  test.each([
    ["guest-exec", true],
    ["guest-file-open", true],
    ["guest-get-time", true],
    ["guest-get-users", false],
    ["guest-shutdown", false],
  ])("%s: %p", (method, may) => {
    expect(mayCall(POLICY, { caller, method }, false)).toBe(may);
  });

  test("without a policy, a method that needs a rule may not", () => {
    expect(mayCall(DEFAULT_POLICY, { caller, method: "guest-exec" }, true)).toBe(false);
    expect(mayCall(DEFAULT_POLICY, { caller, method: "guest-get-time" }, false)).toBe(true);
    expect(mayCall(denyAll("broken"), { caller, method: "guest-get-time" }, false)).toBe(false);
  });

  test("for one path", () => {
    for (const [path, may] of [
      ["/var/log/x", true],
      ["/etc/shadow", false],
    ] as const) {
      const resource = { kind: "path", path, args: ["r"] } as const;
      expect(mayCall(POLICY, { caller, method: "guest-file-open", resource }, true)).toBe(may);
    }
  });
});

test("a rule that allows everything is reported, and no other rule", () => {
  const conditions = ['methods = ["x"]', 'paths = ["/x"]', "arguments = []", 'users = ["x"]', ""];
  const rules = conditions.map((condition) => `[[rules]]\naction = "allow"\n${condition}\n`);
  expect(findUnconditional(parsePolicy(`${rules.join("")}[[rules]]\naction = "deny"\n`))).toEqual([
    expect.stringContaining("rule 5 allows everything"),
  ]);
  expect(findUnconditional(DEFAULT_POLICY)).toEqual([]);
});
