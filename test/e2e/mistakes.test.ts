/** Mistakes on a host with a real libvirt, which is asked for guests and has none to call. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { hostBinary } from "../support/binary.ts";
import { describeWithVm } from "../support/describe-with-vm.ts";
import { createHostProgram } from "../support/host-program.ts";
import type { HostProgram } from "../support/host-program.ts";
import { LIBVIRT_TOOLS, startLibvirt } from "../support/libvirt.ts";
import type { Libvirt } from "../support/libvirt.ts";
import { expectMessage } from "../support/mistakes.ts";
import { runProcess } from "../support/program-run.ts";
import { TEST_TIMEOUT_MS } from "../support/timeouts.ts";
import { until } from "../support/until.ts";

const PORT = "negotiator-host-to-guest.0";
const NOBODY = "65534";

const GIVE_URI = "Give a libvirt URI, for example: --connect qemu:///system";
/** libvirt looks for its socket before it looks at the driver. */

const OWN_LIBVIRT = [
  "negotiator: No guest was found: this user asked its own libvirt, at qemu:///session, " +
    "not that of the system",
  "Run as root, or ask the system's libvirt with the option --connect qemu:///system",
  "Join the group libvirt first, if that is refused: usermod -aG libvirt USER",
];

/** Names of domains, and their ports. None boots further than its kernel needs. */
const DOMAINS = {
  off: [PORT],
  bare: ["org.qemu.guest_agent.0"],
  "mis spelled": ["negotiator-host-to-guest"],
  silent: [PORT],
} as const;

