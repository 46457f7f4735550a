/** `list-commands`: what a caller learns of the commands, and what it does not. */
import { listCommandsOf } from "../../src/peers/remote-command.ts";
import { createNativePeer } from "../../src/peers/native.ts";
import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { BUILTINS } from "../../src/methods/builtin/builtins.ts";
import { createListCommands } from "../../src/methods/list-commands.ts";
import { createDispatcher } from "../../src/methods/method.ts";
import { DEFAULT_POLICY, denyAll, parsePolicy } from "../../src/policy/policy.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { createQuota } from "../../src/policy/quota.ts";
import { NegotiatorError } from "../../src/errors.ts";
import { createServedLink } from "../support/served-link.ts";
import { spyOnOutput } from "../support/spied-output.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const explainNoAnswer = (): NegotiatorError => new NegotiatorError("NO_CHANNEL", "never sent");

async function listUnder(policy: Policy, directories: string[]) {
  const sources = () => ({ directories, builtins: BUILTINS.slice(0, 1), uid: process.getuid?.() ?? 0 });
  const methods = [createListCommands({ sources })];
  await using link = createServedLink(
    createDispatcher({
      role: "host",
      direction: "incoming",
      caller: { guest: "web1" },
      methods,
      policy: () => policy,
      quota: createQuota(),
      audit: { record: () => undefined },
      now: () => 0,
    }),
  );
  return await listCommandsOf(createNativePeer(link.caller, { explainNoAnswer }), { timeoutMs: 5000 });
}

test("names and descriptions are told, places are not", async () => {
  await using directory = await createTemporaryDirectory();
  await chmod(await directory.write("zap", "#!/bin/sh\n# negotiator: zaps\n"), 0o755);
  await directory.write("zap.toml", 'user = "root"\ntimeoutSeconds = 3\n');
  const commands = await listUnder(DEFAULT_POLICY, [directory.path]);
  expect(commands).toEqual([
    { name: "find-disk-usage", kind: "builtin", description: expect.any(String) },
    { name: "zap", kind: "user", description: "zaps", timeoutSeconds: 3 },
  ]);
});

test("only what the policy may ever let the caller run is offered", async () => {
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
  expect(await names(denyAll("broken"))).toEqual([]);
});

test("a file that may not be run is a warning in our own log, and nothing to the caller", async () => {
  await using directory = await createTemporaryDirectory();
  await chmod(await directory.write("open-to-all", "#!/bin/sh\n"), 0o777);
  const { result, stderr } = await spyOnOutput(() => listUnder(DEFAULT_POLICY, [directory.path]));
  expect(result.map(({ name }) => name)).toEqual(["find-disk-usage"]);
  expect(stderr).toContain("open-to-all");
});
