/** The command line of a role: argv runs a subcommand, shows help, or is refused with one line. */
import { afterEach, describe, expect, test } from "bun:test";
import { configureLog, logFor } from "../../../src/log.ts";
import { runRole } from "../../../src/roles/cli/run-role.ts";
import { defineSubcommand } from "../../../src/roles/cli/subcommand.ts";
import type { Invocation, Outcome, RoleDefinition } from "../../../src/roles/cli/subcommand.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { spyOnOutput } from "../../support/spied-output.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const GUESTS = "\nList the guests: negotiator host list-guests";

afterEach(() => configureLog({ level: "info", format: "text" }));

/** A role whose only subcommand records its invocations. */
function createRole(run: () => Promise<Outcome> | Outcome = () => ({ exitCode: 0 })): {
  role: RoleDefinition;
  calls: Invocation[];
} {
  const calls: Invocation[] = [];
  const execute = defineSubcommand({
    summary: "Run it.",
    args: {
      guest: { type: "positional", required: true },
      command: { type: "positional", required: true },
      json: { type: "boolean" },
    },
    examples: ["negotiator host execute web1 uptime"],
    restAfter: 2,
    run: (invocation) => {
      calls.push(invocation);
      return run();
    },
  });
  const optionForm = { args: {}, guestActions: [], help: "negotiator host --help" };
  return { role: { role: "host", summary: "Test.", optionForm, subCommands: { execute } }, calls };
}

describe("a subcommand", () => {
  test("a subcommand gets its words and settings, and its outcome is the result", async () => {
    await using directory = await createTemporaryDirectory();
    const config = await directory.write("config.toml", '[log]\nlevel = "warn"');
    const outcome = { exitCode: 7, error: new NegotiatorError("DENIED", "no", { remedy: "Ask" }) };
    const { role, calls } = createRole(() => outcome);
    const words = ["execute", "--config", config, "--log-format=json", "--json", "web1", "ls", "--help"];
    expect(await spyOnOutput(() => runRole(role, words))).toEqual({
      result: outcome,
      stdout: "",
      stderr: "",
    });
    expect(calls).toHaveLength(1);
    expect(calls[0]?.words.positionals).toEqual(["web1", "ls", "--help"]);
    expect(calls[0]?.words.options.has("json")).toBe(true);
    expect(calls[0]?.config.settings.log.format).toBe("json");
    expect(calls[0]?.config.origins.get("log.format")).toBe("option");
  });

  test("a subcommand may end later, and its errors reach the caller", async () => {
    await using directory = await createTemporaryDirectory();
    const words = ["execute", "--config", await directory.write("config.toml", ""), "web1", "ls"];
    expect(await runRole(createRole(async () => ({ exitCode: 3 })).role, words)).toEqual({ exitCode: 3 });
    const error = new NegotiatorError("NO_GUEST", "x", { remedy: "Look" });
    const { role } = createRole(() => Promise.reject(error));
    expect(await rejectionOf(runRole(role, words))).toBe(error);
  });

  test.each([
    [["-v"], "debug"],
    [["-vv"], "trace"],
    [["-vvvvvv"], "trace"],
    [["-q"], "warn"],
    [["-qqqqqq"], "silent"],
    [["-vv", "-q"], "debug"],
    [["-q", "--verbose"], "info"],
  ])("a subcommand with the options %j logs at level %s", async (options, level) => {
    await using directory = await createTemporaryDirectory();
    const config = await directory.write("config.toml", '[log]\nlevel = "info"');
    const { role, calls } = createRole(() => {
      logFor("test").debug("chatter");
      return { exitCode: 0 };
    });
    const words = ["execute", ...options, "--config", config, "web1", "ls", "-v", "-q"];
    const { stderr } = await spyOnOutput(() => runRole(role, words));
    expect<string | undefined>(calls[0]?.config.settings.log.level).toBe(level);
    expect(stderr).toBe(level === "debug" || level === "trace" ? "DEBUG test: chatter\n" : "");
  });
});

