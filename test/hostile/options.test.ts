/** The command line of the attacks, and how their figures are judged. */
import { describe, expect, test } from "bun:test";
import { ATTACKS, MIXED_ATTACKS } from "../../hostile/attacks.ts";
import { findMisses, formatFigures } from "../../hostile/goals.ts";
import { chooseCases, HOSTILE_HELP, parseHostileOptions } from "../../hostile/options.ts";
import { summarize } from "../../hostile/probe.ts";
import { CASE_NAMES } from "../../hostile/run-case.ts";
import type { Figures } from "../../hostile/run-case.ts";

describe("parseHostileOptions", () => {
  test("without words takes all cases, twelve attackers and ten seconds", () => {
    expect(parseHostileOptions([])).toEqual({
      only: [],
      seconds: 10,
      attackers: 12,
      isJson: false,
      isList: false,
      isHelp: false,
    });
  });

  test("reads every option, with a value in the next word or after an equals sign", () => {
    const words = ["--only", "pings", "--only=mixed", "--seconds=3", "--attackers", "2", "--binary", "/b"];
    expect(parseHostileOptions([...words, "--json", "--list", "-h"])).toEqual({
      binary: "/b",
      only: ["pings", "mixed"],
      seconds: 3,
      attackers: 2,
      isJson: true,
      isList: true,
      isHelp: true,
    });
  });

  test.each([
    [["--only"], "option --only needs a value"],
    [["--seconds", "0"], '--seconds needs a whole number from 1, not "0"'],
    [["--attackers=2.5"], '--attackers needs a whole number from 1, not "2.5"'],
    [["--json=yes"], 'unknown option "--json" with a value'],
    [["pings"], 'unknown word "pings"'],
  ])("refuses %j with: %s", (words, message) => {
    expect(() => parseHostileOptions(words)).toThrow(message);
  });

  test("--help names every option", () => {
    for (const option of ["--only", "--binary", "--seconds", "--attackers", "--json", "--list", "--help"])
      expect(HOSTILE_HELP).toContain(option);
  });
});

describe("chooseCases", () => {
  test("takes the named cases in the order of the table, and all without a name", () => {
    expect(chooseCases(CASE_NAMES, ["mixed", "pings"])).toEqual(["pings", "mixed"]);
    expect(chooseCases(CASE_NAMES, [])).toEqual([...CASE_NAMES]);
  });

  test("refuses an unknown name and lists the cases", () => {
    expect(() => chooseCases(CASE_NAMES, ["ping"])).toThrow('no case "ping"; the cases are: ');
  });
});

test("the mixed attackers make twelve different attacks of the table", () => {
  expect(new Set(MIXED_ATTACKS).size).toBe(12);
  expect(MIXED_ATTACKS.filter((name) => ATTACKS[name]?.kind !== "guest")).toEqual([]);
});

test("summarize counts a failed call as one without end", () => {
  const times = [...Array.from({ length: 98 }, (_, at) => at + 1), 500, Number.POSITIVE_INFINITY];
  expect(summarize(times)).toEqual({
    p50: 50,
    p99: 500,
    longest: Number.POSITIVE_INFINITY,
    calls: 100,
    failed: 1,
  });
});

const GOOD: Figures = {
  name: "pings",
  what: "pings",
  p50: 1,
  p99: 99,
  longest: 200,
  calls: 400,
  failed: 0,
  peakMb: 149,
  sentMb: 10,
  slowness: 1,
};

test.each([
  [{}, []],
  [{ p99: 100 }, ["pings: p99 is 100 ms, not below 100"]],
  [{ peakMb: 150 }, ["pings: the daemon took 150 MB, not below 150"]],
  [{ failed: 2 }, ["pings: 2 calls failed"]],
])("figures with %j miss these goals: %j", (changes, misses) => {
  const figures = { ...GOOD, ...changes };
  expect(findMisses(figures)).toEqual(misses);
  expect(formatFigures(figures).includes("MISSED")).toBe(misses.length > 0);
});
