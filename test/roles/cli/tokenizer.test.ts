/** The tokenizer: every option must be declared, and the words of a foreign command stay as they are. */
import { describe, expect, test } from "bun:test";
import type { ArgsDef } from "citty";
import { COMMON_OPTIONS } from "../../../src/roles/cli/options.ts";
import { checkPositionals, readWords } from "../../../src/roles/cli/tokenizer.ts";
import type { Grammar } from "../../../src/roles/cli/tokenizer.ts";
import { errorOf } from "../../support/error-of.ts";

const GUESTS = "\nList the guests: negotiator host list-guests";

const ARGS = {
  guest: { type: "positional", required: true },
  note: { type: "positional", required: false },
  timeout: { type: "string", alias: "t" },
  json: { type: "boolean" },
  ...COMMON_OPTIONS,
} as const satisfies ArgsDef;
const LIST: Grammar = { help: "negotiator host list --help", args: ARGS };
const EXECUTE: Grammar = { help: "negotiator host execute --help", args: ARGS, restAfter: 2 };

function read(words: readonly string[], grammar = LIST) {
  const { options, positionals } = readWords(words, grammar);
  return { options: Object.fromEntries(options), positionals };
}

function refuse(words: readonly string[], grammar = LIST): string {
  const error = errorOf(() => checkPositionals(readWords(words, grammar), grammar));
  expect(error.code).toBe("BAD_USAGE");
  expect(error.message).not.toMatch(/[^\P{Cc}\n]/u);
  return error.message;
}

describe("options", () => {
  test.each([
    [["-vv"], { verbose: ["", ""] }],
    [["-v", "-v"], { verbose: ["", ""] }],
    [["--verbose", "-vqv"], { verbose: ["", "", ""], quiet: [""] }],
    [["--config=x"], { config: ["x"] }],
    [["--config", "x"], { config: ["x"] }],
    [["--config=a=b"], { config: ["a=b"] }],
    [["--config="], { config: [""] }],
    [["--config", ""], { config: [""] }],
    [["--config", "a", "--config", "b"], { config: ["a", "b"] }],
    [["--config", "--json"], { config: ["--json"] }],
    [["--config", "--"], { config: ["--"] }],
    [["-t5"], { timeout: ["5"] }],
    [["-t=5"], { timeout: ["5"] }],
    [["-t", "5"], { timeout: ["5"] }],
    [["-t", "-5"], { timeout: ["-5"] }],
    [["-t="], { timeout: [""] }],
    [["-vt5"], { verbose: [""], timeout: ["5"] }],
    [["-vt", "5"], { verbose: [""], timeout: ["5"] }],
    [["-tv"], { timeout: ["v"] }],
    [["-t\u{1f642}"], { timeout: ["\u{1f642}"] }],
    [["-h"], { help: [""] }],
  ])("%j is read as the options %j, before and after other words", (words, options) => {
    expect(read(words)).toEqual({ options, positionals: [] });
    expect(read(["web1", ...words])).toEqual({ options, positionals: ["web1"] });
    expect(read([...words, "web1"])).toEqual({ options, positionals: ["web1"] });
    expect(read([...words, "--", "-v", "--", "-x"])).toEqual({ options, positionals: ["-v", "--", "-x"] });
  });

  test("options on both sides of positional words are all read", () => {
    expect(read(["-v", "web1", "--json", "x", "-q"])).toEqual({
      options: { verbose: [""], json: [""], quiet: [""] },
      positionals: ["web1", "x"],
    });
  });

  test("a word of very many letters is read in little time", () => {
    const spent = process.threadCpuUsage();
    expect(read([`-${"v".repeat(30_000)}`]).options["verbose"]).toHaveLength(30_000);
    expect(process.threadCpuUsage(spent).user).toBeLessThan(1_000_000);
  });

  test("a single dash and an empty word are positional words", () => {
    expect(read(["-", ""])).toEqual({ options: {}, positionals: ["-", ""] });
  });
});

describe("refused", () => {
  test.each([
    [
      ["--jsno"],
      'unknown option "--jsno"\nDid you mean "--json"?\nRead the help: negotiator host list --help',
    ],
    [
      ["--jsno=1"],
      'unknown option "--jsno"\nDid you mean "--json"?\nRead the help: negotiator host list --help',
    ],
    [["-json"], 'unknown option "-json"\nDid you mean "--json"?\nRead the help: negotiator host list --help'],
    [["--JSON"], 'unknown option "--JSON"\nUse one of'],
    [["-x"], 'unknown option "-x"\nUse one of: --timeout, -t, --json, '],
    [["-vx"], 'unknown option "-x"\nUse one of'],
    [["-\u{1f642}"], 'unknown option "-\u{1f642}"\nUse one of'],
    [["--no-json"], 'unknown option "--no-json"'],
    [["--v"], 'unknown option "--v"'],
    [["--="], 'unknown option "--"'],
    [["--guest", "web1"], 'unknown option "--guest"'],
    [["--constructor"], 'unknown option "--constructor"'],
    [["--__proto__=1"], 'unknown option "--__proto__"'],
    [["--toString"], 'unknown option "--toString"'],
    [["--\u001b[31m\n"], 'unknown option "--\\x1b[31m\\n"'],
    [["-\u001b"], 'unknown option "-\\x1b"'],
    [["--config"], "option --config needs the path of a file\nRead the help: negotiator host list --help"],
    [["web1", "-t"], "option -t needs a value\nRead the help: negotiator host list --help"],
    [["-vt"], "option -t needs a value\nRead the help: negotiator host list --help"],
    [["--json=1"], "option --json takes no value\nRead the help: negotiator host list --help"],
    [["--json="], "option --json takes no value\nRead the help: negotiator host list --help"],
    [["-v=1"], "option -v takes no value\nRead the help: negotiator host list --help"],
    [[], "missing GUEST\nWrite: negotiator host list [OPTION...] GUEST [NOTE]" + GUESTS],
    [["--json", "--"], "missing GUEST\nWrite: negotiator host list [OPTION...] GUEST [NOTE]" + GUESTS],
    [["a", "b", "c"], 'surplus word "c"\nWrite: negotiator host list [OPTION...] GUEST [NOTE]'],
    [["a", "b", ""], 'surplus word ""\nWrite: negotiator host list [OPTION...] GUEST [NOTE]'],
    [
      ["a", "b", "--", "--json"],
      'surplus word "--json"\nWrite: negotiator host list [OPTION...] GUEST [NOTE]',
    ],
    [
      ["a", "b", "\u001b[2J\n"],
      'surplus word "\\x1b[2J\\n"\nWrite: negotiator host list [OPTION...] GUEST [NOTE]',
    ],
  ])("%j is refused: %s", (words, message) => {
    expect(refuse(words)).toStartWith(message);
  });
});

