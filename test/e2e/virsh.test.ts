/** Both guest agents in a guest of libvirt, one after the other: virsh prints the same. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { hostBinary } from "../support/binary.ts";
import { describeWithVm } from "../support/describe-with-vm.ts";
import { LIBVIRT_TOOLS, startLibvirt } from "../support/libvirt.ts";
import type { Libvirt, LibvirtDomain } from "../support/libvirt.ts";
import { qemuAgentFiles } from "../support/qemu-agent.ts";
import { STEP_TIMEOUT_MS, TEST_TIMEOUT_MS } from "../support/timeouts.ts";
import { until } from "../support/until.ts";

const PORT = "org.qemu.guest_agent.0";
const NAME = "web1";

const OURS_CONFIG = 'guest.qga = "auto"\n';
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
            "/etc/negotiator/negotiator.toml": { text: OURS_CONFIG },
            "/etc/negotiator/policy.toml": { text: POLICY },
            "/etc/os-release": { text: 'ID=made-up\nNAME="Made Up"\nVERSION_ID="1"\n' },
          },
        }),
      );
      await Bun.write(libvirt.at("key.pub"), `${KEY}\n`);
      domain = await libvirt.createDomain({ name: NAME, channels: [PORT] });
      await domain.start();
    }, TEST_TIMEOUT_MS);
    afterAll(() => disposal.disposeAsync(), TEST_TIMEOUT_MS);

    /** The output of each line of virsh, or the last line of its error. */
    async function askAll(): Promise<string[]> {
      const answers: string[] = [];
      for (const [command, ...words] of LINES) {
        const line = words.map((word) => (word === "KEYFILE" ? libvirt.at("key.pub") : word));
        const answer = await libvirt.virsh(command, NAME, ...line).catch((thrown: unknown) => String(thrown));
        answers.push(`${command}: ${answer.trim()}`);
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

    test(
      "virsh prints the same, and shuts the guest down",
      async () => {
        const theirs = domain.spawn("exec /usr/sbin/qemu-ga -p $(ls /dev/vport*p* | tail -n 1) -t /run");
        await isConnected();
        const expected = await askAll();
        await domain.run("kill $(pidof qemu-ga); rm -rf /usr/sbin/qemu-ga /root/.ssh");
        await theirs.exited;
        domain.spawn("exec negotiator guest daemon");
        await isConnected();
        expect(await askAll()).toEqual(expected);
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
  LIBVIRT_TOOLS,
);
