/** How checks judge what they have found: faults that a test cannot plant on this machine. */
import { describe, expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { NegotiatorError } from "../../../src/errors.ts";
import { runCheck } from "../../../src/roles/doctor/check.ts";
import type { Check } from "../../../src/roles/doctor/check.ts";
import { judgePeer } from "../../../src/roles/doctor/check-peer.ts";
import type { PeerFacts } from "../../../src/roles/doctor/check-peer.ts";
import { judgeUnit } from "../../../src/roles/doctor/check-service.ts";
import { judgeDenials } from "../../../src/roles/doctor/check-denials.ts";
import { judgeAuditPlace } from "../../../src/roles/doctor/check-audit.ts";
import { judgeLimits } from "../../../src/roles/doctor/check-limits.ts";
import { judgeAbsence, judgeAnswer } from "../../../src/roles/doctor/check-daemon.ts";
import {
  findBrokenProgram,
  findServiceFault,
  judgePrograms,
} from "../../../src/roles/doctor/check-program.ts";
import { describeFinding, summarize, worstExitCode } from "../../../src/roles/doctor/report.ts";
import { judgeStates } from "../../../src/roles/host/doctor/check-guests.ts";
import type { Found, Level } from "../../../src/roles/doctor/finding.ts";
import { readHolders } from "../../../src/roles/host/doctor/check-socket.ts";
import type { GuestStatus } from "../../../src/roles/host/status.ts";
import { NO_FIGURES } from "../../../src/roles/daemon/link-figures.ts";
import { VERSION } from "../../../src/version.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const UNIT = {
  LoadState: "loaded",
  ActiveState: "active",
  Result: "success",
  UnitFileState: "enabled",
  NRestarts: "0",
  NeedDaemonReload: "no",
};

describe("the unit of systemd", () => {
  test.each<[string, Record<string, string>, string, string | undefined]>([
    ["is masked", { LoadState: "masked" }, "problem", undefined],
    ["cannot load", { LoadState: "bad-setting" }, "problem", undefined],
    [
      "has failed (exit-code, 5",
      { ActiveState: "failed", Result: "exit-code", NRestarts: "5" },
      "problem",
      undefined,
    ],
    ["again and again", { ActiveState: "activating", NRestarts: "9" }, "problem", undefined],
    ["does not run", { ActiveState: "inactive" }, "problem", "systemctl start negotiator-host"],
    [
      "does not start with the machine",
      { UnitFileState: "disabled" },
      "warning",
      "systemctl enable negotiator-host",
    ],
    ["was changed", { NeedDaemonReload: "yes" }, "warning", "systemctl daemon-reload"],
    ["systemd runs negotiator-host", {}, "ok", undefined],
  ])("is judged with the words: %s", (text, given, level, fix) => {
    const [found] = judgeUnit({ ...UNIT, ...given }, { role: "host", name: "negotiator-host", runs: false });
    expect(found).toMatchObject({ level, text: expect.stringContaining(text) });
    expect(found?.fix?.join(" ")).toBe(fix);
    expect(level === "ok" || found?.remedy !== undefined).toBe(true);
  });
});

function answer(given: { version?: string; roundTripMs?: number; offsetMs?: number }): PeerFacts {
  return {
    kind: "answers",
    info: {
      role: "guest",
      version: given.version ?? VERSION,
      hostname: "web1",
      kernel: "6.1",
      uptimeSeconds: 1,
      agentSeconds: 1,
    },
    roundTripMs: given.roundTripMs ?? 1,
    offsetMs: given.offsetMs ?? 0,
  };
}

const SIDES = { other: "the guest", here: "this host" };

function levelOfDenial(message: string): Level | undefined {
  return judgePeer({ kind: "error", error: new NegotiatorError("DENIED", message) }, SIDES)[0]?.level;
}

describe("the other side", () => {
  test.each<[string, Parameters<typeof answer>[0], string]>([
    ["the guest has negotiator 0.1.0", { version: "0.1.0" }, "negotiator guest reexec"],
    ["takes 900 ms", { roundTripMs: 900 }, "top"],
    ["is 90 s behind ours", { offsetMs: -90_000 }, "timedatectl"],
    ["is 3.00 s ahead of ours", { offsetMs: 3000 }, "timedatectl"],
  ])("gets the warning: %s", (text, given, remedy) => {
    const [, found] = judgePeer(answer(given), SIDES);
    expect(found).toMatchObject({ level: "warning", text: expect.stringContaining(text) });
    expect(found?.remedy).toContain(remedy);
  });

  test("that refuses is fine by a policy, and unknown without rights here", () => {
    expect(levelOfDenial('The guest denies the method "info"')).toBe("ok");
    expect(levelOfDenial('Cannot connect to "/s": no permission')).toBe("unknown");
  });

  test("with a clock as far off as the way takes is fine", () => {
    expect(judgePeer(answer({ offsetMs: 2100, roundTripMs: 200 }), SIDES)).toHaveLength(1);
  });
});

