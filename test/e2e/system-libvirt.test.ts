/** The system's libvirt with QEMU as another user, who owns the directories of the sockets. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { describeWithVm } from "../support/describe-with-vm.ts";
import { LIBVIRT_TOOLS } from "../support/libvirt.ts";
import { OTHER_UID, startListener } from "../support/other-process.ts";
import { launch, launchDaemon, PROGRAM } from "../support/program.ts";
import type { Daemon } from "../support/program.ts";
import { startSystemLibvirt } from "../support/system-libvirt.ts";
import type { SystemLibvirt } from "../support/system-libvirt.ts";
import { TEST_TIMEOUT_MS } from "../support/timeouts.ts";
import { until } from "../support/until.ts";

const PORT = "negotiator-host-to-guest.0";
const NAME = "web1";

await describeWithVm(
  "a host with the system's libvirt",
  () => {
    let libvirt: SystemLibvirt;
    const disposal = new AsyncDisposableStack();

    beforeAll(async () => {
      libvirt = disposal.use(await startSystemLibvirt("nobody"));
      await libvirt.createDomain(NAME, PORT);
      await Bun.write(
        libvirt.at("negotiator.toml"),
        `policyFile = "${libvirt.at("none.toml")}"\naudit.file = "${libvirt.at("audit")}"\n` +
          `[host]\ncontrol = "${libvirt.at("host.sock")}"\nlibvirt = "yes"\nconnect = "qemu:///system"\n`,
      );
    }, TEST_TIMEOUT_MS);
    afterAll(() => disposal.disposeAsync(), TEST_TIMEOUT_MS);

    const program = (): readonly string[] => [...libvirt.inside, ...PROGRAM];
    const env = (): Record<string, string> => ({ NEGOTIATOR_CONFIG: libvirt.at("negotiator.toml") });
    const startDaemon = (): Daemon => launchDaemon(["host", "daemon"], env(), program());
    /** A refused connection is there for a moment, so it has to be there after another question too. */
    const isConnected = (): Promise<unknown> =>
      until("the daemon stays connected to the guest", async () => {
        const before = await libvirt.connectionTo(NAME);
        await readLastError();
        return before !== undefined && before === (await libvirt.connectionTo(NAME));
      });
    const readLastError = async (): Promise<string | null> => {
      await using run = launch(["host", "status", NAME, "--json"], { env: env(), program: program() });
      const { stdout } = await run.ended();
      return stdout === "" ? null : JSON.parse(stdout).lastError;
    };

    test(
      "the daemon connects to the QEMU of libvirt, which runs as another user, after each start",
      async () => {
        await using daemon = startDaemon();
        await isConnected();
        const pid = await libvirt.virsh("dumpxml", NAME).then(() => readPid(libvirt));
        expect(await readFile(`/proc/${pid}/status`, "utf8")).toContain(`\nUid:\t${OTHER_UID}\t`);
        for (const words of [["destroy"], ["managedsave"]]) {
          await libvirt.virsh(...words, NAME);
          await libvirt.virsh("start", NAME);
          await isConnected();
        }
        expect(daemon.log()).not.toContain("is not the guest's QEMU");
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "that user gets nothing if it takes the place of the socket, and status names both processes",
      async () => {
        const path = await libvirt.socketOf(NAME);
        await using thief = await startListener(path, { uid: OTHER_UID, wrap: libvirt.inside });
        await using daemon = startDaemon();
        const error = await until("status has the reason", async () => (await readLastError()) ?? undefined);
        expect(error).toStartWith(`Cannot connect to "${path}": process `);
        const qemu = await readPid(libvirt);
        expect(error).toContain(`is not the guest's QEMU, which libvirt started as process ${qemu}\n`);
        await thief.says("closed\nconnected\nclosed");
        await daemon.says("WARN guests: guest");
        expect(thief.printed()).not.toContain("got");
        await libvirt.virsh("destroy", NAME);
        await libvirt.virsh("start", NAME);
        await isConnected();
      },
      TEST_TIMEOUT_MS,
    );
  },
  LIBVIRT_TOOLS,
);

/** The process id in libvirt's pid file. */
async function readPid({ inside }: SystemLibvirt): Promise<string> {
  const child = Bun.spawn([...inside, "cat", `/run/libvirt/qemu/${NAME}.pid`], { stdout: "pipe" });
  return (await child.stdout.text()).trim();
}
