/** The command line of the bench, and which rows it chooses. */
import { describe, expect, test } from "bun:test";
import { BENCH_HELP, chooseRows, parseBenchOptions } from "../../bench/bench-options.ts";
import { ROWS } from "../../bench/rows.ts";

describe("parseBenchOptions", () => {
  test("without words takes three rounds and all rows, and prints a table", () => {
    expect(parseBenchOptions([])).toEqual({
      only: [],
      rounds: 3,
      hasMachine: false,
      isJson: false,
      isCheck: false,
      isWriteBaseline: false,
      isHelp: false,
    });
  });

  test("reads every option, with a value in the next word or after an equals sign", () => {
    const words = [
      "--only",
      "call",
      "--only=bulk",
      "--rounds=5",
      "--binary",
      "/b",
      "--vm",
      "--json",
      "--check",
    ];
    expect(parseBenchOptions([...words, "--write-baseline", "-h"])).toEqual({
      binary: "/b",
      only: ["call", "bulk"],
      rounds: 5,
      hasMachine: true,
      isJson: true,
      isCheck: true,
      isWriteBaseline: true,
      isHelp: true,
    });
  });

  test.each([
    [["--only"], "option --only needs a value"],
    [["--rounds", "0"], '--rounds needs a whole number from 1, not "0"'],
    [["--rounds=2.5"], '--rounds needs a whole number from 1, not "2.5"'],
    [["--vm=yes"], 'unknown option "--vm" with a value'],
    [["fast"], 'unknown word "fast"'],
  ])("refuses %j with: %s", (words, message) => {
    expect(() => parseBenchOptions(words)).toThrow(message);
  });

  test("--help names every option", () => {
    for (const option of [
      "--only",
      "--vm",
      "--rounds",
      "--binary",
      "--json",
      "--check",
      "--write-baseline",
    ]) {
      expect(BENCH_HELP).toContain(option);
    }
  });
});

describe("chooseRows", () => {
  test("without --vm leaves out the rows of a virtual machine, and with it takes all rows", () => {
    expect(names([])).toEqual(
      ROWS.filter(({ family }) => family !== "virtual-machine").map(({ name }) => name),
    );
    expect(names([], true)).toEqual(ROWS.map(({ name }) => name));
  });

  test("takes rows and whole families by name, in the order of the table", () => {
    expect(names(["version", "bulk-in", "starts"])).toEqual(["bulk-in", "version", "execute"]);
  });

  test("takes a row of a virtual machine that --only names, without --vm", () => {
    expect(names(["vm-in"])).toEqual(["vm-in"]);
  });

  test("refuses an unknown name and lists the rows", () => {
    expect(() => names(["bulk-inn"])).toThrow('no row "bulk-inn"; the rows are: bulk-out, bulk-in,');
  });
});

test("every row has a different name, and no row is named like a family of several rows", () => {
  const rowNames = ROWS.map(({ name }) => name);
  expect(new Set(rowNames).size).toBe(rowNames.length);
  expect(ROWS.filter(({ family }) => rowNames.includes(family))).toEqual([]);
});

test("a row that is judged by its ratio has a yardstick", () => {
  expect(ROWS.filter(({ judged, yardstick }) => judged === "ratio" && yardstick === undefined)).toEqual([]);
});

function names(only: string[], hasMachine = false): string[] {
  return chooseRows(ROWS, { only, hasMachine }).map(({ name }) => name);
}
