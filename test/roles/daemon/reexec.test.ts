/** A daemon that replaces itself by the program as it is installed now. */
import { describe, expect, test } from "bun:test";
import { createStage } from "../../support/stage.ts";
import type { Side, Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const TIMEOUT_MS = 180_000;
const SIDES: [string, (stage: Stage) => Side][] = [
  ["host", (stage) => stage.host],
  ["guest", (stage) => stage.guest()],
];

describe.each(SIDES)("negotiator %s reexec", (role, sideOf) => {
  test(
    `${role}: keeps the process, prints the version, and calls work afterwards`,
    async () => {
      await using stage = await createStage();
      const side = sideOf(stage);
      const { pid } = side.daemon;
      const { exitCode, stdout, stderr } = await side.run(["reexec"]);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expect(stdout).toStartWith(`The ${role}'s daemon is now negotiator `);
      expect(process.kill(pid, 0)).toBe(true);
      await stage.open();
      expect((await stage.host.run(["execute", "web1", "find-distributor-id"])).exitCode).toBe(0);
      expect((await stage.guest().run(["execute", "find-distributor-id"])).exitCode).toBe(0);
    },
    TIMEOUT_MS,
  );

  test(
    `${role}: SIGUSR2 does the same`,
    async () => {
      await using stage = await createStage();
      const { daemon } = sideOf(stage);
      process.kill(daemon.pid, "SIGUSR2");
      await until("it serves again", () => daemon.log().split("Serving local users").length > 2);
      await stage.open();
    },
    TIMEOUT_MS,
  );
});
