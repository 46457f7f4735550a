/** The manual pages, and all files that an installation needs of them. */
import { describe, expect, test } from "bun:test";
import { runProgram } from "../../../support/program-run.ts";
import { DEFAULTS } from "../../../../src/config/settings.ts";
import { formatDocument } from "../../../../src/roles/cli/manual/document-page.ts";
import { manualFiles } from "../../../../src/roles/cli/manual/manual-files.ts";
import { formatPage, listPages } from "../../../../src/roles/cli/manual/pages.ts";
import { escapeRoff } from "../../../../src/roles/cli/manual/roff.ts";
import { GUEST } from "../../../../src/roles/guest/cli.ts";
import { HOST } from "../../../../src/roles/host/cli.ts";

const ROLES = [HOST, GUEST];
const MACROS = /^\.(?:TH|SH|SS|PP|TP|IP|RS|RE|nf|fi|br|nh|ad)\b/;

/** Returns the page as a person reads it. */
function textOf(name: string): string {
  const page = listPages().find((one) => one.name === name);
  if (page === undefined) throw new Error(`no page ${name}`);
  return formatPage(page, ROLES)
    .replaceAll(/\\f[BIR]/g, "")
    .replaceAll("\\-", "-");
}

describe("a manual page", () => {
  test.each(listPages().map((page) => [page.name, page] as const))(
    "%s is ASCII, and each line with a dot or quote at its start is a known macro",
    (_, page) => {
      const lines = formatPage(page, ROLES).split("\n");
      expect(lines[0]).toStartWith(".TH ");
      expect(lines.filter((line) => /^[.']/.test(line) && !MACROS.test(line))).toEqual([]);
      expect(lines.filter((line) => /[^\x20-\x7e]/.test(line))).toEqual([]);
    },
  );

  test.each([
    ["negotiator-host", HOST],
    ["negotiator-guest", GUEST],
  ] as const)("%s has every subcommand with every option", (name, role) => {
    const sections = textOf(name).split("\n.SS ");
    for (const [word, { args }] of Object.entries(role.subCommands)) {
      const section = sections.find((one) => one.startsWith(`negotiator ${role.role} ${word}\n`)) ?? "";
      const options = Object.keys(args).filter((key) => args[key]?.type !== "positional");
      expect({ word, missing: options.filter((key) => !section.includes(`--${key}`)) }).toEqual({
        word,
        missing: [],
      });
    }
  });

  test("negotiator.toml has every setting", () => {
    const text = textOf("negotiator.toml");
    expect(Object.keys(DEFAULTS.audit).filter((key) => !text.includes(`\naudit.${key}\n`))).toEqual([]);
  });

  test("of a document has headings, lists, tables and code, and no links", () => {
    const markdown = [
      "# Title",
      "",
      "Start. Back to the [README](../README.md).",
      "",
      "[One](#one) · [Two](#two)",
      "",
      "## One",
      "",
      "- `a` is **b**",
      "  goes on in [POLICY.md](POLICY.md#x)",
      "",
      "| key | values | what it does |",
      "|---|---|---|",
      "| `k` | `a\\|b` | does it |",
      "",
      "```sh",
      ".dot \\ back",
      "```",
    ].join("\n");
    expect(formatDocument(markdown).split("\n")).toEqual([
      ".SH DESCRIPTION",
      ".PP",
      "Start.",
      '.SH "ONE"',
      '.IP "*" 4',
      "\\fBa\\fR is \\fBb\\fR goes on in negotiator\\-policy(5)",
      ".TP",
      "\\fBk\\fR",
      "does it",
      ".br",
      "values: \\fBa|b\\fR",
      ".PP",
      ".RS 4",
      ".nf",
      "\\&.dot \\e back",
      ".fi",
      ".RE",
    ]);
  });

  test("escapes what roff would read", () => {
    expect(escapeRoff(".a\n'b \\ - ` ~ ^ é")).toBe("\\&.a\n\\(aqb \\e \\- \\(ga \\(ti \\(ha \\[u00E9]");
  });
});

test("the files of an installation are all pages and completions, each once", () => {
  const files = manualFiles(ROLES);
  const paths = files.map(({ path }) => path);
  expect(new Set(paths).size).toBe(paths.length);
  expect(paths).toContain("share/man/man5/negotiator.toml.5");
  expect(paths).toContain("share/bash-completion/completions/negotiator-guest");
  expect(paths).toContain("share/zsh/site-functions/_negotiator");
  expect(files.filter(({ content }) => content.length < 500)).toEqual([]);
});

describe("negotiator", () => {
  test.each([
    [["help"], /^Run commands of KVM/],
    [["help", "--help"], /negotiator help \[OPTION...\] \[WORD\]\.\.\./],
    [["help", "host"], /^Subcommands:$/m],
    [["host", "help", "reload"], /negotiator host reload/],
    [["help", "reload"], /negotiator host reload[^]*negotiator guest reload/],
    [["help", "man"], /negotiator man \[OPTION...\] \[PAGE\]/],
    [["man"], /^negotiator-host\(1\) +\S/m],
    [["man", "--json"], /^\{"name":"negotiator.toml","section":5,"title":"/m],
    [["man", "policy"], /^\.TH "NEGOTIATOR\\-POLICY" "5"/],
    [["completion", "zsh"], /^#compdef negotiator/],
  ])("%j prints it", async (words, shown) => {
    const { exitCode, stdout, stderr } = await runProgram(words);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(shown);
  });

  test.each([
    [
      ["help", "relod"],
      'unknown subcommand "relod"\nDid you mean "reload"?\nRead the help: negotiator --help',
    ],
    [["help", "guest", "list-guests"], 'unknown subcommand "list-guests"\n'],
    [["help", "host", "reload", "x"], 'surplus word "x"\nRead the help: negotiator help --help'],
    [["man", "negotiator-hots"], 'unknown page "negotiator-hots"\nDid you mean "negotiator-host"?'],
    [["completion"], "missing SHELL\nWrite: negotiator completion [OPTION...] SHELL"],
    [["completion", "csh"], 'unknown shell "csh"\n'],
  ])("%j is refused with exit code 2", async (words, message) => {
    const { exitCode, stdout, stderr } = await runProgram(words);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toStartWith(`negotiator: ${message}`);
  });

  test("a daemon that is not there gives no names and no message", async () => {
    const environment = { NEGOTIATOR_CONFIG: "/no/such/file" };
    const run = await runProgram(["--complete", "host", "execute", ""], { environment });
    expect(run).toEqual({ exitCode: 0, stdout: ":words\n", stderr: "" });
  });
});