await describeWithVm(
  "a mistake on a host with libvirt",
  () => {
    let libvirt: Libvirt;
    let host: HostProgram;
    let binary: string;
    const disposal = new AsyncDisposableStack();

    beforeAll(async () => {
      binary = await hostBinary();
      libvirt = disposal.use(await startLibvirt({ binary, files: {} }));
      const connect = `libvirt = "yes"\nqemu = "no"\nconnect = "${libvirt.uri}"`;
      host = disposal.use(await createHostProgram({ binary, host: connect }));
      for (const [name, channels] of Object.entries(DOMAINS)) await libvirt.createDomain({ name, channels });
    }, TEST_TIMEOUT_MS);
    afterAll(() => disposal.disposeAsync(), TEST_TIMEOUT_MS);

    /** Expects the message of `negotiator host WORDS`. URI stands for the libvirt's. */
    const expectOf = async (words: readonly string[], exitCode: number, ...message: string[]) => {
      const run = await host.run(["host", ...words]);
      const stderr = run.stderr.replaceAll(libvirt.uri, "URI");
      expectMessage({ ...run, stderr }, host.at(""), { exitCode, message });
    };
    /** The same through a daemon, and without one. */
    const expectBoth = async (words: readonly string[], exitCode: number, ...message: string[]) => {
      await expectOf(words, exitCode, ...message);
      await using _ = await host.startDaemon();
      await until("the daemon has looked for guests", async () => (await host.guest("silent")) !== undefined);
      await expectOf(words, exitCode, ...message);
    };
    /** Lets exactly these domains run, and their processors too. */
    const runOnly = async (...names: readonly string[]): Promise<void> => {
      for (const name of Object.keys(DOMAINS)) await libvirt.virsh("destroy", name).catch(() => undefined);
      for (const name of names) await libvirt.virsh("start", name);
    };
    const asNobody = (words: readonly string[]) =>
      runProcess(
        ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", binary, "host", ...words],
        {
          NEGOTIATOR_CONFIG: "/dev/null",
          NEGOTIATOR_AUDIT_FILE: libvirt.at("audit.jsonl"),
          HOME: libvirt.at(""),
          XDG_RUNTIME_DIR: libvirt.at(""),
        },
      );

    test(
      "list-guests while no guest runs says which libvirt was asked",
      async () => {
        await runOnly();
        await expectOf(
          ["list-guests"],
          0,
          "negotiator: No guest was found: none runs by libvirt at URI",
          "Look at all guests: virsh --connect 'URI' list --all",
        );
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "list-guests by a user without rights says whose libvirt was asked, with exit code 1",
      async () => {
        await runOnly();
        for (const [words, exitCode] of [
          [["list-guests"], 1],
          [["execute", "web1", "uptime"], 126],
        ] as const) {
          const run = await asNobody(words);
          expect(run.stdout).toBe("");
          expectMessage(run, "/nowhere", { exitCode, message: OWN_LIBVIRT });
        }
      },
      TEST_TIMEOUT_MS,
    );

    describe.each([
      ["a URI with another driver", "xen:///system"],
      ["a URI without a driver", "kvm2"],
      ["a URI with a mistyped driver", "qemo:///system"],
    ])("%s", (mistake, uri) => {
      test(
        `${mistake} is named, with a right one`,
        async () => {
          const run = await host.run(["host", "list-guests", "--connect", uri]);
          expect(run.exitCode).toBe(1);
          const [first = "", ...rest] = run.stderr.trimEnd().split("\n");
          expect(first).toStartWith(`negotiator: Cannot ask libvirt at "${uri}" for guests: `);
          expect(rest).toEqual([GIVE_URI]);
        },
        TEST_TIMEOUT_MS,
      );
    });

    test(
      "a libvirt that does not run is named, with how to start it",
      async () => {
        const uri = `qemu:///session?socket=${libvirt.at("none")}`;
        const run = await host.run(["host", "execute", "--connect", uri, "silent", "uptime"]);
        expect(run.exitCode).toBe(125);
        expect(run.stderr).toStartWith(`negotiator: Cannot ask libvirt at "${uri}" for guests: `);
        expect(run.stderr).toContain("\nStart libvirt: systemctl start libvirtd");
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "a guest that is shut off is named so, with how to start it",
      async () => {
        await runOnly("silent");
        await expectBoth(
          ["execute", "off", "uptime"],
          125,
          'negotiator: Guest "off" is shut off',
          "Start it: virsh --connect 'URI' start off",
        );
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "a guest whose port is misspelled is named with the ports that it has",
      async () => {
        await runOnly("silent", "mis spelled");
        await expectBoth(
          ["execute", "mis spelled", "uptime"],
          125,
          `negotiator: Guest "mis spelled" runs, but has no port ${PORT} (it has: negotiator-host-to-guest)`,
          attachLineOf("'mis spelled'"),
        );
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "a guest without the port can be called after its remedy, once an agent runs",
      async () => {
        await runOnly("silent", "bare");
        const words = ["execute", "--connect-timeout", "5", "bare", "uptime"];
        const remedy = attachLineOf("bare");
        await expectBoth(
          words,
          125,
          `negotiator: Guest "bare" runs, but has no port ${PORT} (it has: org.qemu.guest_agent.0)`,
          remedy,
          "Or put commands for its QEMU guest agent into /etc/negotiator/guest-commands on this host",
        );
        expect(remedy).toEndWith("negotiator host add-channel --connect 'URI' bare");
        const added = await host.run([
          "host",
          "add-channel",
          "--connect",
          libvirt.uri,
          "--wait",
          "0",
          "bare",
        ]);
        expect(added).toMatchObject({ exitCode: 0, stderr: "" });
        const run = await host.run(["host", ...words]);
        expect(run.stderr).toStartWith('negotiator: Guest "bare" does not answer: ');
        expect(run.stderr).toContain("\nStart the agent in the guest: ");
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "a guest that is paused is named so, with how to resume it",
      async () => {
        await runOnly("silent");
        await libvirt.virsh("suspend", "silent");
        await expectBoth(
          ["execute", "--connect-timeout", "5", "silent", "uptime"],
          125,
          'negotiator: Guest "silent" does not answer: it is paused',
          "Resume it: virsh --connect 'URI' resume silent",
        );
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "list-guests names running guests that have no port",
      async () => {
        await runOnly("mis spelled");
        await expectOf(
          ["list-guests"],
          0,
          `negotiator: No guest can be called: guest "mis spelled" runs, but has no port ${PORT}`,
          attachLineOf("'mis spelled'"),
        );
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "a guest that is switched off causes no warning in the daemon's log",
      async () => {
        await runOnly("silent");
        await using daemon = await host.startDaemon();
        await until("the daemon has found it", async () => (await host.guest("silent")) !== undefined);
        await libvirt.virsh("destroy", "silent");
        await until("the daemon has lost it", () =>
          daemon.stderr().includes('guest "silent": lost the port'),
        );
        expect(daemon.stderr()).not.toMatch(/WARN|ERROR/);
      },
      TEST_TIMEOUT_MS,
    );
  },
  LIBVIRT_TOOLS,
);

function attachLineOf(guest: string): string {
  return `Add it: negotiator host add-channel --connect 'URI' ${guest}`;
}