test("denials of AppArmor and SELinux count if they are about negotiator or its sockets", () => {
  const apparmor = 'audit: apparmor="DENIED" operation="connect" name="/run/vm/negotiator.sock"';
  const selinux = 'type=AVC msg=audit(1): avc:  denied  { connectto } for comm="negotiator"';
  const other = 'audit: apparmor="DENIED" operation="open" name="/etc/cups"';
  const systems = ["AppArmor"];
  expect(judgeDenials({ systems, lines: [other] })).toMatchObject([{ level: "ok" }]);
  expect(judgeDenials({ systems, lines: [other, apparmor] })[0]?.remedy).toContain("apparmor_parser");
  expect(judgeDenials({ systems, lines: [selinux] })[0]).toMatchObject({ level: "problem" });
  expect(judgeDenials({ systems, lines: [selinux] })[0]?.remedy).toContain("ausearch");
  expect(judgeDenials({ systems, lines: undefined })).toMatchObject([{ level: "unknown" }]);
  expect(judgeDenials({ systems: [], lines: undefined })).toMatchObject([{ level: "ok" }]);
});

test("the place of the audit is judged by its disk, its owner and its kind", () => {
  const MIB = 1024 * 1024;
  const fine = {
    path: "/a/b",
    existing: "/a",
    isThere: true,
    isRegular: true,
    hasInodes: true,
    fault: undefined,
    refusal: undefined,
    freeBytes: 1000 * MIB,
    neededBytes: 60 * MIB,
  };
  const levelOf = (given: object, isRoot = true): unknown =>
    judgeAuditPlace({ ...fine, ...given }, { isRoot })[0]?.level;
  expect(levelOf({})).toBe("ok");
  expect(levelOf({ freeBytes: 30 * MIB })).toBe("warning");
  expect(levelOf({ freeBytes: 1000 })).toBe("problem");
  expect(levelOf({ refusal: "EROFS" }, false)).toBe("problem");
  expect(levelOf({ refusal: "EACCES" }, false)).toBe("unknown");
  expect(levelOf({ isRegular: false })).toBe("problem");
  expect(levelOf({ fault: { problem: "others may write", remedy: "chmod" } })).toBe("problem");
  expect(levelOf({ freeBytes: 200 * MIB, neededBytes: 5000 * MIB })).toBe("ok");
  expect(levelOf({ hasInodes: false })).toBe("warning");
});

test("a daemon with few files, and one that has nearly all of them open, is a warning", () => {
  const given = { role: "host", isRoot: true } as const;
  expect(judgeLimits([{ pid: 1, files: 65_536, open: 20 }], given)).toMatchObject([{ level: "ok" }]);
  expect(judgeLimits([{ pid: 1, files: 1024, open: 20 }], given)[0]?.remedy).toContain("LimitNOFILE=65536");
  expect(judgeLimits([{ pid: 1, files: 65_536, open: 65_000 }], given)).toMatchObject([{ level: "warning" }]);
  expect(judgeLimits([], { ...given, isRoot: false })).toMatchObject([{ level: "unknown" }]);
});

test("a package and a file by hand are two programs, and the one by hand is to be removed", () => {
  const [found] = judgePrograms({
    own: "/usr/local/bin/negotiator",
    found: ["/usr/local/bin/negotiator", "/usr/bin/negotiator"],
    used: ["/usr/bin/negotiator"],
    faults: [],
    packaged: true,
  });
  expect(found).toMatchObject({ level: "warning" });
  expect(found?.remedy).toEndWith("rm /usr/local/bin/negotiator");
  expect(
    judgePrograms({
      own: "/usr/bin/negotiator",
      found: ["/usr/bin/negotiator"],
      used: [],
      faults: [],
      packaged: true,
    }),
  ).toMatchObject([{ level: "ok" }]);
});

test("the program that the service runs is never to be removed", () => {
  const found = ["/usr/bin/negotiator", "/usr/local/bin/negotiator"];
  const used = ["/usr/local/bin/negotiator"];
  const judge = (packaged: boolean): string | undefined =>
    judgePrograms({ own: "/usr/bin/negotiator", found, used, faults: [], packaged })[0]?.remedy;
  expect(judge(false)).toEndWith(": rm /usr/bin/negotiator");
  expect(judge(true)).toStartWith("Let the service run /usr/bin/negotiator, not /usr/local/bin/negotiator\n");
  expect(
    judgePrograms({ own: "/usr/bin/negotiator", found, used: found, faults: [], packaged: false }),
  ).toMatchObject([{ level: "warning", remedy: expect.not.stringContaining("rm ") }]);
});

