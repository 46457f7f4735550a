/** Tests calls with a real guest that is taken back to a snapshot while the host stays connected. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { hostBinary } from "../support/binary.ts";
import { describeWithVm } from "../support/describe-with-vm.ts";
import { COMMAND_FILES, SCRIPTS } from "../support/guest-commands.ts";
import { createHostProgram } from "../support/host-program.ts";
import type { HostProgram } from "../support/host-program.ts";
import { STEP_TIMEOUT_MS, TEST_TIMEOUT_MS } from "../support/timeouts.ts";
import { until } from "../support/until.ts";
import type { VirtualMachine } from "../support/virtual-machine.ts";
import { bootVm, SNAPSHOT_TOOLS } from "../support/vm.ts";

const PORT = "negotiator-host-to-guest.0";

await describeWithVm(
  "a real guest that is taken back to a snapshot",
  () => {
    let vm: VirtualMachine<typeof PORT>;
    let host: HostProgram;
    const disposal = new AsyncDisposableStack();

    beforeAll(async () => {
      const binary = await hostBinary();
      host = disposal.use(await createHostProgram({ binary, commands: SCRIPTS }));
      vm = disposal.use(await bootVm({ binary, ports: [PORT], files: COMMAND_FILES, hasSnapshots: true }));
      disposal.use(await host.startDaemon(["--socket", `web=${vm.sockets[PORT]}`]));
      vm.spawn("exec negotiator guest daemon");
      await untilOpen();
      await vm.run("negotiator guest execute show before");
      await vm.saveSnapshot();
    }, TEST_TIMEOUT_MS);
    afterAll(() => disposal.disposeAsync(), TEST_TIMEOUT_MS);

    const untilOpen = (): Promise<unknown> =>
      until("the guest answers", async () => (await host.guest("web"))?.state === "open", STEP_TIMEOUT_MS);
    /** Calls in both directions, so that the guest of the snapshot knows old numbers only. */
    const call = async (): Promise<void> => {
      for (const word of ["1", "2", "3"]) {
        expect(await vm.run(`negotiator guest execute show ${word}`)).toMatchObject({ exitCode: 0 });
        expect(await host.run(["host", "execute", "web", "show", word])).toMatchObject({ exitCode: 0 });
      }
    };

    test.each([
      ["guest", (word: string) => vm.run(`negotiator guest execute -t 60 show ${word}`)],
      ["host", (word: string) => host.run(["host", "execute", "-t", "60", "web", "show", word])],
    ])(
      "the first call of the %s ends before its deadline, and the next one is served",
      async (_, show) => {
        await untilOpen();
        await call();
        await vm.loadSnapshot();
        const first = await show("first");
        const served = { exitCode: 0, stdout: "[first]\n" };
        const lost = { exitCode: 125, stderr: expect.stringContaining("outcome of the call is unknown") };
        expect(first).toMatchObject(first.exitCode === 0 ? served : lost);
        expect(await show("next")).toMatchObject({ exitCode: 0, stdout: "[next]\n", stderr: "" });
      },
      TEST_TIMEOUT_MS,
    );
  },
  SNAPSHOT_TOOLS,
);
