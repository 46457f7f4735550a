/** Policies: the order of rules, careful patterns, explanations, and files with mistakes. */
import { describe, expect, test } from "bun:test";
import { NegotiatorError } from "../../src/errors.ts";
import { decide, DEFAULT_POLICY, denyAll, explain, parsePolicy } from "../../src/policy/policy.ts";
import type { PolicyRequest } from "../../src/policy/rule-match.ts";
import { call, fits, UUID } from "../support/policy-requests.ts";

describe("decide", () => {
  test("without a policy every call is allowed", () => {
    expect(decide(DEFAULT_POLICY, call("reboot"))).toEqual({ allowed: true, rule: "default" });
  });

  test("an unreadable policy denies every call, and its reason does not contain the problem", () => {
    const policy = denyAll("Cannot use /etc/negotiator/policy.toml:\n  line 3: secret");
    const reason = "its policy has a mistake, so nothing is allowed";
    expect(decide(policy, call("uptime"))).toEqual({ allowed: false, rule: "invalid", reason });
    expect(
      decide(policy, { caller: { via: "host" }, method: "ping", resource: { kind: "none" } }).allowed,
    ).toBe(false);
  });

  test.each(["", "# nothing\n", "rules = []"])("a policy without rules (%j) denies every call", (text) => {
    const reason = "no rule of the policy allows it";
    expect(decide(parsePolicy(text), call("uptime"))).toEqual({ allowed: false, rule: "no-match", reason });
  });

  test("the first matching rule decides", () => {
    const policy = parsePolicy(`
      [[rules]]
      action = "deny"
      guests = ["web*"]
      commands = ["reboot"]
      reason = "web servers stay up"

      [[rules]]
      action = "allow"
      guests = ["web*", "db1"]

      [[rules]]
      action = "deny"
      commands = ["uptime"]
    `);
    const reason = "web servers stay up";
    expect(decide(policy, call("reboot"))).toEqual({ allowed: false, rule: 1, reason });
    expect(decide(policy, call("uptime"))).toEqual({ allowed: true, rule: 2 });
    expect(decide(policy, call("reboot", [], "db1"))).toEqual({ allowed: true, rule: 2 });
    expect(decide(policy, call("uptime", [], "db2"))).toMatchObject({ allowed: false, rule: 3 });
    expect(decide(policy, call("date", [], "db2"))).toMatchObject({ allowed: false, rule: "no-match" });
  });

  test("the decision has the limits of the allowing rule, with times in milliseconds", () => {
    const policy = parsePolicy(`
      [[rules]]
      action = "allow"
      user = "nobody"
      timeoutSeconds = 2.5
      concurrency = 3
      rate = "10/minute"
    `);
    expect(decide(policy, call("uptime"))).toEqual({
      allowed: true,
      rule: 1,
      user: "nobody",
      timeoutMs: 2500,
      concurrency: 3,
      rate: { calls: 10, perMs: 60_000 },
    });
  });

  test("a rule does not match if one of its conditions does not hold", () => {
    const body = `
      guests = ["web1"]
      uuids = ["${UUID}"]
      methods = ["execute"]
      commands = ["up*"]
      arguments = []
    `;
    const good = call("uptime");
    expect(fits(body, good)).toBe(true);
    expect(fits(body, call("uptime", [], "web2"))).toBe(false);
    expect(
      fits(body, { ...good, caller: { via: "guest", name: "web1", uuid: UUID.replace("2b", "2c") } }),
    ).toBe(false);
    expect(fits(body, { ...good, method: "list-commands" })).toBe(false);
    expect(fits(body, call("down"))).toBe(false);
    expect(fits(body, call("uptime", ["-p"]))).toBe(false);
  });

  test("a call without a guest name, uuid or command matches no condition about them", () => {
    const host: PolicyRequest = { caller: { via: "host" }, method: "info", resource: { kind: "none" } };
    expect(fits("", host)).toBe(true);
    expect(fits('methods = ["inf?"]', host)).toBe(true);
    expect(fits('guests = ["*"]', host)).toBe(false);
    expect(fits(`uuids = ["${UUID}"]`, host)).toBe(false);
    expect(fits('commands = ["*"]', host)).toBe(false);
    expect(fits("arguments = []", host)).toBe(false);
    expect(fits('arguments = ["..."]', host)).toBe(false);
  });

  test("uuids match in upper and lower case, guest names only as written", () => {
    expect(fits(`uuids = ["${UUID.toUpperCase()}"]`, call("uptime"))).toBe(true);
    const caller = { via: "guest", name: "web9", uuid: UUID.toUpperCase() } as const;
    const shouting = { ...call("uptime"), caller };
    expect(fits(`uuids = ["${UUID}"]`, shouting)).toBe(true);
    expect(fits('guests = ["WEB1"]', call("uptime"))).toBe(false);
  });
});

