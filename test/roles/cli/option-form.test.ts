/**
 * The original's option form: the subcommands that it stands for, and command lines that are not of this
 * form.
 */
import { describe, expect, test } from "bun:test";
import { GUEST_FORM, HOST_FORM, readOptionForm } from "../../../src/roles/cli/option-form.ts";
import type { OptionForm } from "../../../src/roles/cli/option-form.ts";
import { errorOf } from "../../support/error-of.ts";

const GUESTS = "\nList the guests: negotiator host list-guests";

const SUBCOMMANDS = new Set(["list-guests", "list-commands", "execute", "daemon", "status", "print-config"]);

/** The limits of a line without `--timeout`. */
const DEFAULTS = new Set(["--timeout=10", "--connect-timeout=10"]);

/** Each line as a subcommand's argv would be written, without the default limits. */
function read(argv: readonly string[], form: OptionForm): string[][] | undefined {
  const lines = readOptionForm(argv, form, (word) => SUBCOMMANDS.has(word));
  if (lines === "help") return [["--help"]];
  return lines?.map(({ subcommand, words: { options, positionals } }) => {
    // `execute` sends no input in this form, with `-n` and without it.
    expect(options.has("no-stdin")).toBe(subcommand === "execute");
    const others = [...options].filter(([name]) => name !== "no-stdin");
    const said = others.flatMap(([name, values]) =>
      values.map((value) => (value === "" ? `--${name}` : `--${name}=${value}`)),
    );
    return [subcommand, ...said.filter((word) => !DEFAULTS.has(word)), "--", ...positionals];
  });
}

const host = (...argv: string[]): string[][] | undefined => read(argv, HOST_FORM);
const guest = (...argv: string[]): string[][] | undefined => read(argv, GUEST_FORM);

const LIST_GUESTS = ["list-guests", "--"];
const LIST_WEB1 = ["list-commands", "--", "web1"];
const LS_WEB1 = ["execute", "--", "web1", "ls"];

describe("on a host", () => {
  test.each([
    [["-g"], [LIST_GUESTS]],
    [["--list-guests"], [LIST_GUESTS]],
    [["-c", "web1"], [LIST_WEB1]],
    [["web1", "-c"], [LIST_WEB1]],
    [["--list-commands", "web1"], [LIST_WEB1]],
    [["-e", "ls", "web1"], [LS_WEB1]],
    [["web1", "-e", "ls"], [LS_WEB1]],
    [["-els", "web1"], [LS_WEB1]],
    [["-n", "-e", "ls", "web1"], [LS_WEB1]],
    [["-e", "ls", "web1", "--no-stdin"], [LS_WEB1]],
    [["--execute=ls", "web1"], [LS_WEB1]],
    [["--execute", "ls", "web1"], [LS_WEB1]],
    [["--exec=ls", "web1"], [LS_WEB1]],
    [["-e", "ls", "--", "web1"], [LS_WEB1]],
    [["-e", "ls", "--", "-web1"], [["execute", "--", "-web1", "ls"]]],
    [["-e", "execute", "web1"], [["execute", "--", "web1", "execute"]]],
    [["-e", "ls", "status"], [["execute", "--", "status", "ls"]]],
    [
      ["-e", `say 'a b' "" --help -- -v`, "web1"],
      [["execute", "--", "web1", "say", "a b", "", "--help", "--", "-v"]],
    ],
    [["--execute=a=b", "web1"], [["execute", "--", "web1", "a=b"]]],
    [["-e", "", "web1"], [["execute", "--", "web1"]]],
    [["-d"], [["daemon", "--"]]],
    [
      ["-gc", "web1"],
      [LIST_GUESTS, LIST_WEB1],
    ],
    [
      ["-c", "-g", "web1"],
      [LIST_WEB1, LIST_GUESTS],
    ],
    [
      ["-e", "a", "-e", "b", "web1"],
      [
        ["execute", "--", "web1", "a"],
        ["execute", "--", "web1", "b"],
      ],
    ],
    [["-vvqe", "ls", "web1"], [["execute", "--verbose", "--verbose", "--quiet", "--", "web1", "ls"]]],
    [
      ["-vt5", "-c", "web1"],
      [["list-commands", "--verbose", "--timeout=5", "--connect-timeout=5", "--", "web1"]],
    ],
    [
      ["-t", "5", "-g", "-d", "-e", "ls", "web1"],
      [
        ["list-guests", "--"],
        ["daemon", "--"],
        ["execute", "--timeout=5", "--connect-timeout=5", "--", "web1", "ls"],
      ],
    ],
    [
      ["--config", "a b", "--connect=x", "--socket", "a=b", "--control", "c", "-g"],
      [["list-guests", "--config=a b", "--connect=x", "--socket=a=b", "--control=c", "--"]],
    ],
    [["-h"], [["--help"]]],
    [["-g", "--help"], [["--help"]]],
    [["-gh"], [["--help"]]],
    [["-v", "--help", "web1", "surplus"], [["--help"]]],
    [["-e", "--help", "web1"], [["execute", "--", "web1", "--help"]]],
  ])("a host's option form %j runs %j", (words, lines) => {
    expect(host(...words)).toEqual(lines);
  });
});

