/** Faults planted in a real guest and at its port: `doctor` finds each on either side, with its remedy. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { hostBinary } from "../support/binary.ts";
import { describeWithVm } from "../support/describe-with-vm.ts";
import { readFindings } from "../support/findings.ts";
import type { PrintedFinding } from "../support/findings.ts";
import { createHostProgram } from "../support/host-program.ts";
import type { HostProgram } from "../support/host-program.ts";
import { STEP_TIMEOUT_MS, TEST_TIMEOUT_MS } from "../support/timeouts.ts";
import { until } from "../support/until.ts";
import type { VirtualMachine } from "../support/virtual-machine.ts";
import { bootVm } from "../support/vm.ts";

const PORT = "negotiator-host-to-guest.0";

await describeWithVm("doctor and a real guest", () => {
  let host: HostProgram;
  let vm: VirtualMachine<typeof PORT>;
  const disposal = new AsyncDisposableStack();

  beforeAll(async () => {
    const binary = await hostBinary();
    vm = disposal.use(await bootVm({ binary, ports: [PORT] }));
    const named = `[[guests]]\nname = "web1"\nsocket = "${vm.sockets[PORT]}"\n`;
    const config = `${named}[limits]\npingAfterMs = 1000\nunresponsiveAfterMs = 3000\n`;
    host = disposal.use(await createHostProgram({ binary, config, host: 'libvirt = "no"\nqemu = "no"' }));
    disposal.use(await host.startDaemon());
  }, TEST_TIMEOUT_MS);
  afterAll(() => disposal.disposeAsync(), TEST_TIMEOUT_MS);

  const inGuest = (check: string): Promise<PrintedFinding[]> =>
    findingsOf(check, () => vm.run("negotiator guest doctor --json"));
  const onHost = (check: string): Promise<PrintedFinding[]> =>
    findingsOf(check, () => host.run(["host", "doctor", "web1", "--json"]));

  test(
    "doctor names a held port, a missing node and driver, a missing agent, and a wrong clock",
    async () => {
      expect(await inGuest("port")).toMatchObject([
        {
          level: "ok",
          message: expect.stringMatching(/^negotiator-host-to-guest\.0 \(.*\): no process has it open$/),
        },
      ]);
      const node = (await vm.run("echo /dev/vport*p1")).stdout.trim();
      const holder = vm.spawn(`exec sleep 1000 <${node}`);
      const held = await until("the port is held", async () => {
        const [finding] = await inGuest("port");
        return finding?.level === "problem" ? finding : undefined;
      });
      expect(held.message).toMatch(/^process \d+ \(sleep\) has "negotiator-host-to-guest\.0" open/);
      expect(held.remedy).toMatch(/^Stop it: kill \d+$/);
      await vm.signal(holder, "KILL");
      await holder.exited;

      const numbers = (await vm.run(`stat -c '%t %T' ${node}`)).stdout.trim().split(" ");
      const [major, minor] = numbers.map((text) => Number.parseInt(text, 16));
      await vm.run(`rm ${node}`);
      const [noNode] = await inGuest("port");
      expect(noNode).toMatchObject({ level: "problem", message: expect.stringContaining("device node") });
      expect(noNode?.remedy).toContain(`mknod -m 600 ${node} c ${major} ${minor}`);

      expect(await vm.run("rmmod virtio_console")).toMatchObject({ exitCode: 0 });
      const [noDriver] = await inGuest("port");
      expect(noDriver).toMatchObject({ level: "problem", fix: "modprobe virtio_console" });
      expect(noDriver?.message).toContain("the driver virtio_console is not loaded");
      const back = await vm.run(`insmod /modules/virtio_console.ko && sleep 1; ls ${node}`);
      if (back.exitCode !== 0) await vm.run(`mknod -m 600 ${node} c ${major} ${minor}`);
      expect(await inGuest("port")).toMatchObject([{ level: "ok" }]);

      expect(await onHost("agent")).toMatchObject([
        { level: "problem", remedy: expect.stringContaining("guest daemon") },
      ]);
      vm.spawn("exec negotiator guest daemon");
      await until(
        "the agent answers",
        async () => (await onHost("agent")).every(({ level }) => level === "ok"),
        STEP_TIMEOUT_MS,
      );
      expect(await inGuest("port")).toMatchObject([
        { message: expect.stringContaining("the daemon has it open") },
      ]);
      expect(await inGuest("host")).toMatchObject([{ level: "ok" }]);
      expect(await onHost("socket")).toMatchObject([
        { level: "ok", message: expect.stringContaining("the daemon holds") },
      ]);

      await vm.run("date -s @$(($(date +%s) - 7200))");
      const [, behind] = await onHost("agent");
      expect(behind?.message).toMatch(/^the clock of the guest is 7[12]\d\d s behind ours$/);
      expect(behind?.remedy).toContain("timedatectl set-ntp true");
      const ahead = (await inGuest("host")).at(-1);
      expect(ahead?.message).toMatch(/^the clock of the host is 7[12]\d\d s ahead of ours$/);
    },
    TEST_TIMEOUT_MS,
  );
});

/** Asks again while a check says nothing or did not end: an emulated guest may be held up for longer. */
function findingsOf(check: string, ask: () => Promise<{ stdout: string }>): Promise<PrintedFinding[]> {
  const look = async (): Promise<PrintedFinding[] | undefined> => {
    const findings = readFindings((await ask()).stdout, check);
    return findings.length > 0 && findings.every(({ level }) => level !== "unknown") ? findings : undefined;
  };
  return until(`doctor finds something about "${check}"`, look, STEP_TIMEOUT_MS);
}