function adviseStart(unit: Record<string, string> | undefined, canReload = true): string | undefined {
  return judgeAbsence("no socket", { unit, canReload }, "host").remedy;
}

describe("a daemon that does not answer", () => {
  test("is started as its service allows", () => {
    expect(adviseStart(undefined)).toContain("negotiator host install");
    expect(adviseStart({ LoadState: "not-found" })).toContain("negotiator host install");
    expect(adviseStart({ LoadState: "masked" })).toContain("systemctl unmask negotiator-host");
    expect(adviseStart({ LoadState: "loaded", ActiveState: "inactive" })).toContain(
      "systemctl start negotiator-host",
    );
    expect(adviseStart({ LoadState: "loaded", ActiveState: "failed" })).toStartWith("Read why: journalctl");
    expect(adviseStart({ LoadState: "loaded", ActiveState: "active" })).toContain("host.control");
  });

  test("is started after a wrong config was corrected", () => {
    const unit = { LoadState: "loaded", ActiveState: "activating" };
    expect(adviseStart(unit, false)).toStartWith("First correct the config: negotiator host check-config\n");
  });
});

function fixOf(unreadFile: string, canReload: boolean): string | undefined {
  return judgeSocket({ unreadFile, canReload })?.fix?.join(" ");
}

function judgeSocket(given: {
  unreadFile?: string;
  canReload?: boolean;
  mode?: number;
  gid?: number;
}): Found | undefined {
  const { unreadFile = null, canReload = true, mode = 0o660, gid = 990 } = given;
  const files = { policyProblem: null, unreadFile, setElsewhere: {} };
  const access = { mode, gid, group: 990 };
  return judgeAnswer({ path: "/s", canReload, program: undefined, files, access, others: [] }, "host")[0];
}

test("a control socket that its group may not use, or everybody may, is a warning", () => {
  expect(judgeSocket({})).toMatchObject({ level: "ok" });
  for (const given of [{ mode: 0o600 }, { mode: 0o666 }, { gid: 0 }])
    expect(judgeSocket(given)).toMatchObject({
      level: "warning",
      remedy: expect.stringContaining("chgrp negotiator /s && chmod 660 /s"),
    });
});

test("a program or unit that others may replace is a problem, and one that is missing", async () => {
  await using place = await createTemporaryDirectory();
  const path = place.at("negotiator");
  expect(findServiceFault(path, "host")?.remedy).toEndWith(": negotiator host install");
  await Bun.write(path, "");
  await chmod(path, 0o777);
  expect(findServiceFault(path, "host")?.remedy).toContain(`chmod go-w ${path}`);
  await chmod(path, 0o755);
  expect(findServiceFault(path, "host")).toBeUndefined();
});

test("an installed program that cannot run here is named, and a script is only a doubt", async () => {
  await using place = await createTemporaryDirectory();
  const path = place.at("negotiator");
  const find = (): ReturnType<typeof findBrokenProgram> =>
    findBrokenProgram(path, { role: "host", own: "/own", packaged: false });
  await Bun.write(path, "");
  expect(await find()).toMatchObject({ remedy: `Make it executable: chmod 755 ${path}`, isDoubt: false });
  await chmod(path, 0o755);
  expect(await find()).toMatchObject({ text: `${path} cannot run here: it is empty` });
  await Bun.write(path, "#!/bin/sh\n");
  const fault = await find();
  expect(fault).toMatchObject({ isDoubt: true });
  const facts = {
    own: "/own",
    found: [],
    used: [],
    packaged: false,
    faults: fault === undefined ? [] : [fault],
  };
  expect(judgePrograms(facts)[0]).toMatchObject({ level: "warning" });
});

test("only a reload that can succeed is a harmless remedy", () => {
  const stale = "The daemon has not read the config\nLoad it: negotiator host reload";
  const gone = "The policy is gone: a reload would deny every call\nRestart the daemon: systemctl restart x";
  expect(fixOf(stale, true)).toBe("negotiator host reload");
  expect(fixOf(stale, false)).toBeUndefined();
  expect(fixOf(gone, true)).toBeUndefined();
});

test("a service that fails beside another daemon is not said to fail by itself", () => {
  const unit = { ...UNIT, ActiveState: "activating" };
  const [found] = judgeUnit(unit, { role: "host", name: "negotiator-host", runs: true });
  expect(found?.remedy).toContain("pgrep");
});

