/** How chaos judges calls, by what their callers got and what their commands wrote down. */
import { describe, expect, test } from "bun:test";
import { exitCodeOf, formatCommands, formatLine } from "../../chaos/call.ts";
import type { CallEnd, JudgedCall } from "../../chaos/call.ts";
import { addFigures, findMisses, formatFigures, sumFigures } from "../../chaos/figures.ts";
import type { ChaosFigures } from "../../chaos/figures.ts";
import { findRecovery } from "../../chaos/run-try.ts";
import { judge, NO_COUNTS } from "../../chaos/judge.ts";
import type { Counts } from "../../chaos/judge.ts";

const RAN = "7 begun\n7 done\n";
const UNKNOWN = "negotiator: The peer was restarted: the outcome of the call is unknown\n";
const GOOD = { atMs: 20, exitCode: exitCodeOf(7), stdout: "answer 7\n", stderr: "" };

describe("judge", () => {
  test.each<[string, CallEnd["ended"], string, boolean, Partial<Counts>]>([
    ["an answered call that ran once", GOOD, RAN, false, {}],
    ["one that the case may end, and that went on", GOOD, RAN, true, {}],
    ["125 for a command that finished", { ...GOOD, exitCode: 125 }, RAN, false, { lost: 1 }],
    ["125 for a command that never ran", { ...GOOD, exitCode: 125 }, "", false, { lost: 1 }],
    ["a command that ran twice", GOOD, RAN + RAN, false, { doubled: 1 }],
    ["a caller that is gone with its machine", "gone", RAN, true, { ended: 1 }],
    ["a caller that is gone where it must not be", "gone", RAN, false, { lost: 1 }],
    ["a call without an end", undefined, RAN, true, { endless: 1 }],
    ["another exit code", { ...GOOD, exitCode: 3 }, RAN, true, { wrong: 1 }],
    ["other output", { ...GOOD, stdout: "answer 8\n" }, RAN, false, { wrong: 1 }],
    ["an answer of a command that did not finish", GOOD, "7 begun\n", false, { wrong: 1 }],
    [
      "an unknown outcome where the case may end calls",
      { ...GOOD, exitCode: 125, stdout: "", stderr: UNKNOWN },
      RAN,
      true,
      { ended: 1 },
    ],
    [
      "a known outcome where the command ran, and the caller does not learn that",
      { ...GOOD, exitCode: 125, stdout: "", stderr: "negotiator: No such guest\n" },
      RAN,
      true,
      { wrong: 1 },
    ],
    [
      "a refused call that did not run",
      { ...GOOD, exitCode: 125, stdout: "", stderr: "negotiator: No such guest\n" },
      "",
      true,
      { ended: 1 },
    ],
    ["125 without a word", { ...GOOD, exitCode: 125, stdout: "" }, "", true, { wrong: 1 }],
    [
      "a command that a stopping daemon ended",
      { ...GOOD, exitCode: 143, stdout: "", stderr: "negotiator: ended\n" },
      "7 begun\n",
      true,
      { ended: 1 },
    ],
  ])("counts %s", (_, ended, ledger, mayEnd, expected) => {
    const call: CallEnd = { number: 7, kind: "note", from: "host", wasInFlight: true, ended };
    const { counts } = judge({ calls: [call], ledger, streamBytes: 9, mayEnd: () => mayEnd });
    expect(counts).toEqual({ ...NO_COUNTS, calls: 1, inFlight: 1, ...expected });
  });

  test("counts the digest of a stream, and a command that no call has started", () => {
    const call: CallEnd = { number: 7, kind: "raw", from: "guest", wasInFlight: false, ended: GOOD };
    const facts = { streamBytes: 9, mayEnd: () => false };
    const same: CallEnd = { ...call, ended: { ...GOOD, stdout: "same 9\n" } };
    expect(judge({ ...facts, calls: [same], ledger: RAN }).counts).toEqual({ ...NO_COUNTS, calls: 1 });
    const when = { madeMs: -300, endedMs: 2040 };
    const less: CallEnd = { ...call, when, ended: { ...GOOD, stdout: "same 8\n" } };
    const { counts, faults } = judge({ ...facts, calls: [less], ledger: `${RAN}8 begun\n` });
    expect(counts).toEqual({ ...NO_COUNTS, calls: 1, wrong: 2 });
    expect(faults[0]).toStartWith(
      "wrong: raw call 7 of the guest (begun 1 times, done 1 times, made at -0.3 s and ended at 2.0 s) got 8",
    );
  });

  test("tells the case whether the command has begun", () => {
    const ended = { ...GOOD, exitCode: 125, stdout: "", stderr: "negotiator: the daemon stops\n" };
    const call: CallEnd = { number: 7, kind: "note", from: "host", wasInFlight: true, ended };
    const facts = { calls: [call], streamBytes: 9, mayEnd: ({ hasBegun = false }: JudgedCall) => !hasBegun };
    expect(judge({ ...facts, ledger: "" }).counts).toMatchObject({ ended: 1, lost: 0 });
    expect(judge({ ...facts, ledger: RAN }).counts).toMatchObject({ ended: 0, lost: 1 });
  });
});

