/** `list-commands`: what a caller learns of the commands. */
import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { BUILTINS } from "../../src/methods/builtin/builtins.ts";
import { createDispatcher } from "../../src/methods/dispatcher.ts";
import { createListCommands } from "../../src/methods/list-commands.ts";
import type { Method } from "../../src/methods/method.ts";
import { createNativePeer } from "../../src/peers/native.ts";
import { listCommandsOf } from "../../src/peers/remote-command.ts";
import { DEFAULT_POLICY, denyAll, parsePolicy } from "../../src/policy/policy.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { createQuota } from "../../src/policy/quota.ts";
import { NegotiatorError } from "../../src/errors.ts";
import { keepEntries } from "../support/audit-sample.ts";
import { createTestCatalogue } from "../support/catalogue.ts";
import { createServedLink } from "../support/served-link.ts";
import { spyOnOutput } from "../support/spied-output.ts";
import { rejectionOf } from "../support/error-of.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const explainNoAnswer = (): NegotiatorError => new NegotiatorError("NO_CHANNEL", "never sent");

function createMethod(directories: string[]): Method {
  const builtins = BUILTINS.slice(0, 1);
  return createListCommands({
    commands: createTestCatalogue(() => ({ directories, builtins, uid: process.getuid?.() ?? 0 })),
  });
}

async function listUnder(policy: Policy, directories: string[], method = createMethod(directories)) {
  const methods = [method];
  await using link = createServedLink(
    createDispatcher({
      role: "host",
      direction: "incoming",
      caller: { via: "guest", name: "web1" },
      methods,
      policy: () => policy,
      quota: createQuota(),
      audit: keepEntries(() => undefined),
      now: () => 0,
    }).call,
  );
  return await listCommandsOf(createNativePeer(link.caller, { explainNoAnswer }), { timeoutMs: 5000 });
}

test("the list has names and descriptions, and neither paths nor users", async () => {
  await using directory = await createTemporaryDirectory();
  await chmod(await directory.write("zap", "#!/bin/sh\n# negotiator: zaps\n"), 0o755);
  await directory.write("zap.toml", 'user = "root"\ntimeoutSeconds = 3\n');
  const commands = await listUnder(DEFAULT_POLICY, [directory.path]);
  expect(commands).toEqual([
    { name: "find-disk-usage", kind: "builtin", description: expect.any(String) },
    { name: "zap", kind: "user", description: "zaps", timeoutSeconds: 3 },
  ]);
});

test("the list has only commands that some rule lets the caller run", async () => {
  await using directory = await createTemporaryDirectory();
  for (const name of ["one", "two", "three"]) await chmod(await directory.write(name, "#!/bin/sh\n"), 0o755);
  const rules = `
    [[rules]]
    action = "deny"
    commands = ["two"]
    [[rules]]
    action = "allow"
    guests = ["web*"]
    commands = ["t*"]
    arguments = ["x"]
  `;
  const names = async (policy: Policy) => (await listUnder(policy, [directory.path])).map(({ name }) => name);
  expect(await names(parsePolicy(rules))).toEqual(["three"]);
  expect(await names(parsePolicy(rules.replace("web*", "db*")))).toEqual([]);
  expect(await rejectionOf(names(denyAll("broken")))).toMatchObject({ code: "DENIED" });
});

function allow(command: string): Policy {
  return parsePolicy(`[[rules]]\naction = "allow"\ncommands = ["${command}"]`);
}

test("a list after a reload of the policy follows the new policy, over the same method", async () => {
  await using directory = await createTemporaryDirectory();
  for (const name of ["one", "two"]) await chmod(await directory.write(name, "#!/bin/sh\n"), 0o755);
  const method = createMethod([directory.path]);
  const names = async (policy: Policy) =>
    (await listUnder(policy, [directory.path], method)).map(({ name }) => name);
  expect(await names(allow("one"))).toEqual(["one"]);
  expect(await names(allow("two"))).toEqual(["two"]);
  expect(await rejectionOf(names(denyAll("broken")))).toMatchObject({ code: "DENIED" });
});

test("an unsafe file is not in three lists, and the log warns of it once", async () => {
  await using directory = await createTemporaryDirectory();
  await chmod(await directory.write("open-to-all", "#!/bin/sh\n"), 0o777);
  const method = createMethod([directory.path]);
  const { stderr } = await spyOnOutput(async () => {
    for (let list = 0; list < 3; list++) {
      const commands = await listUnder(DEFAULT_POLICY, [directory.path], method);
      expect(commands.map(({ name }) => name)).toEqual(["find-disk-usage"]);
    }
    return undefined;
  });
  expect(stderr.match(/open-to-all": /g)).toHaveLength(1);
});
