/** A rule names the first of its conditions that a call does not meet. */
import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { createMatcher } from "../../src/policy/rule-match.ts";
import type { PolicyRequest } from "../../src/policy/rule-match.ts";
import { RuleSchema } from "../../src/policy/rule.ts";
import type { Rule } from "../../src/policy/rule.ts";

const UUID = "c1b8d6a2-0000-4000-8000-00000000abcd";
const COMMAND = { kind: "command", name: "backup", args: ["a", "b"] } as const;
const PEER = {
  caller: { via: "guest", name: "web1", uuid: UUID },
  method: "execute",
  resource: COMMAND,
} as const;
const USER = { via: "local", uid: 1000, name: "ann", groups: ["ops", "staff"], groupIds: [50, 60] } as const;
const LOCAL = { ...PEER, caller: USER, target: { guest: "web1" } } as const;

/** Returns the first condition of the rule that the call does not meet; undefined if there is none. */
function mismatchOf(table: Record<string, unknown>, request: PolicyRequest): string | undefined {
  return createMatcher(request)(v.parse(RuleSchema, { action: "allow", ...table }))?.();
}

function withArgs(...args: string[]): PolicyRequest {
  return { ...PEER, resource: { ...COMMAND, args } };
}

function withVariables(...variables: string[]): PolicyRequest {
  return {
    ...PEER,
    method: "guest-exec",
    resource: { kind: "path", path: "/bin/ls", args: [], variables },
  };
}

function allow(...patterns: string[]): Rule {
  return v.parse(RuleSchema, { action: "allow", commands: ["*"], arguments: patterns });
}

describe("a rule about peers", () => {
  test.each<[string, Record<string, unknown>, PolicyRequest, string | undefined]>([
    ["without conditions", {}, PEER, undefined],
    ["that meets a local user", {}, LOCAL, "it has neither users nor groups"],
    [
      "with its uuid in capitals",
      { uuids: [UUID] },
      { ...PEER, caller: { ...PEER.caller, uuid: UUID.toUpperCase() } },
      undefined,
    ],
    [
      "with another uuid",
      { uuids: ["c1b8d6a2-0000-4000-8000-000000000000"] },
      PEER,
      `the uuid "${UUID}" is not in its list`,
    ],
    [
      "with a uuid, of a peer without one",
      { uuids: [UUID] },
      { ...PEER, caller: { via: "guest", name: "web1" } },
      "the peer has no uuid",
    ],
    ["with one of its guests", { guests: ["db*", "web1"] }, PEER, undefined],
    ["with other guests", { guests: ["db*", "mail"] }, PEER, 'the guest "web1" is none of "db*", "mail"'],
    [
      "with guests, of the host",
      { guests: ["*"] },
      { ...PEER, caller: { via: "host" } },
      "the peer has no guest name",
    ],
    ["with its method", { methods: ["execute"] }, PEER, undefined],
    ["with another method", { methods: ["info"] }, PEER, 'the method "execute" is none of "info"'],
    ["with its command", { commands: ["back*"] }, PEER, undefined],
    ["with another command", { commands: ["restore"] }, PEER, 'the command "backup" is none of "restore"'],
    [
      "with a command, of a call without one",
      { commands: ["*"] },
      { ...PEER, resource: { kind: "none" } },
      "there is no command",
    ],
    ["with a path, of a command", { paths: ["**"] }, PEER, "there is no path"],
  ])("%s", (_, table, request, expected) => {
    expect(mismatchOf(table, request)).toBe(expected);
  });
});

describe("a rule about local users", () => {
  const nameless = { ...USER, name: undefined };
  test.each<[string, Record<string, unknown>, PolicyRequest, string | undefined]>([
    ["that meets a peer", { users: ["ann"] }, PEER, "it is about local users"],
    ["with its user", { users: ["bob", "ann"] }, LOCAL, undefined],
    ["with another user", { users: ["bob"] }, LOCAL, 'the user "ann" is none of "bob"'],
    [
      "that allows, of a user without a name",
      { users: ["*"] },
      { ...LOCAL, caller: nameless },
      "the user 1000 has no known name",
    ],
    [
      "that allows, of a user without a name or a uid",
      { users: ["*"] },
      { ...LOCAL, caller: { ...nameless, uid: undefined } },
      "the user without a uid has no known name",
    ],
    [
      "that denies, of a user without a name",
      { action: "deny", users: ["bob"] },
      { ...LOCAL, caller: nameless },
      undefined,
    ],
    ["with one of its groups", { groups: ["adm", "staff"] }, LOCAL, undefined],
    ["with the number of one of its groups", { groups: ["60"] }, LOCAL, undefined],
    ["with other groups", { groups: ["adm", "61"] }, LOCAL, 'the user "ann" is in none of "adm", "61"'],
    [
      "that allows, of a user whose groups are not known",
      { groups: ["*"] },
      { ...LOCAL, caller: { ...USER, groups: undefined } },
      'the groups of the user "ann" are not known',
    ],
    [
      "that denies, of a user whose groups are not known",
      { action: "deny", groups: ["adm"] },
      { ...LOCAL, caller: { ...USER, groups: undefined } },
      undefined,
    ],
    [
      "that denies, of a user with a group that has no name",
      { action: "deny", groups: ["adm"] },
      { ...LOCAL, caller: { ...USER, hasNamelessGroup: true } },
      undefined,
    ],
    [
      "that allows, of a user with a group that has no name",
      { groups: ["adm"] },
      { ...LOCAL, caller: { ...USER, hasNamelessGroup: true } },
      'the user "ann" is in none of "adm"',
    ],
    [
      "that denies, of a user in none of its groups",
      { action: "deny", groups: ["adm"] },
      LOCAL,
      'the user "ann" is in none of "adm"',
    ],
    ["with the guest that is called", { users: ["ann"], guests: ["web*"] }, LOCAL, undefined],
    [
      "with a guest, of a call without one",
      { users: ["ann"], guests: ["*"] },
      { ...LOCAL, target: undefined },
      "the other side has no guest name",
    ],
    ["with another guest", { users: ["ann"], guests: ["db"] }, LOCAL, 'the guest "web1" is none of "db"'],
  ])("%s", (_, table, request, expected) => {
    expect(mismatchOf(table, request)).toBe(expected);
  });
});