test("the recovery of a side ends with the first answer to a new call after the disturbance", () => {
  const call: CallEnd = { number: 7, kind: "later", from: "host", wasInFlight: false, ended: GOOD };
  const calls: CallEnd[] = [
    { ...call, kind: "note", ended: { ...GOOD, atMs: 11 } },
    { ...call, kind: "waiting", ended: { ...GOOD, atMs: 9 } },
    { ...call, from: "guest", ended: { ...GOOD, atMs: 14 } },
    { ...call, kind: "waiting", ended: { ...GOOD, exitCode: 125, atMs: 12 } },
    call,
  ];
  expect(findRecovery(calls, { from: "host", backMs: 10 })).toBe(10);
  expect(findRecovery(calls, { from: "guest", backMs: 10 })).toBe(4);
  expect(findRecovery(calls.slice(3, 4), { from: "host", backMs: 10 })).toBe(2);
  expect(findRecovery([], { from: "host", backMs: 10 })).toBe(Number.POSITIVE_INFINITY);
});

test("the commands plant the fault, and only in some calls", () => {
  const { note = "" } = formatCommands("append() { :; }", "drop");
  expect(note).toContain("plant=drop");
  expect(formatCommands("append() { :; }")["note"]).toContain("plant=none");
});

test("the shell line of a stream compares digests, and that of a detached call prints its id", () => {
  const words = { program: "negotiator host", peer: "web1", directory: "/d", seconds: 2 };
  expect(formatLine({ number: 3, kind: "raw", from: "host" }, words)).toContain("sha256sum");
  const detached = formatLine({ number: 3, kind: "detached", from: "host" }, words);
  expect(detached).toBe("negotiator host execute --detach --connect-timeout 60 -t 0 web1 note 3 2");
});

describe("the figures of a case", () => {
  const figures: ChaosFigures = {
    ...NO_COUNTS,
    name: "cut",
    what: "a cut",
    tries: 2,
    calls: 32,
    recoveryMs: 900,
    hasRecoveryGoal: true,
  };

  test.each([
    [{}, []],
    [{ lost: 2 }, ["cut: 2 calls lost"]],
    [{ doubled: 1, wrong: 1 }, ["cut: 1 calls doubled", "cut: 1 calls wrong"]],
    [{ endless: 1 }, ["cut: 1 calls endless"]],
    [{ ended: 9 }, []],
    [{ recoveryMs: 2500 }, ["cut: a call took 2.5 s afterwards, more than 2.0 s"]],
    [{ recoveryMs: 2500, hasRecoveryGoal: false }, []],
    [{ tries: 0 }, ["cut: no try came to its end"]],
  ])("with %j miss these goals: %j", (changes, misses) => {
    expect(findMisses({ ...figures, ...changes })).toEqual(misses);
    expect(formatFigures({ ...figures, ...changes }).includes("MISSED")).toBe(misses.length > 0);
  });

  test("of all cases are added, with the longest recovery that has a goal", () => {
    const machine = { ...figures, name: "vm", recoveryMs: 9000, hasRecoveryGoal: false, wrong: 1 };
    expect(sumFigures([figures, machine])).toEqual({
      ...figures,
      name: "all",
      what: "2 cases",
      tries: 4,
      calls: 64,
      wrong: 1,
    });
  });

  test("of two rounds are added, with the longer recovery", () => {
    const sum = addFigures(figures, { ...figures, recoveryMs: 100, lost: 1 });
    expect(sum).toEqual({ ...figures, tries: 4, calls: 64, lost: 1 });
  });
});
