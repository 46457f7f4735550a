/** The policy of a daemon, and what it says about files that have changed since it read them. */
import { expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { loadConfig } from "../../../src/config/config.ts";
import type { Config } from "../../../src/config/config.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { loadPolicy } from "../../../src/policy/policy-file.ts";
import { createPolicyInForce } from "../../../src/roles/daemon/policy-in-force.ts";
import { mountHanging, whyNoHangingMount } from "../../support/hanging-mount.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { spyOnOutput } from "../../support/spied-output.ts";

const ALLOW = '[[rules]]\naction = "allow"\n';

/** A config at its own path, with the policy at a path that counts as the default one. */
function configAt(directory: { at(name: string): string }): Config {
  const config = loadConfig({ file: directory.at("negotiator.toml"), environment: {} });
  return {
    ...config,
    settings: { ...config.settings, policyFile: directory.at("policy.toml") },
  };
}

test("a policy file that is gone asks for a restart, because a reload would deny every call", async () => {
  await using directory = await createTemporaryDirectory();
  await directory.write("negotiator.toml", "");
  await directory.write("policy.toml", ALLOW);
  const policy = createPolicyInForce("guest", configAt(directory));
  expect(await policy.findUnread()).toBeUndefined();
  await rm(directory.at("policy.toml"));
  expect(await policy.findUnread()).toBe(
    `The guest's daemon has a policy, and the file "${directory.at("policy.toml")}" is gone: ` +
      "a reload would deny every call\n" +
      "Restart the daemon to run without a policy: systemctl restart negotiator-guest",
  );
  await spyOnOutput(() => policy.reload(configAt(directory)));
  expect(policy.problem).toEndWith(
    "Create it, or restart the daemon to run without a policy\nThen load it: negotiator guest reload",
  );
});

test("a new policy file where none was asks for a reload", async () => {
  await using directory = await createTemporaryDirectory();
  await directory.write("negotiator.toml", "");
  const policy = createPolicyInForce("host", configAt(directory));
  await directory.write("policy.toml", ALLOW);
  const unread = `The host's daemon has not read the policy "${directory.at("policy.toml")}" as it is now`;
  expect(await policy.findUnread()).toBe(`${unread}\nLoad it: negotiator host reload`);
  await policy.reload(configAt(directory));
  expect(await policy.findUnread()).toBeUndefined();
});

test("a new file in policy.d asks for a reload, and counts after it", async () => {
  await using directory = await createTemporaryDirectory();
  await directory.write("negotiator.toml", "");
  await directory.write("policy.toml", ALLOW);
  const policy = createPolicyInForce("host", configAt(directory));
  await directory.write("policy.d/1.toml", ALLOW);
  expect(await policy.findUnread()).toContain(
    `has not read the policy "${directory.at("policy.toml")}" as it is now`,
  );
  await policy.reload(configAt(directory));
  expect(await policy.findUnread()).toBeUndefined();
  expect(policy.policy).toMatchObject({ kind: "rules", rules: [{}, {}] });
  await directory.write("policy.d/1.toml", "wrong");
  await spyOnOutput(() => policy.reload(configAt(directory)));
  expect(policy.problem).toContain(directory.at("policy.d/1.toml"));
});

test.if(whyNoHangingMount() === undefined)(
  "a policy whose file system stops answering stays in force, and is named within about a second",
  async () => {
    await using directory = await createTemporaryDirectory();
    await directory.write("negotiator.toml", "");
    await directory.write("etc/policy.toml", ALLOW);
    const config = configAt(directory);
    const policyFile = directory.at("etc/policy.toml");
    const policy = createPolicyInForce("guest", { ...config, settings: { ...config.settings, policyFile } });
    using mount = mountHanging(directory.at("etc"));
    const [first, second] = await Promise.all([policy.findUnread(), policy.findUnread()]);
    expect(first).toBe(
      `The file system of "${mount.path}/policy.toml" does not answer within 1 s\n` +
        `See whether it does: ls -ld ${mount.path}/policy.toml`,
    );
    expect(second).toBe(first);
    expect(policy.policy.kind).toBe("rules");
  },
);

test("a reload denies everything while the files of the policy cannot be read", async () => {
  await using directory = await createTemporaryDirectory();
  const file = { path: directory.at("policy.toml"), setBy: undefined };
  const { result } = await spyOnOutput(() => loadPolicy(file, undefined, silent));
  expect(result).toMatchObject({ kind: "invalid", problem: "The file system does not answer" });
});

function silent(): never {
  throw new NegotiatorError("TIMEOUT", "The file system does not answer");
}
