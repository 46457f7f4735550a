/** The process: exit codes, stdout and stderr, help and its examples, and output that cannot be written. */
import { describe, expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import manifest from "../package.json" with { type: "json" };
import { MAIN, runProcess, runProgram } from "./support/program-run.ts";
import type { ProgramRun } from "./support/program-run.ts";
import { createTemporaryDirectory } from "./support/temporary-directory.ts";
import type { TemporaryDirectory } from "./support/temporary-directory.ts";

const ROLES = ["host", "guest"] as const;
const TIMEOUT_MS = 240_000;

/** A module that replaces citty's definition of a command by one that does nothing. */
const RUN_NOTHING = `
  import { defineCommand } from ${JSON.stringify(Bun.resolveSync("citty", import.meta.dir))};
  const run = () => ({ exitCode: 0 });
  const exports = { defineCommand: (definition) => defineCommand({ ...definition, run }) };
  Bun.plugin({
    name: "run-nothing",
    setup: (build) => build.module("citty", () => ({ exports, loader: "object" })),
  });
`;

/** A directory with a program "negotiator" that reads its argv, and does nothing; "sudo" runs it. */
async function createHarmlessProgram(): Promise<TemporaryDirectory> {
  const directory = await createTemporaryDirectory();
  const preload = await directory.write("run-nothing.ts", RUN_NOTHING);
  const words = [process.execPath, "--preload", preload, MAIN].map(quote).join(" ");
  await chmod(await directory.write("negotiator", `#!/bin/sh\nexec ${words} "$@"\n`), 0o755);
  await chmod(await directory.write("sudo", '#!/bin/sh\nexec "$@"\n'), 0o755);
  return directory;
}

/** Quotes a text as one word of a shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Runs one command line in a shell that finds the program, and each file that the line reads from. */
async function tryExample(example: string, program: TemporaryDirectory): Promise<ProgramRun> {
  for (const [, file = ""] of example.matchAll(/<\s*([\w.-]+)/g)) await program.write(file, "");
  return runProcess(["/bin/sh", "-c", `cd "$0" && ${example}`, program.path], { PATH: program.path });
}

async function helpOf(words: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runProgram([...words, "--help"]);
  expect({ words, exitCode, stderr }).toEqual({ words, exitCode: 0, stderr: "" });
  return stdout;
}

/** Returns the lines of one section of a help text, without their indent. */
function sectionOf(help: string, title: string): string[] {
  const body = new RegExp(`^${title}:\\n((?: .*\\n)+)`, "m").exec(help)?.[1] ?? "";
  return body.split("\n").flatMap((line) => /^ {2}(\S.*)$/.exec(line)?.[1] ?? []);
}

/** Returns the argv of every command that has a help text. */
async function walkCommands(): Promise<string[][]> {
  const found: string[][] = [[]];
  for (const role of ROLES) {
    const names = sectionOf(await helpOf([role]), "Subcommands").map((line) => line.split(" ")[0] ?? "");
    expect(names).not.toEqual([]);
    found.push([role], ...names.map((name) => [role, name]));
  }
  return found;
}

describe("help", () => {
  test(
    "the help of every command fits a terminal, and its examples are accepted",
    async () => {
      await using program = await createHarmlessProgram();
      for (const words of await walkCommands()) {
        const help = await helpOf(words);
        expect(help.split("\n").filter((line) => line.length > 80)).toEqual([]);
        const examples = sectionOf(help, "Examples");
        expect({ words, examples }).not.toEqual({ words, examples: [] });
        for (const example of examples) {
          const run = await tryExample(example, program);
          expect({ example, ...run, stdout: "" }).toEqual({ example, exitCode: 0, stdout: "", stderr: "" });
        }
      }
    },
    TIMEOUT_MS,
  );

  test("an example with an unknown option is refused", async () => {
    await using program = await createHarmlessProgram();
    const wrong = await tryExample("negotiator host print-config --jsno", program);
    expect(wrong).toMatchObject({ exitCode: 2 });
    const right = await tryExample("negotiator host print-config", program);
    expect(right).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  });

  test.each(["-h", "--help"])("%s prints the roles", async (word) => {
    const { exitCode, stdout, stderr } = await runProgram([word]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    for (const role of ROLES) expect(stdout).toContain(`negotiator ${role} SUBCOMMAND`);
  });
});

test.each(["-V", "--version"])("%s prints version, commit, target and Bun's version", async (word) => {
  const { exitCode, stdout: line, stderr } = await runProgram([word]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  const [start, end] = [`negotiator ${manifest.version} (commit `, `, bun ${Bun.version})\n`];
  expect(line.slice(start.length, -end.length)).toMatch(/^[\w-]+, linux-\w+$/);
  expect(line).toBe(`${start}${line.slice(start.length, -end.length)}${end}`);
  for (const role of ["host", "guest"]) expect((await runProgram([role, word])).stdout).toBe(line);
});

describe("a wrong command line names what is wrong and what to type, with exit code 2", () => {
  test.each([
    [
      [],
      "missing role or option\nUse one of: host, guest, help, man, completion, --help, --version\n" +
        "Read the help: negotiator --help",
    ],
    [["hots"], 'unknown role or option "hots"\nDid you mean "host"?\nRead the help: negotiator --help'],
    [
      ["--verison"],
      'unknown role or option "--verison"\nDid you mean "--version"?\nRead the help: negotiator --help',
    ],
    [
      ["constructor"],
      'unknown role or option "constructor"\nPut the role first, on the host: negotiator host constructor\n',
    ],
    [
      ["__proto__", "x"],
      'unknown role or option "__proto__"\nPut the role first, on the host: negotiator host __proto__ x\n',
    ],
    [[""], 'unknown role or option ""\nUse one of: host'],
    [["Host"], 'unknown role or option "Host"\nDid you mean "host"?'],
    [
      ["\u001b[31m\nred\u202e"],
      'unknown role or option "\\x1b[31m\\nred\\u202e"\nPut the role first, on the host: negotiator host ',
    ],
    [["host"], "missing subcommand\nUse one of: "],
    [
      ["guest", "prnt-config"],
      'unknown subcommand "prnt-config"\nDid you mean "print-config"?\nRead the help: negotiator',
    ],
    [["host", "toString"], 'unknown subcommand "toString"\nUse one of: '],
    [
      ["host", "print-config", "--jsno"],
      'unknown option "--jsno"\nDid you mean "--json"?\nRead the help: negotiator',
    ],
    [
      ["host", "print-config", "--config"],
      "option --config needs the path of a file\nRead the help: negotiator host print-config",
    ],
    [["host", "print-config", "x\n"], 'surplus word "x\\n"\nWrite: negotiator host print-config [OPTION...]'],
  ])("%j ends with exit code 2: %s", async (words, message) => {
    const { exitCode, stdout, stderr } = await runProgram(words);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toStartWith(`negotiator: ${message}`);
    expect(stderr).toEndWith("\n");
    expect(stderr).not.toMatch(/[^\P{Cc}\n]/u);
  });
});

test("execute with an unreadable config file ends with exit code 125", async () => {
  for (const words of [
    ["host", "execute", "web1", "x"],
    ["guest", "execute", "x"],
  ]) {
    const environment = { NEGOTIATOR_CONFIG: "/no/such/file" };
    const { exitCode, stderr } = await runProgram(words, { environment });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 125,
      stderr:
        'negotiator: Cannot read the config file "/no/such/file": there is no such file\n' +
        "Create the file, or correct --config or the variable NEGOTIATOR_CONFIG\n",
    });
  }
});

test("an invalid setting is named on stderr, with exit code 1", async () => {
  const environment = { NEGOTIATOR_CONFIG: "/dev/null", NEGOTIATOR_LOG_LEVEL: "loud\nnegotiator: forged" };
  const { exitCode, stdout, stderr } = await runProgram(["host", "print-config"], { environment });
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
  expect(stderr).toStartWith("negotiator: Cannot use the environment:\n  NEGOTIATOR_LOG_LEVEL must be ");
  expect(stderr).toContain("loud\\nnegotiator: forged");
});

describe("an internal error", () => {
  const broken = 'Bun.stdout.writer = () => { throw new Error("broken\\u001b[31m"); };';

  test.each([
    ["an internal error prints no stack", [], "negotiator: broken\\x1b[31m\n"],
    [
      "an internal error logs its stack at level debug",
      ["-v"],
      "negotiator: broken\\x1b[31m\n" +
        "Read the log, at the daemon's terminal or with: journalctl -u negotiator-host\n" +
        "DEBUG main: Error: broken\\x1b[31m\n",
    ],
  ])("%s", async (_, options, expected) => {
    await using directory = await createTemporaryDirectory();
    const preload = await directory.write("broken.ts", broken);
    const environment = { NEGOTIATOR_CONFIG: "/dev/null" };
    const run = await runProgram(["host", "print-config", ...options], { environment, preload });
    expect(run).toMatchObject({ exitCode: 1, stdout: "" });
    expect(run.stderr).toStartWith(expected);
    expect(run.stderr.includes("cli/output.ts")).toBe(options.length > 0);
  });
});

describe("output that cannot be written", () => {
  const environment = { NEGOTIATOR_CONFIG: "/dev/null" };
  const shell = (script: string, words: readonly string[]) =>
    runProcess(["/bin/sh", "-c", script, process.execPath, MAIN, ...words], environment);

  test.each([
    [["--help"], 0],
    [["--version"], 0],
    [["host", "--help"], 0],
    [["host", "print-config"], 0],
    [["nonsense"], 2],
  ])("%j with a closed stdout ends without an error, exit code %d", async (words, exitCode) => {
    await using directory = await createTemporaryDirectory();
    // The program starts only once the other end of its pipe is closed.
    const script = `cd '${directory.path}' && mkfifo gate &&
      { read _ < gate; "$0" "$@"; echo $? > code; } | { exec <&-; echo go > gate; }
      exit $(cat code)`;
    const run = await shell(script, words);
    expect({ exitCode: run.exitCode, stdout: run.stdout }).toEqual({ exitCode, stdout: "" });
    expect(run.stderr === "").toBe(exitCode === 0);
  });

  test("output to a full disk is an error with exit code 1", async () => {
    const { exitCode, stderr } = await shell('"$0" "$@" > /dev/full', ["host", "print-config"]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^negotiator: Cannot write to stdout: ENOSPC[^\n]*\n$/);
  });

  test.each([
    ["a full disk", '"$0" "$@" 2> /dev/full'],
    ["nothing", '"$0" "$@" 2>&-'],
  ])("an exit code stays the same with stderr on %s", async (_, script) => {
    expect(await shell(script, ["nonsense"])).toEqual({ exitCode: 2, stdout: "", stderr: "" });
    expect(await shell(script, ["host", "print-config"])).toMatchObject({ exitCode: 0, stderr: "" });
  });
});
