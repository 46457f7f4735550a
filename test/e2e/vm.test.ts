/** Tests that a real guest boots and runs the compiled binary. */
import { expect, test } from "bun:test";
import { hostBinary } from "../support/binary.ts";
import { describeWithVm } from "../support/describe-with-vm.ts";
import { TEST_TIMEOUT_MS } from "../support/timeouts.ts";
import { bootVm } from "../support/vm.ts";

const PORT = "negotiator-host-to-guest.0";

await describeWithVm("a real guest", () => {
  test(
    "a real guest runs the compiled binary",
    async () => {
      await using vm = await bootVm({ binary: await hostBinary(), ports: [PORT] });
      const result = await vm.run("negotiator --version");
      expect(result).toMatchObject({ exitCode: 0, stderr: "" });
      expect(result.stdout).toMatch(/^\S*\s?v?\d+\.\d+\.\d+.*\n$/);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a guest without users and groups runs a daemon",
    async () => {
      const init = ["rm /etc/passwd /etc/group"];
      await using vm = await bootVm({ binary: await hostBinary(), ports: [PORT], init });
      vm.spawn("negotiator guest daemon");
      const status = "negotiator guest status --json";
      const result = await vm.run(`until [ -S /run/negotiator/guest.sock ]; do sleep 0.1; done; ${status}`);
      expect(result).toMatchObject({ exitCode: 0, stderr: "" });
      expect(JSON.parse(result.stdout)).toMatchObject({ state: "waiting" });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "the error of a guest that cannot boot shows its console",
    async () => {
      // The kernel may print into the middle of one line, so there are three.
      const init = ["for time in 1 2 3; do echo the disk is on fire; sleep 0.1; done", "false"];
      const boot = bootVm({ binary: "/bin/true", init });
      expect(await boot.catch(String)).toMatch(/QEMU ended with exit code 0[^]*the disk is on fire/);
    },
    TEST_TIMEOUT_MS,
  );
});