describe("in a guest", () => {
  test.each([
    [["-l"], [["list-commands", "--"]]],
    [["-e", "ls -l"], [["execute", "--", "ls", "-l"]]],
    [["-c", "/dev/x", "-l"], [["list-commands", "--character-device=/dev/x", "--"]]],
    [["-lc/dev/x"], [["list-commands", "--character-device=/dev/x", "--"]]],
    [["-d", "--character-device=/dev/x"], [["daemon", "--character-device=/dev/x", "--"]]],
    [
      ["-l", "-e", "ls", "-t1.5"],
      [
        ["list-commands", "--timeout=1.5", "--connect-timeout=1.5", "--"],
        ["execute", "--timeout=1.5", "--connect-timeout=1.5", "--", "ls"],
      ],
    ],
    [["-l", "-h"], [["--help"]]],
  ])("a guest's option form %j runs %j", (words, lines) => {
    expect(guest(...words)).toEqual(lines);
  });
});

test.each([
  [[]],
  [["web1"]],
  [["-v"]],
  [["-t", "5"]],
  [["execute", "-e", "ls"]],
  [["-v", "execute", "web1", "ls"]],
  [["web1", "status", "-g"]],
  [["-g", "-x"]],
  [["-gx"]],
  [["--nonsense", "-g"]],
  [["--list", "web1"]],
  [["--l"]],
  [["-l"]],
  [["--"]],
  [["--", "-g"]],
  [["-"]],
  [[""]],
])("%j is not an option form of a host", (words) => {
  expect(host(...words)).toBeUndefined();
});

const ONE_WORD = 'Write the command and its arguments as one word: -e "COMMAND ARG..."';

describe("refused", () => {
  test.each([
    [["-e", "ls"], 'missing GUEST\nWrite: negotiator host -e "COMMAND" GUEST' + GUESTS],
    [["-c"], 'missing GUEST\nWrite: negotiator host -e "COMMAND" GUEST' + GUESTS],
    [["-e", "ls", "web1", "rm"], `surplus word "rm"\n${ONE_WORD}`],
    [["web1", "-e", "ls", "rm"], `surplus word "rm"\n${ONE_WORD}`],
    [["web1", "rm", "-e", "ls"], `surplus word "rm"\n${ONE_WORD}`],
    [["-g", "web1"], 'surplus word "web1"\nRead the help: negotiator host --help'],
    [["-d", "\u001b"], 'surplus word "\\x1b"\nRead the help: negotiator host --help'],
    [["-c", "web1", "web2"], 'surplus word "web2"\nRead the help: negotiator host --help'],
    [["-e"], "option -e needs a value\nRead the help: negotiator host --help"],
    [["web1", "--exec"], "option --exec needs a value\nRead the help: negotiator host --help"],
    [["-g", "-t"], "option -t needs a value\nRead the help: negotiator host --help"],
    [["--list-guests=all"], "option --list-guests takes no value\nRead the help: negotiator host --help"],
    [
      ["-e", "it's", "web1"],
      `Cannot split the command "it's": the quote ' has no end\n` +
        "Add the closing quote, or write \\' for a quote that is meant",
    ],
  ])("a host's option form %j is refused: %j", (words, message) => {
    expect(errorOf(() => host(...words))).toMatchObject({ code: "BAD_USAGE", message });
  });

  test.each([
    [["-e", "ls -l", "foo"], `surplus word "foo"\n${ONE_WORD}`],
    [["foo", "-e", "ls"], `surplus word "foo"\n${ONE_WORD}`],
    [["-l", "foo"], 'surplus word "foo"\nRead the help: negotiator guest --help'],
    [["-l", "-c"], "option -c needs a value\nRead the help: negotiator guest --help"],
  ])("a guest's option form %j is refused: %j", (words, message) => {
    expect(errorOf(() => guest(...words))).toMatchObject({ code: "BAD_USAGE", message });
  });
});

test.each(["execute", "list-commands"])(
  "without -t, %s has ten seconds for its peer and for all",
  (action) => {
    const argv = action === "execute" ? ["-e", "ls", "web1"] : ["-c", "web1"];
    const lines = readOptionForm(argv, HOST_FORM, (word) => SUBCOMMANDS.has(word));
    if (lines === "help" || lines === undefined) throw new Error("it is not of this form");
    expect(
      lines.map(({ words }) => [words.options.get("timeout"), words.options.get("connect-timeout")]),
    ).toEqual([[["10"], ["10"]]]);
  },
);

test.each(["-1", "x", "", "1e3", "31536001"])("-t %p is refused with an example", (seconds) => {
  expect(errorOf(() => host("-t", seconds, "-e", "ls", "web1"))).toMatchObject({
    code: "BAD_USAGE",
    message: expect.stringContaining("\nWrite for example: --timeout 60"),
  });
});