describe("arguments", () => {
  test.each<[patterns: string, fitting: string[][], others: string[][]]>([
    ["[]", [[]], [[""], ["a"]]],
    ["['...']", [[], ["a"], ["-rf", "/", "../../.."]], []],
    [
      "['status', '*']",
      [
        ["status", "nginx"],
        ["status", ""],
      ],
      [["status"], ["status", "a", "b"], ["stop", "a"]],
    ],
    ["['status', '...']", [["status"], ["status", "-H", "x"]], [[], ["stop"], ["status2"]]],
    [
      "['*', 'x']",
      [["a", "x"]],
      [
        ["x", "a"],
        ["a", "xx"],
        ["a", "x\n"],
      ],
    ],
    ["['*']", [["a"], ["a b; $(c)"], ["a..b"], ["..."]], [["-a"], ["--help"], ["a/b"], [".."]]],
    ["['?x']", [["ax"], ["?x"]], [["-x"], ["x"]]],
    ["['-*']", [["-a"], ["--help"], ["-"]], [["a"], ["--output=/etc/x"], ["--output=.."]]],
    ["['/var/log/*']", [["/var/log/syslog"]], [["/var/log/a/b"], ["/var/log/.."], ["/var/log"]]],
    ["['/var/log/**']", [["/var/log/a/b"]], [["/var/log/../../etc/shadow"], ["/var/log/a/.."]]],
    ["['/srv/../**']", [["/srv/../x"]], [["/srv/../x/../y"], ["/srv/../.."]]],
    ["['--file=**']", [["--file=/a/b"]], [["--file=../x"], ["--file=/a:../x"]]],
    ["['\\...']", [["..."]], [[], ["a"]]],
    ["['']", [[""]], [[], ["a"]]],
  ])("arguments = %s matches exactly the listed argument lists", (patterns, fitting, others) => {
    const body = `arguments = ${patterns}`;
    expect(fitting.filter((args) => !fits(body, call("x", args)))).toEqual([]);
    expect(others.filter((args) => fits(body, call("x", args)))).toEqual([]);
  });

  test("the wildcards of a denying rule match arguments with a leading - or with ..", () => {
    const policy = parsePolicy(`
      [[rules]]
      action = "deny"
      arguments = ["**"]
      [[rules]]
      action = "allow"
    `);
    expect(decide(policy, call("cat", ["-n"])).allowed).toBe(false);
    expect(decide(policy, call("cat", ["/a/../b"])).allowed).toBe(false);
    expect(decide(policy, call("cat")).allowed).toBe(true);
  });
});

