/** Lists in the pages equal the tables in the source: commands, options, methods, states, codes, limits. */
import { describe, expect, test } from "bun:test";
import { loadConfig } from "../src/config/config.ts";
import { FAULTS } from "../src/errors.ts";
import { DEFAULT_LIMITS } from "../src/limits.ts";
import { BUILTINS } from "../src/methods/builtin/builtins.ts";
import { NATIVE } from "../src/peers/native.ts";
import { DIALECTS } from "../src/peers/dialects.ts";
import { GUEST_FORM, HOST_FORM } from "../src/roles/cli/option-form.ts";
import type { OptionForm } from "../src/roles/cli/option-form.ts";
import { aliasesOf } from "../src/roles/cli/tokenizer.ts";
import { createLinkStatus } from "../src/roles/daemon/link-status.ts";
import { firstColumnOf, literalsOf, pageAt, rowsOf, sectionOf } from "./support/documents.ts";
import { runProgram } from "./support/program-run.ts";
import { readSourceTree } from "./support/source-tree.ts";

describe("the built-in commands are listed", () => {
  test("in the README, all of them and no other", () => {
    const listed = literalsOf(sectionOf(pageAt("README.md"), "Write a command")).filter((word) =>
      word.startsWith("find-"),
    );
    expect(listed).toEqual(BUILTINS.map(({ name }) => name));
  });

  test("in docs/COMMANDS.md, each with what it prints", () => {
    const rows = rowsOf(pageAt("docs/COMMANDS.md"), "Built-in commands");
    expect(rows.map(([name = "", text]) => [literalsOf(name)[0], text])).toEqual(
      BUILTINS.map(({ name, description }) => [name, description]),
    );
  });
});

describe("docs/COMMAND-LINE.md lists", () => {
  const page = pageAt("docs/COMMAND-LINE.md");

  test.each(["host", "guest"])(
    "every subcommand of negotiator %s and no other, with its words",
    async (role) => {
      const { stdout: help } = await runProgram([role, "--help"]);
      const names = [...(help.split("Subcommands:")[1] ?? "").matchAll(/^ {2}([a-z-]+) {2,}/gm)];
      const usages = names.map(async ([, name = ""]) => {
        const { stdout } = await runProgram([role, name, "--help"]);
        return /^Usage:\n +(.*)$/m.exec(stdout)?.[1]?.replace(" [OPTION...]", "");
      });
      const lines = firstColumnOf(page, "Subcommands").filter((line) =>
        line.startsWith(`negotiator ${role} `),
      );
      expect(lines).toEqual((await Promise.all(usages)).map(String));
      expect(lines.length).toBeGreaterThan(5);
    },
  );

  test.each(["host", "guest"])(
    "the subcommands of negotiator %s that have --json, and no other",
    async (role) => {
      const { stdout: help } = await runProgram([role, "--help"]);
      const names = [...(help.split("Subcommands:")[1] ?? "").matchAll(/^ {2}([a-z-]+) {2,}/gm)];
      const lines = sectionOf(page, "JSON")
        .split("\n")
        .filter((line) => !line.includes("have no `--json`"));
      const listed = new Set(
        literalsOf(lines.join("\n"))
          .filter((word) => !word.startsWith("negotiator ") || word.startsWith(`negotiator ${role} `))
          .map((word) => word.replace(/^negotiator \w+ /, "")),
      );
      for (const [, name = ""] of names) {
        const { stdout } = await runProgram([role, name, "--help"]);
        expect([name, listed.has(name)]).toEqual([name, /^ +--json\b/m.test(stdout)]);
      }
    },
  );

  test("every option of the option form for each role and no other", () => {
    const rows = rowsOf(page, "The option form");
    const listed = (column: number) => rows.flatMap((row) => literalsOf(row[column])).toSorted();
    expect(listed(0)).toEqual(namesOf(HOST_FORM));
    expect(listed(1)).toEqual(namesOf(GUEST_FORM));
  });
});

test.each([
  ["README.md", "Exit codes of `execute`"],
  ["docs/COMMAND-LINE.md", "Exit codes"],
])("%s has every exit code that negotiator gives to execute", (path, heading) => {
  const codes = rowsOf(pageAt(path), heading).map(([code]) => Number(code));
  const own = new Set<number>(Object.values(FAULTS).map(({ exitCode }) => exitCode));
  // Wrong usage has the same code in all subcommands and is not in these tables.
  own.delete(FAULTS.BAD_USAGE.exitCode);
  expect(new Set(codes.filter((code) => code > 2))).toEqual(own);
});

test("docs/POLICY.md has every method that a peer can call", async () => {
  const files = await readSourceTree(["src/methods"]);
  const names = files.flatMap(({ text }) =>
    [...text.matchAll(/\bdefineMethod\(\{\s*name: "([^"]+)"/g)].map(([, name]) => String(name)),
  );
  const [, , , meaning] = rowsOf(pageAt("docs/POLICY.md"), "A policy rule").find(
    ([key]) => key === "`methods`",
  ) ?? ["", "", "", ""];
  expect(literalsOf(meaning).toSorted()).toEqual(names.toSorted());
  expect(names).toContain("execute");
});

test("docs/TROUBLESHOOTING.md has every state that status shows", () => {
  const calls = { outgoing: 0, incoming: 0 };
  const agent = { name: "negotiator", version: "1", role: "guest" } as const;
  const sessions = (["idle", "open", "cut"] as const).flatMap((state) =>
    [undefined, agent].flatMap((peer) =>
      [true, false].map((isResponsive) => ({ state, peer, isResponsive, heardMs: 0 })),
    ),
  );
  const states = [undefined, NATIVE, ...DIALECTS.besideNative].flatMap((dialect) =>
    sessions.map((session) => createLinkStatus(DEFAULT_LIMITS).status({ dialect, calls, session }).state),
  );
  const listed = firstColumnOf(pageAt("docs/TROUBLESHOOTING.md"), "Ask the daemons");
  // The host gives these to guests by the word of libvirt, and the last one to those with another agent.
  expect(new Set(listed)).toEqual(new Set([...states, "paused", "saved", "shut off", "qga"]));
});

test("docs/LIMITS.md has every limit that is not a setting, with its value", () => {
  const { origins } = loadConfig({ file: "/dev/null", environment: {} });
  const fixed = Object.entries(DEFAULT_LIMITS).filter(([name]) => !origins.has(`limits.${name}`));
  const rows = rowsOf(pageAt("docs/LIMITS.md"), "Limits of the protocol");
  expect(rows.map(([name, value]) => [literalsOf(name)[0], Number(literalsOf(value)[0])])).toEqual(fixed);
});

/** The spellings of all options, the short ones too. */
function namesOf({ args }: OptionForm): string[] {
  return Object.entries(args)
    .flatMap(([name, arg]) => [`--${name}`, ...aliasesOf(arg).map((alias) => `-${alias}`)])
    .toSorted();
}
