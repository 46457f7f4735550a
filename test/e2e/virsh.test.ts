/**
 * Both guest agents in a guest of libvirt, one after the other: virsh prints the same. Their root directory
 * is on a disk, with the binary, the audit and the log.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { hostBinary } from "../support/binary.ts";
import { DISK_ROOT, DISK_TOOLS, diskFiles, MOUNT_DISK, writeDisk } from "../support/disk-root.ts";
import { describeWithVm } from "../support/describe-with-vm.ts";
import { LIBVIRT_TOOLS, LIBVIRT_UID, startLibvirt } from "../support/libvirt.ts";
import type { GuestProcess } from "../support/guest-shell.ts";
import type { Libvirt, LibvirtDomain } from "../support/libvirt.ts";
import { qemuAgentFiles } from "../support/qemu-agent.ts";
import { STEP_TIMEOUT_MS, TEST_TIMEOUT_MS } from "../support/timeouts.ts";
import { until } from "../support/until.ts";

const PORT = "org.qemu.guest_agent.0";
const NAME = "web1";

const configOf = (freezeSeconds: number): string =>
  `guest.qga = "auto"\nguest.freezeSeconds = ${freezeSeconds}\n`;
const POLICY = '[[rules]]\naction = "allow"\nmethods = ["guest-*"]\n';
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample tester";

/** Words for virsh after the domain's name, in an order in which one may depend on the one before. */
const LINES: readonly (readonly [command: string, ...words: string[]])[] = [
  ["qemu-agent-command", '{"execute":"guest-ping"}'],
  ["domhostname", "--source", "agent"],
  ["domifaddr", "--source", "agent"],
  ["guestinfo", "--user", "--os", "--timezone", "--hostname", "--filesystem", "--interface"],
  ["guestvcpus"],
  ["domfsinfo"],
  ["domtime", "--time", "1900000000"],
  ["domfsfreeze"],
  ["domfsthaw"],
  ["qemu-agent-command", '{"execute":"guest-fsfreeze-freeze"}'],
  ["qemu-agent-command", '{"execute":"guest-fsfreeze-thaw"}'],
  ["set-user-sshkeys", "root", "--file", "KEYFILE"],
  ["get-user-sshkeys", "root"],
  ["qemu-agent-command", '{"execute":"guest-exec","arguments":{"path":"/no/such/program"}}'],
  ["qemu-agent-command", '{"execute":"guest-no-such-command"}'],
  ["qemu-agent-command", '{"execute":"guest-sync","arguments":{"id":9007199254740993}}'],
];

