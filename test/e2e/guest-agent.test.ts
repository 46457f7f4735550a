/** A host runs its commands in a guest of libvirt that has only the QEMU guest agent. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { hostBinary } from "../support/binary.ts";
import { describeWithVm } from "../support/describe-with-vm.ts";
import { COMMAND_FILES } from "../support/guest-commands.ts";
import { createHostProgram } from "../support/host-program.ts";
import type { HostProgram, ProgramRun } from "../support/host-program.ts";
import { channelXml, LIBVIRT_TOOLS, startLibvirt } from "../support/libvirt.ts";
import type { Libvirt, LibvirtDomain } from "../support/libvirt.ts";
import { qemuAgentFiles } from "../support/qemu-agent.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { STEP_TIMEOUT_MS, TEST_TIMEOUT_MS } from "../support/timeouts.ts";
import { until } from "../support/until.ts";

const AGENT_PORT = "org.qemu.guest_agent.0";
const NAME = "db 1";
const CALLS = "negotiator-host-to-guest.0";
/** The commands that the host keeps. */
const KEPT = {
  "db*/hello": '#!/bin/sh\necho "hello $1"; echo "to stderr" >&2; cat; exit 3\n',
  "other/secret": "#!/bin/sh\n",
  cat: "#!/bin/sh\nexec cat\n",
  die: "#!/bin/sh\nkill -9 $$\n",
  naps: "#!/bin/sh\nsleep 1000 & sleep 1000; wait\n",
};

await describeWithVm(
  "a guest that has only the QEMU guest agent",
  () => {
    let host: HostProgram;
    let libvirt: Libvirt;
    let domain: LibvirtDomain;
    const disposal = new AsyncDisposableStack();

    beforeAll(async () => {
      const binary = await hostBinary();
      const files = { ...(await qemuAgentFiles()), ...COMMAND_FILES };
      libvirt = disposal.use(await startLibvirt({ binary, files }));
      const directory = disposal.use(await createTemporaryDirectory());
      for (const [name, text] of Object.entries(KEPT)) await chmod(await directory.write(name, text), 0o755);
      const connect = `libvirt = "yes"\nconnect = "${libvirt.uri}"`;
      const commands = `guestCommandsDirectory = "${directory.at()}"`;
      host = disposal.use(await createHostProgram({ binary, host: `${connect}\n${commands}` }));
      disposal.use(await host.startDaemon());
      domain = await libvirt.createDomain({ name: NAME, channels: [AGENT_PORT] });
      await domain.start();
      domain.spawn(`exec qemu-ga -t /run -p "$(ls /dev/vport*p1)"`);
      await isInState("qga");
    }, TEST_TIMEOUT_MS);
    afterAll(() => disposal.disposeAsync(), TEST_TIMEOUT_MS);

    const isInState = (state: string): Promise<unknown> =>
      until(`it is ${state}`, async () => (await host.guest(NAME))?.state === state, STEP_TIMEOUT_MS);
    const execute = (...words: string[]): Promise<ProgramRun> => host.run(["host", "execute", ...words]);
    const inGuest = async (command: string): Promise<string> => (await domain.run(command)).stdout;

    test(
      "a command of the host runs there with arguments, input, both outputs and exit code",
      async () => {
        const words = ["host", "execute", NAME, "hello", "a 'b'\n$x"];
        const { exitCode, stdout, stderr } = await host.run(words, "in\n");
        expect({ exitCode, stdout, stderr }).toEqual({
          exitCode: 3,
          stdout: "hello a 'b'\n$x\nin\n",
          stderr: "to stderr\n",
        });
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "a signal that ends the command is its exit code",
      async () => {
        expect((await execute(NAME, "die")).exitCode).toBe(128 + 9);
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "a megabyte goes in and comes out unchanged",
      async () => {
        const bytes = Buffer.alloc(1_000_000, "negotiator\0\n\xff", "latin1");
        const { exitCode, stdoutBytes } = await host.run(["host", "execute", NAME, "cat"], bytes);
        expect(exitCode).toBe(0);
        expect(stdoutBytes.equals(bytes)).toBe(true);
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "at its deadline a command is ended in the guest with all its processes, and leaves no files",
      async () => {
        const { exitCode, stderr } = await execute("-t", "2", NAME, "naps");
        expect(exitCode).toBe(124);
        expect(stderr).toContain("The deadline has passed: the guest ends the command now");
        await until("it has ended", async () => (await inGuest("pidof sleep")) === "", STEP_TIMEOUT_MS);
        const files = "ls /var/lib/negotiator/pushed/calls";
        await until("its files are gone", async () => (await inGuest(files)) === "", STEP_TIMEOUT_MS);
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "the host lists its own commands for the guest, and not the guest without --all",
      async () => {
        const { stdout } = await host.run(["host", "list-commands", NAME]);
        expect(stdout).toBe("cat\ndie\nhello\nnaps\n");
        expect((await host.run(["host", "list-guests"])).stdout).toBe("");
        expect((await host.run(["host", "list-guests", "--all"])).stdout).toBe(`${NAME}\n`);
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "guest-info, freeze and thaw ask the agent",
      async () => {
        expect((await host.run(["host", "guest-info", NAME])).stdout).toContain("host name: guest\n");
        expect((await host.run(["host", "freeze", NAME])).stdout).toBe("0\n");
        expect((await host.run(["host", "thaw", NAME])).stdout).toBe("0\n");
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "a command that the guest has changed is sent again",
      async () => {
        await inGuest("echo 'exit 99' >/var/lib/negotiator/pushed/commands/*/die");
        expect((await execute(NAME, "die")).exitCode).toBe(128 + 9);
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "the guest's commands are called while its own agent answers",
      async () => {
        const xml = libvirt.at("channel.xml");
        await Bun.write(xml, channelXml(CALLS));
        await libvirt.virsh("attach-device", NAME, xml, "--live");
        domain.spawn("exec negotiator guest daemon");
        await isInState("open");
        expect((await execute(NAME, "whoami")).stdout).toStartWith("guest whoami");
        expect((await execute(NAME, "naps")).exitCode).toBe(127);
        expect((await host.run(["host", "guest-info", NAME])).stdout).toContain("host name: guest\n");
        // This guest has no disk.
        expect((await host.run(["host", "freeze", NAME])).stdout).toBe("0\n");
        expect((await host.run(["host", "thaw", NAME])).stdout).toBe("0\n");
        await inGuest("kill $(pidof negotiator)");
        const all = (await libvirt.virsh("dumpxml", NAME)).match(/<channel .*?<\/channel>/gs) ?? [];
        await Bun.write(xml, all.find((channel) => channel.includes(CALLS)) ?? "");
        await libvirt.virsh("detach-device", NAME, xml, "--live");
        await isInState("qga");
        expect((await execute(NAME, "die")).exitCode).toBe(128 + 9);
      },
      TEST_TIMEOUT_MS,
    );
  },
  LIBVIRT_TOOLS,
);
