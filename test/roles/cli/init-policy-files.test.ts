/** `policy init` in this process: the file that it writes, or why it does not. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { DEFAULTS } from "../../../src/config/settings.ts";
import { parsePolicy } from "../../../src/policy/policy.ts";
import { initPolicy } from "../../../src/roles/cli/init-policy.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { invocationOf } from "../../support/invocation.ts";
import { spyOnOutput } from "../../support/spied-output.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";

let directory: TemporaryDirectory;
let policyFile: string;

const CALL = { role: "host", direction: "incoming", method: "execute", decision: "allowed" };
const END = { exitCode: 0, signal: null, peer: { guest: "web1" } };

function lineOf(time: string, command: string): string {
  return `${JSON.stringify({ time, ...CALL, ...END, command })}\n`;
}

beforeEach(async () => {
  directory = await createTemporaryDirectory();
  policyFile = directory.at("etc/policy.toml");
  await directory.write(
    "audit.jsonl",
    lineOf("2026-01-02T00:00:00Z", "a") + lineOf("2026-01-04T00:00:00Z", "b"),
  );
});

afterEach(() => directory[Symbol.asyncDispose]());

type Given = { role?: "host" | "guest"; options?: Record<string, string | true>; words?: string[] };

function init({ role = "host", options = {}, words = ["init"] }: Given = {}) {
  const settings = { policyFile, audit: { ...DEFAULTS.audit, file: directory.at("audit.jsonl") } };
  return spyOnOutput(() => initPolicy(role, invocationOf(settings, options, words)));
}

/** Returns the commands that a policy allows. */
const commandsIn = (text: string): string[] =>
  [...text.matchAll(/^commands = \[(.*)\]$/gm)].flatMap(([, list = ""]) => list.match(/\w+/g) ?? []);

test("without --yes it prints the policy, says how to write it, and writes nothing", async () => {
  const { result, stdout, stderr } = await init();
  expect({ result, commands: commandsIn(stdout) }).toEqual({ result: { exitCode: 0 }, commands: ["a", "b"] });
  expect(stderr).toBe(
    "negotiator: Nothing was written. To write it: negotiator host policy init --yes\n" +
      `Or store this output, look at it, and: install -m 644 FILE ${policyFile}\n`,
  );
  expect(readdirSync(directory.path)).toEqual(["audit.jsonl"]);
});

test("if the file is there, the way to write it has --force", async () => {
  await directory.write("etc/policy.toml", "# mine\n");
  expect((await init()).stderr).toContain("negotiator host policy init --yes --force\n");
});

test("--yes makes the directory and the file, which others can read, and no other file", async () => {
  const { result, stdout, stderr } = await init({ options: { yes: true } });
  expect({ result, stdout, stderr }).toEqual({
    result: { exitCode: 0 },
    stdout: `Wrote ${policyFile}\nLook at it, then put it in force: negotiator host reload\n`,
    stderr: "",
  });
  expect(parsePolicy(readFileSync(policyFile, "utf8"))).toMatchObject({ kind: "rules" });
  expect(statSync(policyFile).mode & 0o777).toBe(0o644);
  expect(readdirSync(directory.at("etc"))).toEqual(["policy.toml"]);
});

test.each([
  ["a file", () => directory.write("etc/policy.toml", "# mine\n")],
  [
    "a link to nowhere",
    async () => {
      mkdirSync(directory.at("etc"));
      symlinkSync("nowhere", policyFile);
    },
  ],
])("--yes does not replace %s, and --yes --force does", async (_, plant) => {
  await plant();
  const { code, message } = await rejectionOf(init({ options: { yes: true } }));
  expect([code, message]).toEqual([
    "BAD_CONFIG",
    `Cannot write the policy "${policyFile}": the file is there\n` +
      "Add --force to replace it. Only show a new one: negotiator host policy init | cat",
  ]);
  expect((await init({ options: { yes: true, force: true } })).result).toEqual({ exitCode: 0 });
  expect(readFileSync(policyFile, "utf8")).toContain("[[rules]]");
  expect(readdirSync(directory.at("etc"))).toEqual(["policy.toml"]);
});

test("--since counts calls from that time on", async () => {
  const { stdout } = await init({ options: { since: "2026-01-03T00:00:00Z" } });
  expect(commandsIn(stdout)).toEqual(["b"]);
  expect(commandsIn((await init({ options: { since: "2026-01-04T00:00:00Z" } })).stdout)).toEqual(["b"]);
});

test.each([
  ["host", "a guest"],
  ["guest", "the host"],
] as const)("a %s without calls of %s gets BAD_CONFIG, and no file", async (role, caller) => {
  const options = { yes: true, since: "2026-01-05T00:00:00Z" } as const;
  const { code, message } = await rejectionOf(init({ role, options }));
  const audit = directory.at("audit.jsonl");
  expect([code, message]).toEqual([
    "BAD_CONFIG",
    `Cannot make a policy: no command that ${caller} called is in the audit "${audit}"\n` +
      "Let the daemon run for some days first, or write the rules by hand: docs/POLICY.md",
  ]);
  expect(readdirSync(directory.path)).toEqual(["audit.jsonl"]);
});

test("a policy below a file, which is not a directory, is BAD_CONFIG, and leaves no other file", async () => {
  policyFile = directory.at("audit.jsonl/policy.toml");
  const { code, message } = await rejectionOf(init({ options: { yes: true } }));
  expect(code).toBe("BAD_CONFIG");
  expect(message).toStartWith(`Cannot write the policy "${policyFile}": `);
  expect(message).toEndWith("\nCorrect it, or the setting policyFile");
});

test("a directory in the place of the file stays with --force too", async () => {
  mkdirSync(policyFile, { recursive: true });
  const { message } = await rejectionOf(init({ options: { yes: true, force: true } }));
  expect(message).toStartWith(`Cannot write the policy "${policyFile}": `);
  expect(readdirSync(directory.at("etc"))).toEqual(["policy.toml"]);
});

test.each([[[]], [["inti"]]])("the action %j is refused", async (words) => {
  expect((await rejectionOf(init({ words }))).code).toBe("BAD_USAGE");
});
