/** The questions of a host to a guest's own agent. Both run here, so nothing is frozen or shut down. */
import { expect, test } from "bun:test";
import { hostname } from "node:os";
import { createStage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const TIMEOUT_MS = 180_000;

test(
  "guest-info shows what the guest's own agent tells",
  async () => {
    await using stage = await createStage();
    const shown = await stage.host.run(["guest-info", "web1"]);
    expect(shown).toMatchObject({ exitCode: 0, stderr: "" });
    expect(shown.stdout).toStartWith(`host name: ${hostname()}\nsystem: `);
    expect(shown.stdout).toContain("\naddress: 127.0.0.1/8");
    const { stdout } = await stage.host.run(["guest-info", "--json", "web1"]);
    expect(JSON.parse(stdout)).toMatchObject({ hostName: hostname(), frozen: false });
    await until("the question is in the audit", async () =>
      (await stage.guest().audit()).some(({ method }) => method === "guest-get-host-name"),
    );
  },
  TIMEOUT_MS,
);

test(
  "a rule of the guest denies what it names, and a wrong mode or guest is said",
  async () => {
    await using stage = await createStage();
    const rules =
      '[[rules]]\naction = "deny"\nmethods = ["guest-get-host-name"]\n[[rules]]\naction = "allow"\n';
    await stage.guest().setPolicy(rules);
    expect((await stage.guest().run(["reload"])).exitCode).toBe(0);
    const { stdout } = await stage.host.run(["guest-info", "--json", "web1"]);
    expect(JSON.parse(stdout)).not.toHaveProperty("hostName");
    expect(await stage.host.run(["shutdown", "--mode", "sleep", "web1"])).toMatchObject({
      exitCode: 2,
      stderr: 'negotiator: Cannot shut down in the mode "sleep"\nUse one of: powerdown, reboot, halt\n',
    });
    const { exitCode, stderr } = await stage.host.run(["guest-info", "web2"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('"web2"');
  },
  TIMEOUT_MS,
);