describe("after the words of ours", () => {
  const foreign = ["--help", "-v", "--", "--config", "", "-\u001b", "--x=y"];

  test.each([
    ["at once", ["web1", "ls"]],
    ["after our options", ["-v", "web1", "--json", "ls"]],
    ["after a double dash", ["--", "web1", "ls"]],
    ["after a double dash between the words", ["web1", "--", "ls"]],
  ])("every word belongs to the foreign command, %s", (_, ours) => {
    const { positionals, options } = read([...ours, ...foreign], EXECUTE);
    expect(positionals).toEqual(["web1", "ls", ...foreign]);
    expect(options).toEqual(ours.includes("-v") ? { verbose: [""], json: [""] } : {});
  });

  test("after a double dash a command's name may look like an option", () => {
    expect(read(["web1", "--", "-v", "x"], EXECUTE).positionals).toEqual(["web1", "-v", "x"]);
  });

  test("a foreign command takes any number of words, but a missing GUEST is refused", () => {
    expect(() => checkPositionals(readWords(["a", "b", "c", "d"], EXECUTE), EXECUTE)).not.toThrow();
    expect(refuse(["--json"], EXECUTE)).toBe(
      "missing GUEST\nWrite: negotiator host execute [OPTION...] GUEST [NOTE] [ARG...]" + GUESTS,
    );
  });
});

describe("a last word that may be repeated", () => {
  const args = { call: { type: "positional" }, json: { type: "boolean" } } as const satisfies ArgsDef;
  const WAIT: Grammar = { help: "negotiator host wait --help", args, repeatsLast: true };

  test("is taken any number of times, with options between", () => {
    const words = readWords(["a", "--json", "b", "c"], WAIT);
    checkPositionals(words, WAIT);
    expect(words.positionals).toEqual(["a", "b", "c"]);
    expect([...words.options.keys()]).toEqual(["json"]);
  });

  test("has to be there once, and has dots in the usage line", () => {
    expect(refuse([], WAIT)).toContain("Write: negotiator host wait [OPTION...] CALL...");
  });
});

describe("an option in the place of the first word", () => {
  const FAN_OUT: Grammar = {
    help: "negotiator host execute --help",
    args: {
      guest: { type: "positional", required: true },
      command: { type: "positional", required: true },
      all: { type: "boolean", alias: "a" },
      guests: { type: "string" },
    },
    omitsFirst: ["all", "guests"],
    restAfter: 2,
  };

  test.each([
    [["--all", "show", "--all", "x"], { all: [""] }, ["show", "--all", "x"]],
    [["--guests", "web*", "show", "-a"], { guests: ["web*"] }, ["show", "-a"]],
    [["--guests=a", "--all", "show"], { guests: ["a"], all: [""] }, ["show"]],
    [["web1", "show", "--all"], {}, ["web1", "show", "--all"]],
  ])("%j has the options %j and the words %j", (words, options, positionals) => {
    expect(read(words, FAN_OUT)).toEqual({ options, positionals });
    expect(() => checkPositionals(readWords(words, FAN_OUT), FAN_OUT)).not.toThrow();
  });

  test("takes the place of no further word", () => {
    expect(refuse(["--all"], FAN_OUT)).toStartWith("missing COMMAND\n");
    expect(refuse(["--all", "--guests=a"], FAN_OUT)).toStartWith("missing COMMAND\n");
    expect(refuse(["web1"], FAN_OUT)).toStartWith('missing COMMAND after GUEST "web1"\n');
  });

  test("has to stand before all words", () => {
    expect(refuse(["web1", "--all", "show"], FAN_OUT)).toBe(
      "option --all stands behind the first word\nWrite it before all words, and leave GUEST out",
    );
  });

  test("lets no surplus word pass where the words are counted", () => {
    const { help, args, omitsFirst } = FAN_OUT;
    const counted = { help, args, ...(omitsFirst && { omitsFirst }) };
    expect(refuse(["--all", "show", "more"], counted)).toStartWith('surplus word "more"\n');
    expect(() => checkPositionals(readWords(["--all", "show"], counted), counted)).not.toThrow();
  });
});