test("the holder of a socket is the process at the other end of its connection", () => {
  const lines = [
    'u_str LISTEN 0 1 /run/my vm.sock 100 * 0 users:(("qemu",pid=7,fd=3))',
    'u_str ESTAB 0 0 /run/my vm.sock 101 * 102 users:(("qemu",pid=7,fd=9))',
    'u_str ESTAB 0 0 * 102 * 101 users:(("socat",pid=8,fd=5))',
    'u_str ESTAB 0 0 * 103 * 104 users:(("other",pid=9,fd=5))',
  ];
  expect(readHolders(lines.join("\n"), "/run/my vm.sock")).toEqual([{ pid: 8, command: "socat" }]);
  expect(readHolders(lines.join("\n"), "/run/other")).toEqual([]);
});

describe("a check", () => {
  const facts = { role: "host", isRoot: true, configProblem: undefined } as const;
  const examination = { ...facts, unit: () => Promise.resolve(undefined) };
  const run = (check: Check["run"]): ReturnType<typeof runCheck> =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- these checks use no invocation
    runCheck({ name: "x", timeoutMs: 50, run: check }, { ...examination, invocation: {} as never });

  test("that hangs ends at its deadline, is unknown, and its signal aborts", async () => {
    let signal: AbortSignal | undefined;
    const { findings, hasEnded } = await run((given) => {
      ({ signal } = given);
      return new Promise(() => undefined);
    });
    expect(findings).toMatchObject([
      { check: "x", level: "unknown", text: expect.stringContaining("0.05 s") },
    ]);
    expect([hasEnded, signal?.aborted]).toEqual([false, true]);
  });

  test("that throws is unknown, with the words and the remedy of its error", async () => {
    const { findings } = await run(() => Promise.reject(new Error("no disk\nbuy one")));
    expect(findings).toEqual([{ check: "x", level: "unknown", text: "no disk", remedy: "buy one" }]);
  });
});

describe("findings", () => {
  const finding = { check: "port", level: "problem", text: "one two three four five six seven" } as const;

  test("are wrapped at blanks on a narrow terminal, and their commands are not", () => {
    const remedy = "Do it: a-long-command with many words that goes beyond the terminal";
    const lines = describeFinding({ ...finding, remedy, fix: ["a"] }, 30).split("\n");
    expect(lines.slice(0, 3)).toEqual([
      "problem  port: one two three",
      "         four five six seven",
      `         ${remedy} (--fix does it)`,
    ]);
    expect(describeFinding(finding).split("\n")).toHaveLength(1);
  });

  test("have no control characters of others", () => {
    expect(describeFinding({ ...finding, text: "a\u001b[2Jb" })).toContain("a\\x1b[2Jb");
  });

  test("have the exit code of the worst", () => {
    expect([
      codeOf("ok"),
      codeOf("ok", "unknown"),
      codeOf("unknown", "warning"),
      codeOf("warning", "problem"),
    ]).toEqual([0, 3, 1, 2]);
    expect(summarize([finding, finding, { ...finding, level: "ok" }])).toBe("2 problems, 1 ok");
  });
});

function codeOf(...levels: Level[]): number {
  return worstExitCode(levels.map((level) => ({ check: "x", level, text: "" })));
}

function guest(name: string, lastError: string): GuestStatus {
  return {
    name,
    uuid: null,
    state: "waiting",
    dialect: null,
    version: null,
    since: null,
    lastError,
    calls: { outgoing: 0, incoming: 0 },
    ...NO_FIGURES,
  };
}

test("guests with the same error share one line, and every error has a remedy", () => {
  const many = Array.from({ length: 7 }, (_, index) => guest(`web${index}`, "No agent answers"));
  const found = judgeStates([...many, guest("db", "The agent stops"), guest("x", "Broken\nMend it")]);
  expect(found.map(({ text, remedy }) => [text, remedy])).toEqual([
    ["7 guests (web0, web1, web2, web3, web4 and 2 more): No agent answers", `Look at each: ${DOCTOR} web0`],
    ['"db": The agent stops', `Look at it: ${DOCTOR} db`],
    ['"x": Broken', "Mend it"],
  ]);
});

test("a paused guest is a warning, and one that is shut off is fine", () => {
  const fine = { calls: { outgoing: 0, incoming: 0 }, ...NO_FIGURES, lastError: null };
  const states = (["paused", "shut off"] as const).map((state) => ({ ...guest(state, ""), ...fine, state }));
  expect(judgeStates(states).map(({ level, text }) => [level, text])).toEqual([
    ["warning", "paused: paused"],
    ["ok", "not running: shut off (shut off)"],
  ]);
});

const DOCTOR = "negotiator host doctor";