describe("the arguments of a rule", () => {
  test.each<[string[], string[], string | undefined]>([
    [["a", "b"], ["a", "b"], undefined],
    [["a"], ["a", "b"], "2 arguments instead of 1"],
    [["a", "b", "c"], ["a", "b"], "2 arguments instead of 3"],
    [["a", "..."], ["a"], undefined],
    [["a", "..."], ["a", "b", "c"], undefined],
    [["a", "..."], [], "0 arguments instead of 1 or more"],
    [["a", "x*"], ["a", "b"], 'argument 2 "b" is not "x*"'],
    [["*"], ["-r"], 'argument 1 "-r" starts with a "-" that "*" does not name'],
    [["-*"], ["-r"], undefined],
    [["**"], ["../x"], 'argument 1 "../x" has a ".." that "**" does not name'],
    [["**"], ["x=../y"], 'argument 1 "x=../y" has a ".." that "**" does not name'],
    [["**"], ["x/.."], 'argument 1 "x/.." has a ".." that "**" does not name'],
    [["../**"], ["../x"], undefined],
    [["../**"], ["../../x"], 'argument 1 "../../x" has a ".." that "../**" does not name'],
    [["**"], ["a..b"], undefined],
    [["**"], ["a../b"], undefined],
    [["**"], ["/..b"], undefined],
    [["**"], ["/.../b"], undefined],
    [["**"], ["/...."], undefined],
  ])("allow by %j the arguments %j, or say why not", (patterns, args, expected) => {
    expect(mismatchOf({ commands: ["*"], arguments: patterns }, withArgs(...args))).toBe(expected);
  });

  test.each<[string[], string[], string | undefined]>([
    [[], [], undefined],
    [[], ["a"], "1 arguments instead of 0"],
    [["a"], ["b", "a"], undefined],
    [["a", "b"], ["b", "a"], undefined],
    [["a", "c"], ["b", "a"], 'no argument is "c"'],
    [["../*"], ["../x"], undefined],
  ])("deny by %j the arguments %j, or say why not", (patterns, args, expected) => {
    const table = { action: "deny", commands: ["*"], arguments: patterns };
    expect(mismatchOf(table, withArgs(...args))).toBe(expected);
  });

  test("need a command or a path", () => {
    for (const action of ["allow", "deny"])
      expect(mismatchOf({ action, arguments: ["a"] }, { ...PEER, resource: { kind: "none" } })).toBe(
        "there is no command",
      );
  });

  test("are each looked at by their place, though a rule before has counted their parts", () => {
    const match = createMatcher(withArgs("x", "../x"));
    expect(match(allow("**", "**"))?.()).toBe('argument 2 "../x" has a ".." that "**" does not name');
    expect(match(allow("**", "../**"))).toBeUndefined();
    expect(match(allow("../**", "**"))?.()).toBe('argument 1 "x" is not "../**"');
  });
});

describe("variables of a program", () => {
  const refusal = 'it allows no variables, and the call has "LD_PRELOAD=x"';

  test.each<[string, Record<string, unknown>, string | undefined]>([
    ["are refused by a rule that allows some paths", { paths: ["/bin/*"] }, refusal],
    ["are refused by a rule that allows some arguments", { methods: ["guest-exec"], arguments: [] }, refusal],
    ["are refused by a rule about both", { paths: ["/bin/*"], arguments: [] }, refusal],
    ["pass a rule that allows all programs", { methods: ["guest-exec"] }, undefined],
    ["do not matter to a rule that denies", { action: "deny", paths: ["/bin/*"] }, undefined],
  ])("%s", (_, table, expected) => {
    expect(mismatchOf(table, withVariables("LD_PRELOAD=x"))).toBe(expected);
  });

  test("that are missing are not refused", () => {
    expect(mismatchOf({ paths: ["/bin/*"] }, withVariables())).toBeUndefined();
  });
});
