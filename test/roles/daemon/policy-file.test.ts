/** What a daemon goes by when the file of its policy is not there: at its start, and at SIGHUP. */
import { describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { DEFAULT_POLICY } from "../../../src/policy/policy.ts";
import { loadPolicy } from "../../../src/roles/daemon/policy-file.ts";
import { DEFAULTS } from "../../../src/config/settings.ts";
import { spyOnOutput } from "../../support/spied-output.ts";
import { createStage } from "../../support/stage.ts";
import type { Side, Stage } from "../../support/stage.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { unsetConfig } from "../../support/unset-config.ts";

const TIMEOUT_MS = 60_000;
const ALLOW_ALL = '[[rules]]\naction = "allow"\n';
const RELOADED = "The configuration and the policy were read again";
const COMMAND = "find-distributor-id";

type Way = { caller: Side; served: Side; name: string; to: string[]; from: string[] };

/** What is asked of one side, and who serves it; `from` is how its `check-policy` names the caller. */
const WAYS: [string, (stage: Stage) => Way][] = [
  [
    "a guest's daemon",
    (stage) => ({ caller: stage.host, served: stage.guest(), name: "web1", to: ["web1"], from: [] }),
  ],
  [
    "the host's daemon",
    (stage) => ({ caller: stage.guest(), served: stage.host, name: "host", to: [], from: ["web1"] }),
  ],
];

describe.concurrent.each(WAYS)("%s", (_, way) => {
  test(
    "denies everything while the policy that its config names is not there",
    async () => {
      await using stage = await createStage({ isDark: true });
      const { caller, served, name, to, from } = way(stage);
      const file = stage.at(`${name}.policy.toml`);
      const missing = `Cannot read the policy "${file}": there is no such file`;
      const remedy = `Make it, or correct the setting policyFile, which comes from ${stage.at(`${name}.toml`)}`;
      const expectDenied = async (): Promise<void> => {
        expect(await caller.run(["execute", ...to, COMMAND])).toMatchObject({
          exitCode: 126,
          stdout: "",
          stderr: expect.stringContaining("the policy cannot be read, so nothing is allowed"),
        });
        expect(await served.run(["check-policy", ...from, COMMAND])).toMatchObject({
          exitCode: 1,
          stdout: "",
          stderr: expect.stringContaining(`${missing}\n`),
        });
      };
      await rm(file);
      await Promise.all([caller.start(), served.start()]);
      await stage.open();
      await served.daemon.says(`ERROR policy: Every call is denied until the policy is mended: ${missing}`);
      await served.daemon.says(remedy);
      await expectDenied();

      await served.setPolicy(ALLOW_ALL);
      served.daemon.kill("SIGHUP");
      await served.daemon.says(RELOADED);
      expect(await caller.run(["execute", ...to, COMMAND])).toMatchObject({ exitCode: 0 });

      await rm(file);
      served.daemon.kill("SIGHUP");
      await served.daemon.says(RELOADED, 2);
      await served.daemon.says(missing, 2);
      await expectDenied();
    },
    TIMEOUT_MS,
  );
});

test("at its usual place a policy that was in force may be mended or replaced at SIGHUP, but not vanish", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("policy.toml");
  const config = unsetConfig({ ...DEFAULTS, policyFile: path });
  const none = loadPolicy(config);
  expect(none).toBe(DEFAULT_POLICY);
  expect(loadPolicy(config, none)).toBe(DEFAULT_POLICY);

  await Bun.write(path, ALLOW_ALL);
  const rules = loadPolicy(config, none);
  expect(rules).toMatchObject({ kind: "rules" });

  await rm(path);
  const problem =
    `Cannot read the policy "${path}": there is no such file, and there was a policy before\n` +
    "Put one there, or start the daemon anew to go on without a policy";
  const { result: gone, stderr } = await spyOnOutput(() => loadPolicy(config, rules));
  expect(gone).toEqual({ kind: "invalid", problem });
  expect(stderr.replaceAll("\n  ", "\n")).toContain(problem);
  const { result: stillGone } = await spyOnOutput(() => loadPolicy(config, gone));
  expect(stillGone).toEqual(gone);

  await Bun.write(path, ALLOW_ALL);
  expect(loadPolicy(config, stillGone)).toEqual(rules);
  expect(loadPolicy(config)).toEqual(rules);
});
