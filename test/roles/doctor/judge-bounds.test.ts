/** How checks judge values at their bounds, and the words for them. */
import { describe, expect, test } from "bun:test";
import { judgeAuditPlace } from "../../../src/roles/doctor/check-audit.ts";
import { judgeAbsence, judgeAnswer } from "../../../src/roles/doctor/check-daemon.ts";
import { judgeDenials } from "../../../src/roles/doctor/check-denials.ts";
import { judgeLimits } from "../../../src/roles/doctor/check-limits.ts";
import { judgePeer } from "../../../src/roles/doctor/check-peer.ts";
import type { Found } from "../../../src/roles/doctor/finding.ts";
import { findLackOfInodes, findObstacle, formatRoom } from "../../../src/roles/doctor/file-place.ts";
import type { Info } from "../../../src/methods/info.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { VERSION } from "../../../src/version.ts";

const MIB = 1024 * 1024;
const PLACE = { existing: "/a", fault: undefined, refusal: undefined, freeBytes: MIB, hasInodes: true };
const FILES = { policyProblem: null, unreadFile: null, setElsewhere: {} };
const DAEMON = {
  path: "/s",
  canReload: true,
  program: undefined,
  access: undefined,
  others: [],
  files: FILES,
};
const SIDES = { other: "the guest", here: "the host" };
const INFO: Info = {
  role: "guest",
  version: VERSION,
  hostname: "web1",
  kernel: "6.1",
  uptimeSeconds: 1,
  agentSeconds: 1,
};

test("room is written in KiB below 10 MiB, and in MiB from there, rounded down", () => {
  expect([0, 2047, 10 * MIB - 1, 10 * MIB, 11 * MIB - 1].map(formatRoom)).toEqual([
    "0 KiB",
    "1 KiB",
    "10239 KiB",
    "10 MiB",
    "10 MiB",
  ]);
});

test("a place can be used with 1 MiB of room, and not with less", () => {
  expect(findObstacle("/a/b", PLACE)).toBeUndefined();
  expect(findObstacle("/a/b", { ...PLACE, freeBytes: MIB - 1 })?.text).toBe(
    "the disk of /a/b is full: 1023 KiB are free",
  );
});

test("a refusal is named before the full disk, and a read-only disk is not taken for missing rights", () => {
  const full = { ...PLACE, freeBytes: 0 };
  expect(findObstacle("/a/b", { ...full, refusal: "EROFS" })?.text).toContain("mounted read-only");
  expect(findObstacle("/a/b", { ...full, refusal: "EACCES" })).toEqual({
    text: "/a/b cannot be written (EACCES)",
    remedy: "Look at it: ls -ld /a",
  });
});

test("a disk without an inode left takes no file more, and one with inodes does", () => {
  expect(findLackOfInodes("/a/b", PLACE)).toBeUndefined();
  expect(findLackOfInodes("/a/b", { ...PLACE, hasInodes: false })?.text).toContain("no inode left");
});

describe("the audit", () => {
  const AUDIT = { ...PLACE, path: "/a/b", isThere: true, isRegular: true, neededBytes: 60 * MIB };
  const judge = (given: object, isRoot = true): unknown =>
    judgeAuditPlace({ ...AUDIT, ...given }, { isRoot })[0]?.level;

  test("is fine with exactly as much room as it may take, and a warning with a byte less", () => {
    expect(judge({ freeBytes: 60 * MIB })).toBe("ok");
    expect(judge({ freeBytes: 60 * MIB - 1 })).toBe("warning");
  });

  test("that may take much is fine with 100 MiB of room, and a warning with a byte less", () => {
    expect(judge({ freeBytes: 100 * MIB, neededBytes: 900 * MIB })).toBe("ok");
    expect(judge({ freeBytes: 100 * MIB - 1, neededBytes: 900 * MIB })).toBe("warning");
  });

  test("that is not there yet is a problem without inodes, and root's refusal is one too", () => {
    expect(judge({ hasInodes: false, isThere: false, freeBytes: 60 * MIB })).toBe("problem");
    expect(judge({ refusal: "EACCES" })).toBe("problem");
  });
});

describe("the limits of a daemon", () => {
  test("are fine from 4096 files on", () => {
    expect([limitsOf(4096)?.level, limitsOf(4095)?.level]).toEqual(["ok", "warning"]);
  });

  test("are fine while nine tenths of the files are open, and not with one more", () => {
    expect([limitsOf(10_000, 9000)?.level, limitsOf(10_000, 9001)?.level]).toEqual(["ok", "warning"]);
  });

  test("say how many files are open if that is known, and root without a daemon says nothing", () => {
    expect(limitsOf(5000)?.text).toBe("process 1 may open 5000 files");
    expect(limitsOf(5000, 0)?.text).toBe("process 1 may open 5000 files, and has 0 open");
    expect(judgeLimits([], { role: "guest", isRoot: true })).toEqual([]);
  });
});

