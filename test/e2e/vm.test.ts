import { expect, test } from "bun:test";
import { hostBinary } from "../support/binary.ts";
import { describeWithVm } from "../support/describe-with-vm.ts";
import { bootVm } from "../support/vm.ts";

const PORT = "negotiator-host-to-guest.0";
const TIMEOUT_MS = 120_000;

await describeWithVm("a real guest", () => {
  test(
    "runs the compiled binary",
    async () => {
      await using vm = await bootVm({ binary: await hostBinary(), ports: [PORT] });
      const result = await vm.run("negotiator --version");
      expect(result).toMatchObject({ exitCode: 0, stderr: "" });
      expect(result.stdout).toMatch(/^\S*\s?v?\d+\.\d+\.\d+.*\n$/);
    },
    TIMEOUT_MS,
  );

  test(
    "without any users or groups has a daemon all the same",
    async () => {
      const init = ["rm /etc/passwd /etc/group"];
      await using vm = await bootVm({ binary: await hostBinary(), ports: [PORT], init });
      vm.spawn("negotiator guest daemon");
      const status = "negotiator guest status --json";
      const result = await vm.run(`until [ -S /run/negotiator/guest.sock ]; do sleep 0.1; done; ${status}`);
      expect(result).toMatchObject({ exitCode: 0, stderr: "" });
      expect(JSON.parse(result.stdout)).toMatchObject({ state: "waiting" });
    },
    TIMEOUT_MS,
  );

  test(
    "that cannot boot shows its console in the error",
    async () => {
      const boot = bootVm({ binary: "/bin/true", init: ["echo the disk is on fire", "false"] });
      expect(await boot.catch(String)).toMatch(/QEMU ended with exit code 0[^]*the disk is on fire/);
    },
    TIMEOUT_MS,
  );
});