await describeWithVm(
  "a guest whose manager is libvirt",
  () => {
    let libvirt: Libvirt;
    let domain: LibvirtDomain;
    const disposal = new AsyncDisposableStack();

    beforeAll(async () => {
      libvirt = disposal.use(
        await startLibvirt({
          binary: await hostBinary(),
          files: {
            ...(await qemuAgentFiles()),
            ...(await diskFiles()),
            "/etc/negotiator/negotiator.toml": { text: configOf(600) },
            "/etc/negotiator/policy.toml": { text: POLICY },
            "/etc/os-release": { text: 'ID=made-up\nNAME="Made Up"\nVERSION_ID="1"\n' },
          },
        }),
      );
      await Bun.write(libvirt.at("key.pub"), `${KEY}\n`);
      const disk = libvirt.at("disk");
      await writeDisk(disk, { binary: await hostBinary(), uid: LIBVIRT_UID });
      domain = await libvirt.createDomain({ name: NAME, channels: [PORT], disk });
      await domain.start();
      expect(await domain.run(MOUNT_DISK)).toMatchObject({ exitCode: 0, stderr: "" });
    }, TEST_TIMEOUT_MS);
    afterAll(() => disposal.disposeAsync(), TEST_TIMEOUT_MS);

    /** The output of each line of virsh, or the last line of its error. */
    async function askAll(): Promise<string[]> {
      const answers: string[] = [];
      for (const [command, ...words] of LINES) {
        // A busy machine takes longer than the usual five seconds.
        const patience = command === "qemu-agent-command" ? ["--timeout", "60"] : [];
        const line = words.map((word) => (word === "KEYFILE" ? libvirt.at("key.pub") : word));
        const answer = await libvirt
          .virsh(command, NAME, ...line, ...patience)
          .catch((thrown: unknown) => String(thrown));
        // The daemon writes its audit to the disk.
        const equal = answer.trim().replace(/(used-bytes\s*: )\d+/, "$1some");
        answers.push(`${command}: ${equal}`);
      }
      return answers;
    }
    const isConnected = (): Promise<unknown> =>
      until(
        "the agent answers virsh",
        () =>
          libvirt.virsh("qemu-agent-command", NAME, '{"execute":"guest-ping"}').then(
            () => true,
            () => false,
          ),
        STEP_TIMEOUT_MS,
      );

    const startOurs = async (): Promise<GuestProcess> => {
      const started = domain.spawn(`echo $$ > /run/daemon; exec chroot ${DISK_ROOT} negotiator guest daemon`);
      await isConnected();
      return started;
    };
    /** Freezes the root directory, and resolves once a process waits to write to it. */
    async function freeze(): Promise<GuestProcess> {
      await libvirt.virsh("domfsfreeze", NAME);
      const writer = domain.spawn(`echo $$ > /run/writer; echo text > ${DISK_ROOT}/var/written`);
      const waits = "until grep -q '^State:.*D' /proc/$(cat /run/writer)/status; do usleep 10000; done";
      await domain.run(`until [ -s /run/writer ]; do usleep 10000; done; ${waits}`);
      const status = await libvirt.virsh("qemu-agent-command", NAME, '{"execute":"guest-fsfreeze-status"}');
      expect(status.trim()).toBe('{"return":"frozen"}');
      return writer;
    }
    const endsWell = async (writer: GuestProcess): Promise<void> => {
      expect((await writer.exited).exitCode).toBe(0);
      await domain.run("rm /run/writer");
    };
    const kill = async (daemon: GuestProcess): Promise<void> => {
      await domain.run("kill -9 $(cat /run/daemon)");
      await daemon.exited;
    };
    const thaw = (): Promise<string> => libvirt.virsh("domfsthaw", NAME);

    /** The daemon, its program, its audit and its log are on the file system that it freezes. */
    async function checkFreezes(first: GuestProcess): Promise<void> {
      const writer = await freeze();
      await thaw();
      await endsWell(writer);

      const afterKill = await freeze();
      await kill(first);
      const second = await startOurs();
      await thaw();
      await endsWell(afterKill);
      await kill(second);

      await domain.run(`printf '${configOf(12)}' > ${DISK_ROOT}/etc/negotiator/negotiator.toml`);
      const third = await startOurs();
      const byItself = await freeze();
      await kill(third);
      await endsWell(byItself);
      await startOurs();
    }

    test(
      "virsh prints the same, a frozen root directory is thawed also after SIGKILL, and the guest shuts down",
      async () => {
        const port = "$(ls /dev/vport*p* | tail -n 1)";
        const theirs = domain.spawn(`exec chroot ${DISK_ROOT} /usr/sbin/qemu-ga -p ${port} -t /run`);
        await isConnected();
        const expected = await askAll();
        expect(expected).toContain('qemu-agent-command: {"return":1}');
        await domain.run(`kill $(pidof qemu-ga); cd ${DISK_ROOT} && rm -rf usr/sbin/qemu-ga root/.ssh`);
        await theirs.exited;
        const ours = await startOurs();
        expect(await askAll()).toEqual(expected);
        await checkFreezes(ours);
        await libvirt.virsh("shutdown", NAME, "--mode", "agent");
        await until(
          "the guest is off",
          async () => (await libvirt.virsh("domstate", NAME)).trim() === "shut off",
          STEP_TIMEOUT_MS,
        );
      },
      TEST_TIMEOUT_MS,
    );
  },
  [...LIBVIRT_TOOLS, ...DISK_TOOLS],
);
