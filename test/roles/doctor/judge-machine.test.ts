/** How checks judge the commands, the group and the files of this machine, without a look at it. */
import { describe, expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { CHECK_DETACHED } from "../../../src/roles/doctor/check-detached.ts";
import { CHECK_POLICY_FILE, createConfigCheck } from "../../../src/roles/doctor/check-files.ts";
import { CHECK_GROUP } from "../../../src/roles/doctor/check-group.ts";
import { CHECK_OWN_COMMANDS } from "../../../src/roles/doctor/check-own-commands.ts";

const ROOT = { role: "host", isRoot: true } as const;
const USER = { role: "host", isRoot: false } as const;

describe("own commands", () => {
  const FINE = { commands: [], problems: [], refusedNames: [], broken: [], lone: [], absent: [] };
  const judge = (given: object): unknown => CHECK_OWN_COMMANDS.judge({ ...FINE, ...given }, ROOT);

  test("without a problem the commands are counted", () => {
    const command = { name: "a", kind: "user", user: "root", path: "/c/a" };
    expect(judge({ commands: [command, command] })).toEqual([{ level: "ok", text: "2 can be called here" }]);
  });

  test("a problem of the report has its own lines as the remedy, or the list of all", () => {
    expect(judge({ problems: ["A\nB\nC", "D"] })).toEqual([
      { level: "warning", text: "A", remedy: "B\nC" },
      { level: "warning", text: "D", remedy: "See all: negotiator host check-commands" },
    ]);
  });

  test("each kind of unused file is a warning that names it, in the same order always", () => {
    const broken = [{ path: "/c/a", problem: "it is empty", remedy: "rm" }];
    const found = judge({ broken, refusedNames: ["/c/b c"], lone: ["/c/d.toml"], absent: ["/e"] });
    expect(found).toMatchObject([
      { level: "warning", text: 'Cannot run "/c/a": it is empty', remedy: "rm" },
      {
        level: "warning",
        text: expect.stringContaining("/c/b c"),
        remedy: expect.stringContaining("'/c/b c'"),
      },
      { level: "warning", text: expect.stringContaining("/c/d.toml") },
      { level: "warning", text: expect.stringContaining("/e of the setting commandsDirectory is not there") },
    ]);
  });
});

describe("the group", () => {
  const LACK = { isThere: false, make: ["groupadd", "x y"], restart: ["systemctl", "restart", "z"] };

  const remedyOf = (given: Partial<typeof LACK> | { make?: undefined; restart?: undefined }) =>
    CHECK_GROUP.judge({ ...LACK, ...given }, ROOT)[0]?.remedy?.split("\n");

  test("a user who is not root gets no finding", () => {
    expect(CHECK_GROUP.judge(LACK, USER)).toEqual([]);
  });

  test("a group that is there is fine", () => {
    expect(CHECK_GROUP.judge({ ...LACK, isThere: true }, ROOT)).toMatchObject([{ level: "ok" }]);
  });

  test("the remedy makes the group and restarts the service, with the programs that are here", () => {
    expect(remedyOf({})?.[0]).toBe("Make it, and restart the daemon: groupadd 'x y'; systemctl restart z");
    expect(remedyOf({ make: undefined })?.[0]).toContain("negotiator host install; systemctl");
    expect(remedyOf({ restart: undefined })).toEqual([
      "Make it: groupadd 'x y'",
      "Then end the daemon, and start it again: negotiator host daemon",
      expect.stringContaining("usermod -aG"),
    ]);
    expect(remedyOf({})?.[1]).toContain("usermod -aG");
  });
});

describe("detached calls", () => {
  const PLACE = {
    existing: "/a",
    fault: undefined,
    refusal: undefined,
    freeBytes: 2 ** 30,
    hasInodes: true,
  };
  const judge = (given: object | undefined, examination: typeof ROOT | typeof USER = ROOT) => {
    const place = given && { ...PLACE, ...given };
    return CHECK_DETACHED.judge({ directory: "/a/b", place }, examination)[0];
  };

  test("a place with room, and one at which a look could hang, is fine", () => {
    expect(judge({})?.level).toBe("ok");
    expect(judge(undefined)?.level).toBe("ok");
  });

  test("a place that others could change is named before all else, with its remedy", () => {
    const fault = { problem: "others may write", remedy: "chmod" };
    expect(judge({ fault, refusal: "EACCES" }, USER)).toMatchObject({
      level: "warning",
      text: "detached calls cannot be kept in /a/b: others may write",
      remedy: "chmod",
    });
  });

  test("a user who may not write cannot tell, and root and a read-only disk can", () => {
    expect(judge({ refusal: "EACCES" }, USER)?.level).toBe("unknown");
    expect(judge({ refusal: "EROFS" }, USER)?.level).toBe("warning");
    expect(judge({ refusal: "EACCES" })?.level).toBe("warning");
    expect(judge({}, USER)?.level).toBe("ok");
  });

  test("a full disk, and one without an inode, is a warning", () => {
    expect(judge({ freeBytes: 0 })?.text).toContain("is full");
    expect(judge({ hasInodes: false })?.text).toContain("no inode left");
  });
});

describe("the config", () => {
  const check = createConfigCheck(() => Promise.resolve([]));
  const FINE = { problem: undefined, warnings: [], more: [], files: [] };

  test("without a problem its files are named, or the defaults", () => {
    expect(check.judge(FINE, ROOT)).toEqual([{ level: "ok", text: "every setting has its default" }]);
    expect(check.judge({ ...FINE, files: ["/a", "/b"] }, ROOT)[0]?.text).toBe("/a, /b is right");
  });

  test("a finding of the role is a problem, and one of the config a warning", () => {
    expect(check.judge({ ...FINE, more: ["A\nB\nC"], warnings: ["D"] }, ROOT)).toEqual([
      { level: "problem", text: "A", remedy: "B\nC" },
      { level: "warning", text: "D" },
    ]);
  });

  test("a config that cannot be used is the only finding", () => {
    const problem = new NegotiatorError("BAD_CONFIG", "Broken");
    expect(check.judge({ ...FINE, problem, warnings: ["D"] }, ROOT)).toEqual([
      { level: "problem", text: "Broken" },
    ]);
  });
});

describe("the policy", () => {
  const FINE = {
    path: "/p",
    hasRules: true,
    problem: undefined,
    judgement: { problems: [], warnings: [] },
  };

  test("rules that are right are named, and the lack of a policy is said", () => {
    expect(CHECK_POLICY_FILE.judge(FINE, ROOT)).toEqual([{ level: "ok", text: "/p is right" }]);
    expect(CHECK_POLICY_FILE.judge({ ...FINE, hasRules: false }, ROOT)[0]).toEqual({
      level: "ok",
      text: "there is none at /p, so the other side may run every command",
    });
  });

  test("problems come before warnings", () => {
    const judgement = { problems: ["A"], warnings: ["B\nC"] };
    expect(CHECK_POLICY_FILE.judge({ ...FINE, judgement }, ROOT)).toEqual([
      { level: "problem", text: "A" },
      { level: "warning", text: "B", remedy: "C" },
    ]);
  });

  test("a policy that a user may not read is unknown, and for root a problem", () => {
    const problem = new NegotiatorError("DENIED", "No right");
    const facts = { path: "/p", hasRules: false, problem };
    expect(CHECK_POLICY_FILE.judge(facts, USER)[0]?.level).toBe("unknown");
    expect(CHECK_POLICY_FILE.judge(facts, ROOT)[0]?.level).toBe("problem");
  });
});
