/** Rules about local users, and who else they match. */
import { describe, expect, test } from "bun:test";
import { decide, denyAll, explain, parsePolicy } from "../../src/policy/policy.ts";
import type { PolicyRequest } from "../../src/policy/rule-match.ts";
import { call, denies, fits } from "../support/policy-requests.ts";

const ALICE = { via: "local", uid: 1000, name: "alice", groups: ["alice", "ops"] } as const;

function localCall(
  command: string,
  args: string[] = [],
  caller: PolicyRequest["caller"] = ALICE,
): PolicyRequest {
  return { ...call(command, args), caller, target: { guest: "web1" } };
}

describe("rules about local users", () => {
  const policy = parsePolicy(`
    [[rules]]
    action = "deny"
    users = ["mallory"]
    [[rules]]
    action = "allow"
    groups = ["ops", "db-*"]
    guests = ["web*"]
    commands = ["restart"]
    arguments = ["nginx"]
    timeoutSeconds = 5
    concurrency = 2
    rate = "6/hour"
    [[rules]]
    action = "allow"
    commands = ["uptime"]
  `);

  test("decide on a user by name and group, called guest, command and arguments, with their limits", () => {
    expect(decide(policy, localCall("restart", ["nginx"]))).toEqual({
      allowed: true,
      rule: 2,
      timeoutMs: 5000,
      concurrency: 2,
      rate: { calls: 6, perMs: 3_600_000 },
    });
    expect(decide(policy, localCall("restart", ["sshd"]))).toMatchObject({
      allowed: false,
      rule: "no-match",
    });
    expect(decide(policy, { ...localCall("restart", ["nginx"]), target: { guest: "db1" } }).allowed).toBe(
      false,
    );
    const mallory = { ...ALICE, name: "mallory" };
    expect(decide(policy, localCall("restart", ["nginx"], mallory))).toMatchObject({
      allowed: false,
      rule: 1,
    });
    const bob = { ...ALICE, name: "bob", groups: ["bob"] };
    expect(decide(policy, localCall("restart", ["nginx"], bob)).allowed).toBe(false);
  });

  test("match no peer, and rules without users or groups match no local user", () => {
    expect(decide(policy, call("restart", ["nginx"]))).toMatchObject({ rule: "no-match" });
    expect(decide(policy, call("uptime"))).toMatchObject({ allowed: true, rule: 3 });
    expect(decide(policy, localCall("uptime"))).toMatchObject({ rule: "no-match" });
    const all = parsePolicy('[[rules]]\naction = "allow"\nusers = ["*"]\n');
    expect(decide(all, { ...call("x"), caller: { via: "host" } }).allowed).toBe(false);
    expect(decide(all, call("x")).allowed).toBe(false);
    expect(decide(all, localCall("x")).allowed).toBe(true);
  });

  test("root always may, and without such rules every local user may", () => {
    const nobody = parsePolicy('[[rules]]\naction = "deny"\nusers = ["*"]\n');
    expect(decide(nobody, localCall("x", [], { via: "local", uid: 0, name: "root" })).allowed).toBe(true);
    expect(decide(nobody, localCall("x")).allowed).toBe(false);
    const others = parsePolicy('[[rules]]\naction = "deny"\n');
    expect(decide(others, localCall("x"))).toEqual({ allowed: true, rule: "default" });
    expect(decide(denyAll("broken"), localCall("x"))).toMatchObject({ allowed: false, rule: "invalid" });
    expect(decide(denyAll("broken"), localCall("x", [], { via: "local", uid: 0 })).allowed).toBe(true);
  });

  test("a user whose name or groups are not known fits rules that deny, and none that allow", () => {
    const unknown = { via: "local", uid: 4711 } as const;
    expect(denies('users = ["mallory"]', localCall("x", [], unknown))).toBe(true);
    expect(denies('groups = ["guests"]', localCall("x", [], unknown))).toBe(true);
    expect(fits('users = ["*"]', localCall("x", [], unknown))).toBe(false);
    expect(fits('groups = ["*"]', localCall("x", [], unknown))).toBe(false);
    expect(fits('users = ["*"]', localCall("x", [], { via: "local" }))).toBe(false);
  });

  test("a group can be given by its number, and a wildcard does not match numbers", () => {
    const bob = { via: "local", uid: 1001, name: "bob", groups: ["bob"], groupIds: [1001, 4242] } as const;
    const fitsBob = (rule: string): boolean => fits(rule, localCall("x", [], bob));
    expect([fitsBob('groups = ["1001"]'), fitsBob('groups = ["4242"]')]).toEqual([true, true]);
    expect(denies('groups = ["4242"]', localCall("x", [], bob))).toBe(true);
    expect(["424", "42*", "0", "04242"].map((group) => fitsBob(`groups = ["${group}"]`))).toEqual(
      Array.from({ length: 4 }, () => false),
    );
  });

  test("a group without a name may be any group that a rule denies, and none that it allows", () => {
    const bob = { ...ALICE, groups: ["bob"], groupIds: [1001, 4242], hasNamelessGroup: true };
    expect(denies('groups = ["contractors"]', localCall("x", [], bob))).toBe(true);
    expect(fits('groups = ["contractors"]', localCall("x", [], bob))).toBe(false);
    expect(denies('users = ["eve"]', localCall("x", [], bob))).toBe(false);
  });

  test("names of users differ by case in rules that allow, and do not in rules that deny", () => {
    expect(fits('users = ["ALICE"]', localCall("x"))).toBe(false);
    expect(denies('users = ["ALICE"]', localCall("x"))).toBe(true);
    expect(denies('groups = ["Ops"]', localCall("x"))).toBe(true);
  });

  test("explain names the side that a rule is about", () => {
    expect(explain(policy, localCall("uptime"))).toEqual([
      'rule 1 (deny): does not match, the user "alice" is none of "mallory"',
      'rule 2 (allow): does not match, the command "uptime" is none of "restart"',
      "rule 3 (allow): does not match, it has neither users nor groups",
      "denied: no rule of the policy allows it",
    ]);
    expect(explain(policy, call("uptime")).slice(0, 2)).toEqual([
      "rule 1 (deny): does not match, it is about local users",
      "rule 2 (allow): does not match, it is about local users",
    ]);
    expect(explain(policy, localCall("x", [], { via: "local", uid: 0 }))).toEqual([
      "allowed: root may always call the other side",
    ]);
    expect(explain(parsePolicy("rules = []"), localCall("x"))).toEqual([
      "allowed: no rule has users or groups, so the policy does not decide on local users",
    ]);
  });
});