test("a reload reads the config file again, under the same options", async () => {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("config.toml", '[log]\nlevel = "warn"');
  const { role, calls } = createRole();
  await runRole(role, ["execute", "-v", "--config", file, "web1", "ls"]);
  expect(calls[0]?.config.settings.log.level).toBe("info");
  await directory.write("config.toml", '[log]\nlevel = "debug"');
  expect((await calls[0]?.reload())?.settings.log.level).toBe("trace");
  await directory.write("config.toml", "[log");
  expect((await rejectionOf(Promise.resolve(calls[0]?.reload()))).code).toBe("BAD_CONFIG");
});

describe("help", () => {
  test.each([
    [["--help"], "SUBCOMMAND"],
    [["-h"], "SUBCOMMAND"],
    [["--help", "nonsense"], "SUBCOMMAND"],
    [["execute", "--help"], "GUEST COMMAND"],
    [["execute", "-h"], "GUEST COMMAND"],
    [["execute", "web1", "-vh"], "GUEST COMMAND"],
    [["execute", "--config", "/none", "--help"], "GUEST COMMAND"],
  ])("%j prints help on stdout with exit code 0, and runs nothing", async (words, part) => {
    const { role, calls } = createRole();
    const { result, stdout, stderr } = await spyOnOutput(() => runRole(role, words));
    expect({ result, stderr }).toEqual({ result: { exitCode: 0 }, stderr: "" });
    expect(stdout).toContain(part);
    expect(calls).toEqual([]);
  });
});

describe("refused without running anything", () => {
  test.each([
    [[], "missing subcommand\nUse one of: execute\nRead the help: negotiator host --help"],
    [
      ["exeucte"],
      'unknown subcommand "exeucte"\nDid you mean "execute"?\nRead the help: negotiator host --help',
    ],
    [["constructor"], noSubcommand("constructor")],
    [["__proto__"], noSubcommand("__proto__")],
    [["toString"], noSubcommand("toString")],
    [["hasOwnProperty", "--help"], noSubcommand("hasOwnProperty")],
    [[""], noSubcommand("")],
    [["--"], noSubcommand("--")],
    [["-v"], 'unknown option "-v"\n'],
    [["\u001b[31m\nred\u202e"], noSubcommand("\\x1b[31m\\nred\\u202e")],
    [
      ["execute"],
      "missing GUEST\nWrite: negotiator host execute [OPTION...] GUEST COMMAND [ARG...]" + GUESTS,
    ],
    [
      ["execute", "web1"],
      'missing COMMAND after GUEST "web1"\n' +
        "Write: negotiator host execute [OPTION...] GUEST COMMAND [ARG...]",
    ],
    [["execute", "--jsno", "web1", "ls"], 'unknown option "--jsno"\nDid you mean "--json"?'],
    [["execute", "--jsno", "--help"], 'unknown option "--jsno"\nDid you mean "--json"?'],
    [["execute", "--log-format", "jsno", "a", "b"], 'unknown value of --log-format "jsno"\nDid you mean'],
    [["execute", "--log-format=", "a", "b"], 'unknown value of --log-format ""\nUse one of: text, json'],
  ])("%j is refused: %s", async (words, message) => {
    const { role, calls } = createRole();
    const { result, stdout, stderr } = await spyOnOutput(() => rejectionOf(runRole(role, words)));
    expect(result.code).toBe("BAD_USAGE");
    expect(result.message).toStartWith(message);
    expect(result.message).not.toMatch(/[^\P{Cc}\n]/u);
    expect({ stdout, stderr, calls }).toEqual({ stdout: "", stderr: "", calls: [] });
  });
});

function noSubcommand(shown: string): string {
  return `unknown subcommand "${shown}"\nUse one of: execute\nRead the help: negotiator host --help`;
}
