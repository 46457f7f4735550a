/** A daemon whose policy file is missing: at its start and at a reload. */
import { describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { createStage } from "../../support/stage.ts";
import type { Side, Stage } from "../../support/stage.ts";

const TIMEOUT_MS = 180_000;
const ALLOW_ALL = '[[rules]]\naction = "allow"\n';
const RELOADED = "The configuration and the policy were read again";
const COMMAND = "find-distributor-id";

type Way = { caller: Side; served: Side; name: string; to: string[]; from: string[] };

/** `to` is how the caller names the serving side; `from` is how `check-policy` there names the caller. */
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

describe.concurrent.each(WAYS)("%s", (whose, way) => {
  test(
    `${whose} denies every call while the policy file that its config names is missing`,
    async () => {
      await using stage = await createStage({ withoutDaemons: true });
      const { caller, served, name, to, from } = way(stage);
      const file = stage.at(`${name}.policy.toml`);
      const missing = `Cannot read the policy "${file}": there is no such file`;
      const remedy = `Create it, or correct the setting policyFile in ${stage.at(`${name}.toml`)}`;
      const expectDenied = async (): Promise<void> => {
        expect(await caller.run(["execute", ...to, COMMAND])).toMatchObject({
          exitCode: 126,
          stdout: "",
          stderr: expect.stringContaining("its policy has a mistake, so nothing is allowed"),
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
      await served.daemon.says(
        `ERROR policy: Every call is denied until the policy is corrected: ${missing}`,
      );
      await served.daemon.says(remedy);
      await expectDenied();

      await served.setPolicy(ALLOW_ALL);
      served.daemon.kill("SIGHUP");
      await served.daemon.says(RELOADED);
      expect(await caller.run(["execute", ...to, COMMAND])).toMatchObject({ exitCode: 0 });

      await rm(file);
      served.daemon.kill("SIGHUP");
      await served.daemon.says("so every call is denied");
      await served.daemon.says(missing, 2);
      await expectDenied();
    },
    TIMEOUT_MS,
  );
});
