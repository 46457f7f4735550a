/** Findings from errors, and what may be said without root. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { AS_ROOT, fromError, fromLook, isDenial, ok, warning } from "../../../src/roles/doctor/finding.ts";
import {
  describeFinding,
  formatFinding,
  summarize,
  worstExitCode,
} from "../../../src/roles/doctor/report.ts";
import { readLastWords } from "../../../src/roles/doctor/last-words.ts";
import { changesOf } from "../../../src/roles/doctor/unit.ts";

const denied = new NegotiatorError("DENIED", "No right", { remedy: "Ask the group" });
const noFile = (code: string): NegotiatorError =>
  new NegotiatorError("BAD_CONFIG", "Cannot read", {
    remedy: "Look",
    cause: Object.assign(new Error(code), { code }),
  });

test("a finding has a remedy and a fix only if they are given", () => {
  expect(warning("a")).toEqual({ level: "warning", text: "a" });
  expect(warning("a", "b", ["c"])).toEqual({ level: "warning", text: "a", remedy: "b", fix: ["c"] });
  expect(ok("a")).toEqual({ level: "ok", text: "a" });
});

test("the lines of an error after the first are the remedy, and an error of one line has none", () => {
  const two = new NegotiatorError("BAD_CONFIG", "Broken", { remedy: "Mend it\nLook" });
  expect(fromError(two)).toEqual({ level: "problem", text: "Broken", remedy: "Mend it\nLook" });
  expect(fromError(new NegotiatorError("BAD_CONFIG", "Broken"), "unknown")).toEqual({
    level: "unknown",
    text: "Broken",
  });
});

test("DENIED and errors of the system about rights are denials, and others are not", () => {
  expect([denied, noFile("EACCES"), noFile("EPERM")].map(isDenial)).toEqual([true, true, true]);
  expect([noFile("ENOENT"), new NegotiatorError("BUSY", "x")].map(isDenial)).toEqual([false, false]);
});

test("without root a denial is unknown, with its own remedy or the one to become root", () => {
  expect(fromLook(denied, false)).toEqual({ level: "unknown", text: "No right", remedy: "Ask the group" });
  expect(fromLook(noFile("EACCES"), false)).toEqual({
    level: "unknown",
    text: "Cannot read",
    remedy: AS_ROOT,
  });
});

test("a denial of root, and another error of any user, is a problem", () => {
  expect(fromLook(denied, true).level).toBe("problem");
  expect(fromLook(noFile("ENOENT"), false)).toMatchObject({ level: "problem", remedy: "Look" });
});

test("a finding as JSON has null for a missing remedy and fix, and the fix as one line of shell", () => {
  const finding = { check: "c", level: "warning", text: "t" } as const;
  expect(JSON.parse(formatFinding(finding))).toEqual({
    check: "c",
    level: "warning",
    message: "t",
    remedy: null,
    fix: null,
  });
  const whole = formatFinding({ ...finding, remedy: "r", fix: ["chmod", "a b"] });
  expect(JSON.parse(whole)).toMatchObject({ remedy: "r", fix: "chmod 'a b'" });
});

test("a text that fills the terminal exactly is one line, and one character more is wrapped", () => {
  const finding = { check: "c", level: "ok", text: "one two" } as const;
  expect(describeFinding(finding, 19)).toBe("ok       c: one two");
  expect(describeFinding(finding, 18)).toBe("ok       c: one\n         two");
  const long = { ...finding, text: "one two three 4567890123" };
  expect(describeFinding(long, 18).split("\n").slice(1)).toEqual([
    "         two three",
    "         4567890123",
  ]);
});

test("only the first line of a remedy is marked as the fix, and empty lines are left out", () => {
  const finding = { check: "c", level: "ok", text: "t", remedy: "a\n\nb" } as const;
  expect(
    describeFinding({ ...finding, fix: ["f"] })
      .split("\n")
      .slice(1),
  ).toEqual(["         a (--fix does it)", "         b"]);
  expect(describeFinding(finding)).not.toContain("--fix");
});

test("a summary counts each level, worst first, and leaves out levels without findings", () => {
  const levels = ["ok", "unknown", "ok", "warning", "problem", "warning"] as const;
  const findings = levels.map((level) => ({ check: "c", level, text: "t" }));
  expect(summarize(findings)).toBe("1 problem, 2 warnings, 1 unknown, 2 ok");
  expect(summarize([])).toBe("");
  expect(worstExitCode([])).toBe(0);
});

test("the last words of a service are its last error, or the step at which systemd failed", () => {
  const log = "Started\nnegotiator: first\nnegotiator: second\nmain process exited\n";
  expect(readLastWords(log)).toBe("second");
  expect(readLastWords("x.service: Failed at step EXEC: no\n")).toBe("Failed at step EXEC: no");
  expect(readLastWords("x.service: Main process exited\nnot negotiator: x")).toBeUndefined();
  expect(readLastWords(`negotiator: ${"a".repeat(301)}`)).toBe(`${"a".repeat(300)}…`);
});

test("drop-ins of packages are not changes of the administrator", () => {
  const paths = "/etc/systemd/system/a.d/x.conf /usr/lib/systemd/b.conf /lib/c.conf /run/lib/d.conf";
  expect(changesOf({ DropInPaths: paths })).toEqual(["/etc/systemd/system/a.d/x.conf", "/run/lib/d.conf"]);
  expect([changesOf({}), changesOf({ DropInPaths: "" })]).toEqual([[], []]);
});
