/** Help texts: each names every option, and no line is wider than a terminal. */
import { expect, test } from "bun:test";
import { formatRoleHelp, formatSubcommandHelp } from "../../../src/roles/cli/help.ts";
import { defineSubcommand } from "../../../src/roles/cli/subcommand.ts";
import type { RoleDefinition, Subcommand } from "../../../src/roles/cli/subcommand.ts";

const LONG = "a text that goes on and on and must be broken somewhere, ".repeat(6).trim();
const EXECUTE = defineSubcommand({
  summary: LONG,
  args: {
    guest: { type: "positional", required: true },
    command: { type: "positional", required: true, valueHint: "name" },
    note: { type: "positional", required: false },
    timeout: { type: "string", alias: ["t", "w"], valueHint: "seconds", description: LONG },
    "an-option-with-a-long-name": { type: "string", description: "Text on the next line" },
    bare: { type: "boolean" },
  },
  notes: LONG,
  examples: ["negotiator host execute web1 uptime", "negotiator host execute web1 ls -l"],
  restAfter: 2,
  run: () => ({ exitCode: 0 }),
});
const HOST: RoleDefinition = {
  role: "host",
  summary: LONG,
  optionForm: { args: {}, guestActions: [], help: "negotiator host --help" },
  subCommands: { execute: EXECUTE, "a-subcommand-with-a-long-name": { ...EXECUTE, examples: [] } },
};
const NAME = "negotiator host execute";

function expectToFit(text: string): void {
  expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
  expect(text.split("\n").filter((line) => line !== line.trimEnd())).toEqual([]);
  expect(text).toEndWith("\n");
  expect(text).not.toContain("\n\n\n");
  expect(text).not.toContain("undefined");
}

test("a long summary, note and option text are wrapped at 80 columns without losing a word", () => {
  const text = formatSubcommandHelp(NAME, EXECUTE);
  expectToFit(text);
  expect(text.replaceAll(/\s+/g, " ").split(LONG)).toHaveLength(4);
});

test("a role's help names every subcommand, with an example of each of the first ones", () => {
  const text = formatRoleHelp(HOST);
  expectToFit(text);
  for (const name of Object.keys(HOST.subCommands)) expect(text).toMatch(new RegExp(`^  ${name}\\b`, "m"));
  expect(text).toContain("\n  negotiator host execute web1 uptime\n");
  expect(text).not.toContain("ls -l");
});

test("a subcommand's help shows every option with its short forms and its value", () => {
  const text = formatSubcommandHelp(NAME, EXECUTE);
  expect(text).toContain("\n  -t, -w, --timeout SECONDS");
  expect(text).toContain(
    "\n  --an-option-with-a-long-name VALUE\n                            Text on the next line\n",
  );
  for (const option of ["--bare", "--config FILE", "--log-format TEXT|JSON", "-v, --verbose", "-h, --help"]) {
    expect(text).toContain(`\n  ${option}`);
  }
});

test("an option name of any width is followed by a space or a line end", () => {
  for (let width = 1; width < 40; width++) {
    const option = "x".repeat(width);
    const args = { [option]: { type: "boolean", description: "Text" } } as const;
    const text = formatSubcommandHelp(NAME, { ...EXECUTE, args });
    expectToFit(text);
    expect(text).toMatch(new RegExp(`^  --${option}\\s+Text$`, "m"));
  }
});

test("the usage line marks optional words, and [ARG...] for a foreign command", () => {
  const usage = (subcommand: Subcommand): string | undefined =>
    /^Usage:\n {2}(.*)$/m.exec(formatSubcommandHelp(NAME, subcommand))?.[1];
  expect(usage(EXECUTE)).toBe(`${NAME} [OPTION...] GUEST NAME [NOTE] [ARG...]`);
  const { restAfter: _, ...uncut } = EXECUTE;
  expect(usage(uncut)).toBe(`${NAME} [OPTION...] GUEST NAME [NOTE]`);
  expect(usage({ ...EXECUTE, args: {} })).toBe(`${NAME} [OPTION...] [ARG...]`);
});

test("a subcommand without notes and examples has no empty sections", () => {
  const { notes: _, ...plain } = { ...EXECUTE, examples: [] };
  const text = formatSubcommandHelp(NAME, plain);
  expectToFit(text);
  expect(text).not.toContain("Examples");
});
