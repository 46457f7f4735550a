/** The command line of chaos. */
import { describe, expect, test } from "bun:test";
import { CASES, chooseCases } from "../../chaos/cases.ts";
import { CHAOS_HELP, parseChaosOptions } from "../../chaos/options.ts";

describe("parseChaosOptions", () => {
  test("without words takes all emulated cases, three tries and a new seed", () => {
    const { seed, ...options } = parseChaosOptions([]);
    expect(options).toEqual({
      only: [],
      tries: 3,
      lanes: 1,
      hasMachine: false,
      isJson: false,
      isList: false,
      isHelp: false,
    });
    expect(Number.isInteger(seed)).toBe(true);
  });

  test("reads every option, with a value in the next word or after an equals sign", () => {
    const words = [
      "--only",
      "tear",
      "--only=flap",
      "--tries=2",
      "--lanes",
      "4",
      "--minutes=5",
      "--seed",
      "0",
    ];
    const more = ["--plant=drop", "--logs=faults", "--binary", "/b", "--vm", "--json", "--list", "-h"];
    expect(parseChaosOptions([...words, ...more])).toEqual({
      binary: "/b",
      only: ["tear", "flap"],
      tries: 2,
      lanes: 4,
      minutes: 5,
      seed: 0,
      logs: "faults",
      plant: "drop",
      hasMachine: true,
      isJson: true,
      isList: true,
      isHelp: true,
    });
  });

  test.each([
    [["--only"], "option --only needs a value"],
    [["--tries", "0"], '--tries needs a whole number from 1, not "0"'],
    [["--minutes=0x5"], '--minutes needs a whole number from 1, not "0x5"'],
    [["--seed", "-1"], '--seed needs a whole number from 0, not "-1"'],
    [["--plant", "lose"], '--plant needs one of drop, double, wrong, not "lose"'],
    [["--json=yes"], 'unknown option "--json" with a value'],
    [["tear"], 'unknown word "tear"'],
  ])("refuses %j with: %s", (words, message) => {
    expect(() => parseChaosOptions(words)).toThrow(message);
  });

  test("--help names every option", () => {
    const names = [
      "only",
      "vm",
      "tries",
      "lanes",
      "minutes",
      "seed",
      "plant",
      "binary",
      "json",
      "list",
      "help",
    ];
    for (const name of names) expect(CHAOS_HELP).toContain(`--${name}`);
  });
});

describe("chooseCases", () => {
  test("takes the named cases in the order of the table, and all emulated ones without a name", () => {
    expect(chooseCases({ only: ["tear", "cut-5s"], hasMachine: false })).toEqual(["cut-5s", "tear"]);
    const emulated = Object.keys(CASES).filter((name) => CASES[name]?.kind !== "machine");
    expect(chooseCases({ only: [], hasMachine: false })).toEqual(emulated);
    expect(chooseCases({ only: [], hasMachine: true })).toEqual(Object.keys(CASES));
  });

  test("refuses an unknown name and lists the cases", () => {
    expect(() => chooseCases({ only: ["tears"], hasMachine: false })).toThrow(
      'no case "tears"; the cases are: ',
    );
  });
});
