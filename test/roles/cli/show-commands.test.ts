/** The subcommand `check-commands` with given answers of a daemon, and without a daemon. */
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { chmod, mkdir } from "node:fs/promises";
import { NegotiatorError } from "../../../src/errors.ts";
import { DEFAULTS } from "../../../src/config/settings.ts";
import { showCommands } from "../../../src/roles/cli/show-commands.ts";
import type { CommandReport } from "../../../src/roles/daemon/command-report.ts";
import { standardOutput } from "../../../src/standard-output.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { listenAsDaemon } from "../../support/false-daemon.ts";
import type { FalseAnswer } from "../../support/false-daemon.ts";
import { invocationOf } from "../../support/invocation.ts";
import { spyOnOutput } from "../../support/spied-output.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";

let directory: TemporaryDirectory;

beforeEach(async () => {
  directory = await createTemporaryDirectory();
  await mkdir(directory.at("commands"), { mode: 0o755 });
  await chmod(await directory.write("commands/local", "#!/bin/sh\n"), 0o755);
});

afterEach(() => directory[Symbol.asyncDispose]());

const invoke = (options: Record<string, string | true>) =>
  invocationOf(
    {
      host: { ...DEFAULTS.host, control: directory.at("control.sock") },
      commandsDirectory: [directory.at("commands")],
      builtIns: [],
    },
    options,
  );

async function show(answer: FalseAnswer | undefined, options: Record<string, string | true> = {}) {
  await using owned = new AsyncDisposableStack();
  if (answer !== undefined) owned.use(await listenAsDaemon("host", directory.at("control.sock"), answer));
  return await spyOnOutput(() => showCommands("host", invoke(options)));
}

const reporting =
  (report: Partial<CommandReport>): FalseAnswer =>
  (method) => {
    expect(method).toBe("check-commands");
    return { commands: [], problems: [], refusedNames: [], ...report };
  };

const ROWS: CommandReport["commands"] = [
  { name: "a", kind: "user", user: "root", path: "/c/a" },
  { name: "longer", kind: "user", user: "\u001bx", path: "/c/longer" },
  { name: "find", kind: "builtin", user: null, path: null },
];

test("the daemon's commands are columns, without blanks at their ends and control characters", async () => {
  const { result, stdout, stderr } = await show(reporting({ commands: ROWS }));
  expect({ result, stderr }).toEqual({ result: { exitCode: 0 }, stderr: "" });
  expect(stdout.split("\n")).toEqual([
    "a       as root   /c/a",
    "longer  as \\x1bx  /c/longer",
    "find    built in",
    "",
  ]);
});

test("--json gives one line for each command", async () => {
  const { stdout } = await show(reporting({ commands: ROWS.slice(0, 2) }), { json: true });
  const rows = stdout.trimEnd().split("\n");
  expect(rows.map((line): unknown => JSON.parse(line))).toEqual(ROWS.slice(0, 2));
});

test("without a command nothing goes to stdout", async () => {
  expect(await show(reporting({}))).toEqual({ result: { exitCode: 0 }, stdout: "", stderr: "" });
});

test("problems and refused names go to stderr line by line, and the exit code is 1", async () => {
  const report = { commands: ROWS.slice(0, 1), problems: ["one\ntwo"], refusedNames: ["/c/x y.z.sh"] };
  const { result, stdout, stderr } = await show(reporting(report));
  expect({ result, stdout }).toEqual({ result: { exitCode: 1 }, stdout: "a  as root  /c/a\n" });
  expect(stderr.split("\n")).toEqual([
    "negotiator: one",
    "two",
    'Cannot offer the file "/c/x y.z.sh": a command\'s name has ' +
      "letters, digits, blanks, _-+@: and one ending of a script language",
    "Rename it: mv '/c/x y.z.sh' NEW-NAME, or allow its name with the setting commandNames",
    "",
  ]);
});

const fail =
  (code: "DENIED" | "UNKNOWN_METHOD" | "BUSY"): FalseAnswer =>
  () => {
    throw new NegotiatorError(code, "not now");
  };

test.each<[what: string, answer: FalseAnswer | undefined, options: Record<string, string | true>]>([
  ["no daemon runs", undefined, {}],
  ["the daemon denies it", fail("DENIED"), {}],
  ["the daemon is too old", fail("UNKNOWN_METHOD"), {}],
  ["another config is given", reporting({ commands: ROWS }), { config: "/other.toml" }],
])("the files are read when %s", async (_, answer, options) => {
  const { result, stdout } = await show(answer, options);
  expect(result).toEqual({ exitCode: 0 });
  expect(stdout).toMatch(/^local {2}as \S+ {2}\/.*\/commands\/local\n$/);
});

test("another failure of the daemon is that of the subcommand", async () => {
  expect((await rejectionOf(show(fail("BUSY")))).code).toBe("BUSY");
});

test.each(["stdout", "stderr"] as const)("it ends when %s has taken all", async (held) => {
  const answer = reporting({ commands: ROWS, problems: ["one"] });
  await using owned = new AsyncDisposableStack();
  owned.use(await listenAsDaemon("host", directory.at("control.sock"), answer));
  const { promise: taken, resolve } = Promise.withResolvers<boolean>();
  const asked = Promise.withResolvers<void>();
  const order: string[] = [];
  using _ = spyOn(standardOutput, "write").mockImplementation((name) => {
    order.push(name);
    if (name !== held) return Promise.resolve(true);
    asked.resolve();
    return taken;
  });
  const ended = showCommands("host", invoke({})).then(() => order.push("ended"));
  await asked.promise;
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  expect(order.at(-1)).toBe(held);
  resolve(true);
  await ended;
  expect(order).toEqual(["stdout", "stderr", "ended"]);
});
