/** A policy of several files: their order, their trust, and the messages that name a file. */
import { expect, test } from "bun:test";
import { chmod, rm, symlink } from "node:fs/promises";
import { DEFAULT_POLICY, explain } from "../../src/policy/policy.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { fingerprintPolicy, NO_POLICY, readPolicy } from "../../src/policy/policy-file.ts";
import { partsDirectoryOf, readPolicyParts } from "../../src/policy/policy-parts.ts";
import { findWalkArounds } from "../../src/policy/walk-arounds.ts";
import { errorOf } from "../support/error-of.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const byDefault = (path: string) => ({ path, setBy: undefined });

function allow(command: string): string {
  return `[[rules]]\naction = "allow"\ncommands = ["${command}"]\n`;
}

function commandsOf(policy: Policy): string[] {
  return policy.kind === "rules" ? policy.rules.map(({ names }) => names.commands?.[0]?.source ?? "") : [];
}

test("the directory stands beside the file", () => {
  expect(partsDirectoryOf("/etc/negotiator/policy.toml")).toBe("/etc/negotiator/policy.d");
  expect(partsDirectoryOf("/srv/rules")).toBe("/srv/rules.d");
});

test("the files come after policy.toml by their names, and other files are left out", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("policy.toml", allow("main"));
  await directory.write("policy.d/20-b.toml", allow("b"));
  await directory.write("policy.d/10-a.toml", allow("a"));
  await directory.write("policy.d/9.toml", allow("nine"));
  for (const name of [".hidden.toml", "10-a.toml~", "README", "10-a.toml.dpkg-new"])
    await directory.write(`policy.d/${name}`, "not = [toml");
  expect(commandsOf(readPolicy(byDefault(path)))).toEqual(["main", "a", "b", "nine"]);
  await rm(path);
  expect(commandsOf(readPolicy({ path, setBy: "/c.toml" }))).toEqual(["a", "b", "nine"]);
});

test("an empty directory is not a policy", async () => {
  await using directory = await createTemporaryDirectory();
  await directory.write("policy.d/note.txt", "");
  const file = byDefault(directory.at("policy.toml"));
  expect(readPolicy(file)).toBe(DEFAULT_POLICY);
  expect(fingerprintPolicy(file)).toBe(NO_POLICY);
  expect(errorOf(() => readPolicy({ ...file, setBy: "/c.toml" })).message).toContain("there is no such file");
});

test("one wrong file makes the policy invalid, and the error has the problems of all files", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("policy.toml", allow("main"));
  const one = await directory.write("policy.d/1.toml", "rulez = 1\n");
  await directory.write("policy.d/2.toml", allow("two"));
  const three = await directory.write("policy.d/3.toml", '[[rules]]\naction = "alow"\n');
  const { code, message } = errorOf(() => readPolicy({ ...byDefault(path), remedy: "Correct it" }));
  expect(code).toBe("BAD_CONFIG");
  expect(message.split("\n")).toEqual([
    `Cannot use ${one}:`,
    expect.stringContaining("line 1: rulez: unknown key"),
    `Cannot use ${three}:`,
    expect.stringContaining("line 2: rule 1: action must be"),
    "Correct it",
  ]);
});

test.each([
  ["a file that others can write to", "policy.d/1.toml", 0o666],
  ["a directory that others can write to", "policy.d", 0o777],
  ["a directory like /tmp", "policy.d", 0o1777],
])("%s makes the policy invalid", async (_, name, mode) => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("policy.toml", allow("main"));
  await directory.write("policy.d/1.toml", allow("one"));
  await chmod(directory.at(name), mode);
  const error = errorOf(() => readPolicy(byDefault(path)));
  expect(error.code).toBe("BAD_CONFIG");
  expect(error.message).toContain(directory.at(name));
});

test("a file in the place of the directory, and a link that leads nowhere in it, are errors", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("policy.toml");
  await directory.write("policy.d", "");
  expect(errorOf(() => readPolicyParts(path)).message).toBe(
    `Cannot use the directory "${directory.at("policy.d")}": it is not a directory\n` +
      `Remove it: rm ${directory.at("policy.d")}`,
  );
  await rm(directory.at("policy.d"));
  await directory.write("policy.d/note", "");
  await symlink("/no/such/file", directory.at("policy.d/1.toml"));
  expect(errorOf(() => readPolicyParts(path)).message).toContain("it is a symbolic link that leads nowhere");
});

test("the fingerprint changes with each file and with its name", async () => {
  await using directory = await createTemporaryDirectory();
  const file = byDefault(await directory.write("policy.toml", allow("main")));
  const prints = [fingerprintPolicy(file)];
  await directory.write("policy.d/1.toml", allow("one"));
  prints.push(fingerprintPolicy(file));
  await directory.write("policy.d/1.toml", allow("two"));
  prints.push(fingerprintPolicy(file));
  await rm(directory.at("policy.d/1.toml"));
  await directory.write("policy.d/2.toml", allow("two"));
  prints.push(fingerprintPolicy(file));
  expect(new Set(prints).size).toBe(4);
});

test("an explanation and a warning name the file and the number in it", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("policy.toml", allow("main"));
  const part = await directory.write(
    "policy.d/1.toml",
    `[[rules]]\naction = "deny"\narguments = ["-f"]\n${allow("one")}`,
  );
  const policy = readPolicy(byDefault(path));
  const resource = { kind: "command", name: "one", args: [] } as const;
  expect(explain(policy, { caller: { via: "host" }, method: "execute", resource })).toEqual([
    expect.stringContaining(`rule 1 (allow, rule 1 of ${path}): does not match, `),
    expect.stringContaining(`rule 2 (deny, rule 1 of ${part}): does not match, `),
    `rule 3 (allow, rule 2 of ${part}): matches`,
    "allowed",
  ]);
  expect(findWalkArounds(policy)[0]).toStartWith(`rule 2 (rule 1 of ${part}) denies "-f"`);
});