describe("parsePolicy", () => {
  test.each<[text: string, says: string[]]>([
    ["[[rules]", ["line 1, column 9: the name of a list of tables must end with ]]"]],
    ["[[rule]]\naction = 'deny'", ["line 1: rule: unknown key; did you mean rules?"]],
    ["rules = 1", ["line 1: rules must be a list of tables, such as [[rules]]; this is 1"]],
    ["[[rules]]\ncommands = ['a']", ['line 1: rule 1: action is missing; it must be "allow" or "deny"']],
    [
      "[[rules]]\naction = 'permit'",
      ['line 2: rule 1: action must be "allow" or "deny"; this is the text "permit"'],
    ],
    [
      "[[rules]]\naction = 'deny'\nguest = ['a']",
      ["line 3: rule 1: guest: unknown key; did you mean guests?"],
    ],
    ["[[rules]]\naction = 'deny'\nguests = []", ["rule 1: guests: an empty list matches nothing"]],
    [
      "[[rules]]\naction = 'deny'\nguests = 'a'",
      ['line 3: rule 1: guests must be a list; write: guests = ["a"]'],
    ],
    ["[[rules]]\naction = 'deny'\ncommands = ['a', '']", ["rule 1: command 2: an empty pattern"]],
    ["[[rules]]\naction = 'deny'\nuuids = ['web1']", ["line 3: rule 1: uuid 1 must be a uuid", "web1"]],
    ["[[rules]]\naction = 'deny'\narguments = ['...', 'a']", ['rule 1: arguments: "..." must be the last']],
    [
      "[[rules]]\naction = 'deny'\narguments = [1]",
      ['line 3: rule 1: argument 1 must be text; this is 1; write: "1"'],
    ],
    ["[[rules]]\naction = 'allow'\nrate = '10/fortnight'", ["rule 1: rate: ", "10/fortnight", "10/minute"]],
    ["[[rules]]\naction = 'allow'\nrate = '0/minute'", ["rule 1: rate: "]],
    [
      "[[rules]]\naction = 'allow'\ntimeoutSeconds = 0",
      ["line 3: rule 1: timeoutSeconds must be a number above 0"],
    ],
    ["[[rules]]\naction = 'allow'\ntimeoutSeconds = nan", ["rule 1: timeoutSeconds must be "]],
    ["[[rules]]\naction = 'allow'\nconcurrency = 1.5", ["rule 1: concurrency must be "]],
    [
      "[[rules]]\naction = 'allow'\nconcurrency = 0",
      ["rule 1: concurrency must be a whole number of 1 or more; this is 0"],
    ],
    ["[[rules]]\naction = 'allow'\nuser = 'root; id'", ["rule 1: user: not a user's name"]],
    [
      "[[rules]]\naction = 'allow'\nreason = 'x'",
      ['rule 1: reason: has no meaning in a rule whose action is "allow"'],
    ],
    [
      "[[rules]]\naction = 'deny'\nuser = 'x'\nrate = '1/hour'",
      ['rule 1: user: has no meaning in a rule whose action is "deny"', "rule 1: rate: has no meaning"],
    ],
    [
      `[[rules]]\naction = 'allow'\nusers = ['a']\nuser = 'x'\nuuids = ['${UUID}']`,
      [
        "rule 1: user: has no meaning in a rule with users or groups; the other side decides",
        "rule 1: uuids: has no meaning in a rule with users or groups; name the called guest in guests",
      ],
    ],
    [
      "[[rules]]\naction = 'deny'\ngroups = ['a']\nmethods = ['status']",
      ["rule 1: ", "execute, list-commands"],
    ],
    ["[[rules]]\naction = 'deny'\nusers = []", ["rule 1: users: an empty list matches nothing"]],
    ["[[rules]]\naction = 'deny'\narguments = [\"a\\u0000b\"]", ["rule 1: argument 1: a pattern with a NUL"]],
    [
      "[[rules]]\naction = 'maybe'\nguests = 1\n[[rules]]\naction = 'deny'\nx = 1",
      [
        "line 2: rule 1: action must be ",
        "line 3: rule 1: guests must be ",
        "line 6: rule 2: x: unknown key",
      ],
    ],
  ])("parsePolicy rejects %j with BAD_CONFIG and names the place", (text, says) => {
    let thrown: unknown;
    try {
      parsePolicy(text, "policy.toml");
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(NegotiatorError);
    expect(thrown).toMatchObject({ code: "BAD_CONFIG" });
    const { message } = NegotiatorError.from(thrown);
    for (const part of ["Cannot use policy.toml", ...says]) expect(message).toContain(part);
  });
});

describe("explain", () => {
  test("explain has a line for each rule up to the deciding one, with the mismatch", () => {
    const policy = parsePolicy(`
      [[rules]]
      action = "deny"
      guests = ["db*", "mail"]
      [[rules]]
      action = "deny"
      uuids = ["00000000-0000-4000-8000-000000000000"]
      [[rules]]
      action = "allow"
      commands = ["service"]
      arguments = ["restart", "*"]
      [[rules]]
      action = "allow"
      commands = ["service"]
      user = "ops"
      timeoutSeconds = 30
      concurrency = 1
      rate = "6/hour"
      [[rules]]
      action = "deny"
    `);
    expect(explain(policy, call("service", ["restart", "-f"]))).toEqual([
      'rule 1 (deny): does not match, the guest "web1" is none of "db*", "mail"',
      `rule 2 (deny): does not match, the uuid "${UUID}" is not in its list`,
      'rule 3 (allow): does not match, argument 2 "-f" starts with a "-" that "*" does not name',
      "rule 4 (allow): matches",
      "allowed, as user ops, for 30 s, 1 at once, 6 in 3600 s",
    ]);
    expect(explain(policy, call("x", ["a\nb"])).at(-1)).toBe("denied: a rule of the policy denies it");
  });

  test("explain ends with the reason when no rule decides", () => {
    const none = parsePolicy('[[rules]]\naction = "allow"\nguests = ["a"]\n');
    const host: PolicyRequest = { caller: { via: "host" }, method: "ping", resource: { kind: "none" } };
    expect(explain(none, host)).toEqual([
      "rule 1 (allow): does not match, the peer has no guest name",
      "denied: no rule of the policy allows it",
    ]);
    expect(explain(DEFAULT_POLICY, host)).toEqual([
      "allowed: there is no policy, so everything offered may be called",
    ]);
    expect(explain(denyAll("Cannot use it:\n  line 1"), host)).toEqual([
      "Cannot use it:",
      "  line 1",
      "denied: the policy has a mistake, so nothing is allowed",
    ]);
  });
});
