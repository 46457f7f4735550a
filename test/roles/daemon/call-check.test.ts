/** The verdict on a call that is not made. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import type { Command } from "../../../src/methods/commands.ts";
import { parsePolicy } from "../../../src/policy/policy.ts";
import type { PolicyRequest } from "../../../src/policy/rule-match.ts";
import { createUserCache } from "../../../src/process/user-cache.ts";
import { checkCall, checkLocally, listLocally } from "../../../src/roles/daemon/call-check.ts";
import { rejectionOf } from "../../support/error-of.ts";

const REQUEST: PolicyRequest = {
  caller: { via: "host" },
  method: "execute",
  resource: { kind: "command", name: "x", args: ["-rf"] },
};
const ALLOW = '[[rules]]\naction = "allow"\n';

/** Knows no user, and finds the command `x` with these settings. */
function sources(command: Readonly<Record<string, unknown>> = {}) {
  const users = createUserCache((keys) => Promise.resolve(keys.map((key) => ({ problem: `no ${key}` }))));
  // The check uses the kind, the path and the user.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const found = { kind: "user", name: "x", path: "/c/x", ...command } as unknown as Command;
  return { find: () => Promise.resolve(found), users };
}

function findNothing(): Promise<Command> {
  return Promise.reject(new NegotiatorError("NO_COMMAND", "No x"));
}

test("a call that is allowed and can run has no problem", async () => {
  expect(await checkCall(parsePolicy(ALLOW), REQUEST, sources())).toEqual({
    steps: expect.any(Array),
    isAllowed: true,
    problems: [],
    warnings: [],
  });
});

test("a denied call is not looked for", async () => {
  const verdict = await checkCall(parsePolicy('[[rules]]\naction = "deny"\n'), REQUEST, {
    ...sources(),
    find: findNothing,
  });
  expect(verdict).toMatchObject({ isAllowed: false, problems: [], warnings: [] });
  expect(verdict.steps.length).toBeGreaterThan(0);
});

test("a policy that cannot be used is an error with its problem", async () => {
  const error = await rejectionOf(checkCall({ kind: "invalid", problem: "Broken" }, REQUEST, sources()));
  expect(error).toMatchObject({ code: "BAD_CONFIG", message: "Broken" });
});

test("the users of the rule and of the command are both looked for, each with its place", async () => {
  const policy = parsePolicy(`${ALLOW}user = "one"\n`);
  const { problems } = await checkCall(policy, REQUEST, sources({ user: "two" }));
  expect(problems).toHaveLength(2);
  expect(problems[0]).toStartWith("Cannot use rule 1 of the policy: ");
  expect(problems[0]).toContain("no one");
  expect(problems[1]).toStartWith("Cannot use /c/x.toml: ");
  expect(problems[1]).toContain("no two");
});

test("a built-in command has no user, and a command that is missing is a problem", async () => {
  const builtin = await checkCall(parsePolicy(ALLOW), REQUEST, sources({ kind: "builtin", user: "two" }));
  expect(builtin.problems).toEqual([]);
  const missing = await checkCall(parsePolicy(ALLOW), REQUEST, { ...sources(), find: findNothing });
  expect(missing).toMatchObject({ isAllowed: true, problems: ["No x"] });
});

test("a method without a command is not looked for", async () => {
  const request: PolicyRequest = { ...REQUEST, method: "info", resource: { kind: "none" } };
  const verdict = await checkCall(parsePolicy(ALLOW), request, { ...sources(), find: findNothing });
  expect(verdict).toMatchObject({ isAllowed: true, problems: [] });
});

test("the calls of a local user are not looked for here", async () => {
  const request: PolicyRequest = { ...REQUEST, caller: { via: "local", uid: 7 } };
  const policy = parsePolicy(`${ALLOW}users = ["*"]\n`);
  const root = { ...request, caller: { via: "local", uid: 0, name: "root" } } as const;
  expect(await checkCall(policy, root, { ...sources(), find: findNothing })).toMatchObject({
    isAllowed: true,
    problems: [],
  });
});

test("an allowed call is warned of a denying rule that other words lead around", async () => {
  const deny = '[[rules]]\naction = "deny"\ncommands = ["x"]\narguments = ["-f"]\n';
  const { warnings } = await checkCall(parsePolicy(`${deny}${ALLOW}`), REQUEST, sources());
  expect(warnings).toEqual([expect.stringContaining("joined options")]);
  expect((await checkCall({ kind: "default" }, REQUEST, sources())).warnings).toEqual([]);
});

function line(...of: Parameters<typeof checkLocally>): string | undefined {
  return checkLocally(...of).checker?.("x y");
}

test("the words about commands have the directory, the role, and the guest of a host", () => {
  expect(listLocally({ commandsDirectory: ["/a b", "/c"] })).toEqual({ lister: "ls -l '/a b' /c" });
  expect(line("guest")).toBe("negotiator guest check-policy 'x y'");
  expect(line("guest", "web1")).toBe("negotiator guest check-policy 'x y'");
  expect(line("host")).toBe("negotiator host check-policy GUEST 'x y'");
  expect(line("host", "web 1")).toBe("negotiator host check-policy 'web 1' 'x y'");
});
