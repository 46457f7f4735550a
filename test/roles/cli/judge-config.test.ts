/** `check-config` in this process: what it prints, what it warns of, and which faults it throws together. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { DEFAULTS } from "../../../src/config/settings.ts";
import type { Settings } from "../../../src/config/settings.ts";
import { checkConfig } from "../../../src/roles/cli/judge-config.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { listenAsDaemon } from "../../support/false-daemon.ts";
import type { FalseAnswer } from "../../support/false-daemon.ts";
import { invocationOf } from "../../support/invocation.ts";
import { spyOnOutput } from "../../support/spied-output.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";

let directory: TemporaryDirectory;
let policyFile: string;

const RULES = '[[rules]]\naction = "allow"\nmethods = ["execute"]\ncommands = ["find-*"]\n';

beforeEach(async () => {
  directory = await createTemporaryDirectory();
  policyFile = await directory.write("policy.toml", RULES);
});

afterEach(() => directory[Symbol.asyncDispose]());

type Given = {
  role?: "host" | "guest";
  origins?: readonly string[];
  warnings?: readonly string[];
  problems?: readonly string[];
  qga?: Settings["guest"]["qga"];
  options?: Record<string, string>;
  answer?: FalseAnswer;
};

async function check(given: Given = {}) {
  const { role = "host", origins = [], warnings = [], problems = [], qga = "no", options, answer } = given;
  const control = directory.at("control.sock");
  await using owned = new AsyncDisposableStack();
  if (answer !== undefined) owned.use(await listenAsDaemon(role, control, answer));
  const invocation = invocationOf(
    {
      host: { ...DEFAULTS.host, control },
      guest: { ...DEFAULTS.guest, control, qga },
      policyFile,
      commandsDirectory: [],
    },
    options,
  );
  const config = {
    ...invocation.config,
    warnings,
    origins: new Map([
      ["policyFile", "default"],
      ...origins.map((origin, index) => [`key${index}`, origin] as const),
    ]),
  };
  return await spyOnOutput(() => checkConfig(role, { ...invocation, config }, problems));
}

const POLICY_LINE = (): string => `policy: ${policyFile} is right\n`;

test.each<[origins: readonly string[], lines: string]>([
  [[], "config: every setting has its default\n"],
  [["the variable X"], "config: every setting has its default\n"],
  [["/a.toml"], "config: /a.toml is right\n"],
  [["/a.toml", "the variable X", "/a.toml"], "config: /a.toml is right\n"],
  [["/a.toml", "/b\u001b"], "config: /a.toml is right\nconfig: /b\\x1b is right\n"],
])("settings from %j", async (origins, lines) => {
  expect(await check({ origins })).toEqual({
    result: { exitCode: 0 },
    stdout: lines + POLICY_LINE(),
    stderr: "",
  });
});

test("each file of the policy is named; without one, everything is allowed", async () => {
  await directory.write("policy.d/more.toml", RULES);
  expect((await check()).stdout).toEndWith(
    `${POLICY_LINE()}policy: ${directory.at("policy.d/more.toml")} is right\n`,
  );
  policyFile = directory.at("none.toml");
  expect((await check()).stdout).toEndWith(
    `policy: there is none at ${policyFile}, so a daemon that starts now allows everything\n`,
  );
});

test("all faults come together, those of the config first", async () => {
  await directory.write("policy.toml", "rules = 5\n");
  const { code, message } = await rejectionOf(check({ problems: ["one", "two"] }));
  expect(code).toBe("BAD_CONFIG");
  expect(message).toStartWith(`one\ntwo\nCannot use ${policyFile}:\n`);
});

test("a fault of the config alone is enough, and a user that is missing too", async () => {
  expect((await rejectionOf(check({ problems: ["one"] }))).message).toBe("one");
  await directory.write("policy.toml", `${RULES}user = "no-such-user"\n`);
  expect((await rejectionOf(check())).message).toContain('Cannot find the user "no-such-user"');
});

test("warnings of the config and of the policy go to stderr", async () => {
  await directory.write(
    "policy.toml",
    '[[rules]]\naction = "deny"\ncommands = ["find-*"]\narguments = ["--all"]\n' +
      '[[rules]]\naction = "allow"\ncommands = ["find-*"]\ngroups = ["no-such-group"]\n',
  );
  const { result, stderr } = await check({ warnings: ["of the config"] });
  expect(result).toEqual({ exitCode: 0 });
  const lines = stderr.trimEnd().split("\n");
  expect(lines[0]).toEndWith("of the config");
  expect(stderr).toContain('denies "--all", but ');
  expect(stderr).toContain('The system knows no group "no-such-group"');
});

test.each<[role: "host" | "guest", qga: Settings["guest"]["qga"], warns: boolean]>([
  ["guest", "no", false],
  ["guest", "yes", true],
  ["guest", "auto", true],
  ["host", "yes", false],
])("a rule that allows everything, for a %s with qga %p", async (role, qga, warns) => {
  await directory.write("policy.toml", '[[rules]]\naction = "allow"\n');
  const { stderr } = await check({ role, qga });
  expect(stderr.includes("a client of the guest agent names")).toBe(warns);
});

test.each<[status: object, stderr: string]>([
  [{}, ""],
  [{ unreadFile: "not read" }, "negotiator: not read\n"],
  [{ policyProblem: "bad" }, "negotiator: Every call is denied here: bad\n"],
])("a daemon with the status %j", async (status, stderr) => {
  const asked: string[] = [];
  const answer: FalseAnswer = (method) => {
    asked.push(method);
    return status;
  };
  expect(await check({ answer })).toMatchObject({ result: { exitCode: 0 }, stderr });
  expect(asked).toEqual(["status"]);
});

test("a daemon of another config is not asked, and one that refuses does no harm", async () => {
  const asked: string[] = [];
  const answer: FalseAnswer = (method) => {
    asked.push(method);
    throw new NegotiatorError("DENIED", "no");
  };
  expect(await check({ answer, options: { config: "/other.toml" } })).toMatchObject({ stderr: "" });
  expect(asked).toEqual([]);
  expect(await check({ answer })).toMatchObject({ result: { exitCode: 0 }, stderr: "" });
  expect(asked).toEqual(["status"]);
});