describe("the other side", () => {
  test("is slow after more than 500 ms", () => {
    expect(judgeWay({ roundTripMs: 500 })).toHaveLength(1);
    expect(judgeWay({ roundTripMs: 501 })[1]).toBe("a question to the guest takes 501 ms");
  });

  test("has a wrong clock beyond two seconds and the way, in both directions", () => {
    expect(judgeWay({ offsetMs: 2001 })).toHaveLength(1);
    expect(judgeWay({ offsetMs: -2001 })).toHaveLength(1);
    expect(judgeWay({ offsetMs: 2002 })[1]).toBe("the clock of the guest is 2.00 s ahead of ours");
    expect(judgeWay({ offsetMs: -2002 })[1]).toBe("the clock of the guest is 2.00 s behind ours");
  });

  test("has its clock in hundredths of a second below ten, and without them from there", () => {
    expect(judgeWay({ offsetMs: 9994 })[0]).toEndWith("answers in 1.0 ms, clocks differ by 9.99 s");
    expect(judgeWay({ offsetMs: -10_000 })[0]).toEndWith("clocks differ by 10 s");
    expect(judgeWay({ offsetMs: undefined })).toEqual(["the guest (web1) answers in 1.0 ms"]);
  });

  test("that fails otherwise than by a denial is a problem", () => {
    const error = new NegotiatorError("NO_CHANNEL", "Cannot connect to x");
    expect(judgePeer({ kind: "error", error }, SIDES)).toMatchObject([{ level: "problem" }]);
  });
});

describe("denials", () => {
  const apparmor = 'apparmor="DENIED" name="/run/negotiator.sock"';
  const selinux = "avc:  denied  { open } for /var/lib/libvirt/qemu/channel/x ";

  test("are named by the system of the last one, with their number", () => {
    expect(denialsOf([selinux, apparmor])).toBe(`AppArmor denied 2 accesses, the last one: ${apparmor}`);
    expect(denialsOf([apparmor, selinux])).toBe(`SELinux denied 2 accesses, the last one: ${selinux.trim()}`);
    expect(denialsOf(['apparmor="DENIED" name="/x"', "negotiator"])).toContain("has denied nothing");
  });

  test("are unknown without the log, and cannot be without a system that denies", () => {
    expect(judgeDenials({ systems: ["SELinux"], lines: undefined })[0]?.level).toBe("unknown");
    expect(judgeDenials({ systems: [], lines: undefined })[0]?.level).toBe("ok");
  });
});

describe("a daemon that answers", () => {
  test("and denies every call is a problem, before a file that it has not read", () => {
    expect(judgePolicy("bad\nMend it")).toEqual([
      { level: "problem", text: "the daemon denies every call: bad", remedy: "Mend it" },
    ]);
    expect(judgePolicy("bad")).toMatchObject([{ remedy: "negotiator guest reload" }]);
  });

  test("reloads an unread file, and is restarted for another program", () => {
    expect(judgeAnswer({ ...DAEMON, files: { ...FILES, unreadFile: "old" } }, "guest")).toEqual([
      {
        level: "warning",
        text: "old",
        remedy: "Load it: negotiator guest reload",
        fix: ["negotiator", "guest", "reload"],
      },
    ]);
    const program = { problem: "older", remedy: "Restart" };
    expect(judgeAnswer({ ...DAEMON, program }, "guest")).toEqual([
      { level: "warning", text: "older", remedy: "Restart" },
    ]);
  });

  test("that should run is called a daemon that does not answer only while its service is active", () => {
    expect(absenceOf("active")).toBe("no daemon answers: why, although negotiator-guest runs");
    expect(absenceOf("inactive")).toBe("no daemon runs: why");
    expect(absenceOf("failed")).toBe("no daemon runs: why, because negotiator-guest fails");
  });
});

function limitsOf(files: number, open?: number): Found | undefined {
  return judgeLimits([{ pid: 1, files, open }], { role: "guest", isRoot: true })[0];
}

function denialsOf(lines: string[]): string | undefined {
  return judgeDenials({ systems: ["AppArmor", "SELinux"], lines })[0]?.text;
}

function judgePolicy(policyProblem: string): Found[] {
  const files = { ...FILES, policyProblem, unreadFile: "old" };
  return judgeAnswer({ ...DAEMON, files }, "guest");
}

function absenceOf(ActiveState: string): string {
  return judgeAbsence("why", { canReload: true, unit: { LoadState: "loaded", ActiveState } }, "guest").text;
}

function judgeWay(given: { roundTripMs?: number; offsetMs?: number | undefined }): string[] {
  return judgePeer({ kind: "answers", info: INFO, roundTripMs: 1, offsetMs: 0, ...given }, SIDES).map(
    ({ text }) => text,
  );
}
