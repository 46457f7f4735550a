/** A reload of a running daemon: what SIGHUP changes, what it cannot change, and the calls that go on. */
import { describe, expect, test } from "bun:test";
import { chmod, readFile } from "node:fs/promises";
import { askStatus } from "../../../src/roles/host/ask-status.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import { createServices } from "../../../src/roles/daemon/services.ts";
import { DEFAULTS } from "../../../src/config/settings.ts";
import type { Launched } from "../../support/program.ts";
import { createSocketRelay } from "../../support/socket-relay.ts";
import { createStage } from "../../support/stage.ts";
import type { Side, Stage } from "../../support/stage.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { unsetConfig } from "../../support/unset-config.ts";
import { until } from "../../support/until.ts";

const TIMEOUT_MS = 180_000;
const RELOADED = "The configuration and the policy were read again";
/** Longer than a test, so no poll comes. */
const NEVER = "rescanSeconds = 3600\n";
/** Prints "ready" and ends at the end of its input. */
const WAITING = "#!/bin/sh\necho ready\ncat\necho done\n";
/** Each failure doubles the pause before the next attempt, up to 15 s, so 16 of them take about 150 s. */
const FAILURES = 16;

/** Returns a side's config, whose text the test replaces; the test sends SIGHUP. */
async function configOf(stage: Stage, name: string) {
  const path = stage.at(`${name}.toml`);
  let text = await readFile(path, "utf8");
  return {
    text: () => text,
    replace: async (from: string | RegExp, to: string): Promise<void> => {
      const next = text.replace(from, to);
      expect(next).not.toBe(text);
      text = next;
      await Bun.write(path, text);
    },
  };
}

/** Sends SIGHUP and waits until the daemon has reloaded for the `count`th time. */
async function reload({ daemon }: Side, count = 1): Promise<void> {
  daemon.kill("SIGHUP");
  await daemon.says(RELOADED, count);
}

async function expectToGoOn(running: Launched): Promise<void> {
  await running.feed("input\n");
  running.endInput();
  expect(await running.ended()).toMatchObject({ exitCode: 0, stdout: "input\ndone\n", stderr: "" });
}

test.concurrent(
  "a reload finds an added guest, closes a removed one, and does not disturb a call to another",
  async () => {
    await using stage = await createStage({ guests: ["web1", "web2"], withoutDaemons: true });
    const { host } = stage;
    const config = await configOf(stage, "host");
    const [, web2 = ""] = /(\[\[guests\]\]\nname = "web2"[^]*)/.exec(config.text()) ?? [];
    await config.replace(web2, "");
    await config.replace('qemu = "no"\n', `qemu = "no"\n${NEVER}`);
    await Promise.all([host.start(), stage.guest("web1").start(), stage.guest("web2").start()]);
    await stage.open("web1");
    await stage.guest("web1").command("waiting", WAITING);
    await using running = host.launch(["execute", "-t", "0", "web1", "waiting"], { isOpen: true });
    expect(await running.firstLine()).toBe("ready");

    await config.replace(/$/, web2);
    await reload(host);
    await stage.open("web2");
    expect(await host.run(["execute", "web2", "find-distributor-id"])).toMatchObject({ exitCode: 0 });

    await config.replace(web2, "");
    await reload(host, 2);
    await host.daemon.says('guest "web2": lost the port negotiator-host-to-guest.0');
    expect(await askStatus(host.control)).toMatchObject([{ name: "web1", state: "open" }]);
    await expectToGoOn(running);
    expect(host.daemon.log()).not.toContain("WARN");
  },
  TIMEOUT_MS,
);

test.concurrent(
  "a reload with an invalid guest changes nothing, not even the log",
  async () => {
    await using stage = await createStage();
    const { host } = stage;
    const config = await configOf(stage, "host");
    await config.replace(
      /$/,
      '[[guests]]\nname = "web1"\nsocket = "/run/other.sock"\n[log]\nlevel = "silent"\n',
    );
    host.daemon.kill("SIGHUP");
    await host.daemon.says("The old configuration stays: Cannot use the config's list of guests:");
    expect(await askStatus(host.control)).toMatchObject([{ name: "web1", state: "open" }]);
    expect(await host.run(["execute", "web1", "find-distributor-id"])).toMatchObject({ exitCode: 0 });
  },
  TIMEOUT_MS,
);

/**
 * A virsh that writes down the URI and the process of each `virsh event`, and has no domains and no events.
 */
const FAKE_VIRSH = `#!/bin/sh
for word; do case $word in
  --connect=*) uri=\${word#--connect=} ;;
  event) echo "$uri $$" >> "\${0%/*}/followers"; exec sleep 600 ;;
esac; done
`;

test.concurrent(
  "a reload replaces the follower of libvirt's events, and ends it when libvirt is switched off",
  async () => {
    await using stage = await createStage({ guests: [], withoutDaemons: true });
    await using bin = await createTemporaryDirectory();
    await chmod(await bin.write("virsh", FAKE_VIRSH), 0o755);
    const config = await configOf(stage, "host");
    await config.replace('libvirt = "no"\n', `libvirt = "yes"\nconnect = "test:///one"\n${NEVER}`);
    const { host } = stage;
    await host.start({ PATH: `${bin.path}:/usr/bin:/bin` });
    const follower = (uri: string): Promise<string> =>
      until(`"${uri}" is followed`, async () => {
        const text = await readFile(bin.at("followers"), "utf8").catch(() => "");
        return new RegExp(`^${uri} (\\d+)$`, "m").exec(text)?.[1];
      });
    const hasEnded = (pid: string): Promise<true> =>
      until("the follower has ended", async () => !(await isRunning(pid)));

    const one = await follower("test:///one");
    expect(await isRunning(one)).toBe(true);
    await config.replace("test:///one", "test:///two");
    await reload(host);
    const two = await follower("test:///two");
    await hasEnded(one);
    expect(await isRunning(two)).toBe(true);

    await config.replace('libvirt = "yes"', 'libvirt = "no"');
    await reload(host, 2);
    await hasEnded(two);

    await config.replace(
      'libvirt = "no"\nconnect = "test:///two"',
      'libvirt = "yes"\nconnect = "test:///three"',
    );
    await reload(host, 3);
    const three = await follower("test:///three");
    host.daemon.kill("SIGTERM");
    expect(await host.daemon.exited).toBe(0);
    expect(await isRunning(three)).toBe(false);
    expect(host.daemon.log()).not.toMatch(/WARN|ERROR/);
  },
  TIMEOUT_MS,
);

/** Returns whether the process exists and is not a zombie. */
async function isRunning(pid: string): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return status !== "" && !/\) Z /.test(status);
}

test.concurrent(
  "a guest's daemon moves to another device at a reload, and its calls go on there",
  async () => {
    await using stage = await createStage();
    const guest = stage.guest();
    await using way = await createSocketRelay(stage.at("other"), guest.port.guestPath);
    await guest.command("waiting", WAITING);
    await using running = stage.host.launch(["execute", "-t", "0", "web1", "waiting"], { isOpen: true });
    expect(await running.firstLine()).toBe("ready");

    const config = await configOf(stage, "web1");
    await config.replace(guest.port.guestPath, stage.at("other"));
    await reload(guest);
    await guest.daemon.says(`Serving the host at ${stage.at("other")}`);
    // On a real second port, the host's hello would be waiting already.
    guest.port.dropHost();
    await expectToGoOn(running);

    await reload(guest, 2);
    expect(await stage.host.run(["execute", "web1", "find-distributor-id"])).toMatchObject({ exitCode: 0 });
    expect(guest.daemon.log().split("Serving the host at ")).toHaveLength(3);
    expect(guest.daemon.log()).not.toMatch(/WARN|ERROR/);
    expect(way.cut()).toBe(1);
  },
  TIMEOUT_MS,
);

test.concurrent(
  "a new device is opened at the reload, even after 16 failures of the old one",
  async () => {
    await using stage = await createStage({ withoutDaemons: true });
    const guest = stage.guest();
    const config = await configOf(stage, "web1");
    await config.replace(guest.port.guestPath, "/dev/no-port-0");
    await stage.host.start();
    await guest.start();
    for (let count = 1; count <= FAILURES; count++) {
      await guest.daemon.says(`Cannot open port "/dev/no-port-${count - 1}"`);
      await config.replace(`no-port-${count - 1}`, `no-port-${count}`);
      await reload(guest, count);
    }
    await config.replace(`/dev/no-port-${FAILURES}`, guest.port.guestPath);
    await reload(guest, FAILURES + 1);
    await stage.open();
  },
  // Much less than the pauses between so many attempts.
  180_000,
);

test.concurrent(
  "a key without effect that appears at a reload gets one warning, also after a second reload",
  async () => {
    await using stage = await createStage();
    const guest = stage.guest();
    const config = await configOf(stage, "web1");
    await config.replace(/$/, "[limits]\nfaults = 5\n");
    await reload(guest);
    await guest.daemon.says("WARN daemon: The key limits.faults in ");
    await reload(guest, 2);
    expect(guest.daemon.log().match(/WARN|ERROR/g)).toEqual(["WARN"]);
  },
  TIMEOUT_MS,
);

describe.concurrent.each(["host", "guest"] as const)("the %s's daemon", (role) => {
  test(
    "warns at each reload of every changed setting that holds until the restart",
    async () => {
      await using stage = await createStage();
      const side = role === "host" ? stage.host : stage.guest();
      const config = await configOf(stage, role === "host" ? "host" : "web1");
      const other = role === "host" ? "guest" : "host";
      const control = `control = "${side.control}"`;
      await config.replace(control, `control = "${stage.at("elsewhere.sock")}"`);
      const more = `[limits]\nopenCalls = 5\npingAfterMs = 5000\n[${other}]\ncontrol = "/run/other.sock"\n`;
      await config.replace(/$/, more);
      await reload(side);
      const expected = [`"${role}.control"`, '"limits.openCalls"', '"limits.pingAfterMs"'];
      const warnings = (): string[] =>
        side.daemon
          .log()
          .split("\n")
          .flatMap((line) => /^\S+Z (WARN .*)$/.exec(line)?.[1] ?? []);
      const expectedWarnings = expected.map(
        (key) => `WARN daemon: ${key} takes effect when the daemon is restarted`,
      );
      expect(warnings()).toEqual(expectedWarnings);
      expect(await side.run(["status", "--control", side.control])).toMatchObject({ exitCode: 0 });

      await reload(side, 2);
      expect(warnings()).toEqual([...expectedWarnings, ...expectedWarnings]);
      await config.replace(more, "");
      await config.replace(stage.at("elsewhere.sock"), side.control);
      await reload(side, 3);
      expect(warnings()).toEqual([...expectedWarnings, ...expectedWarnings]);
    },
    TIMEOUT_MS,
  );
});

test("a reload keeps the limits for new sessions", async () => {
  await using directory = await createTemporaryDirectory();
  const audit = { ...DEFAULTS.audit, file: directory.at("audit.jsonl") };
  const settings = { ...DEFAULTS, audit, policyFile: directory.at("none.toml") };
  await using services = createServices("host", unsetConfig(settings));
  await services.reload(unsetConfig({ ...settings, limits: { ...settings.limits, openCalls: 1 } }));
  expect(services.limits).toEqual(DEFAULT_LIMITS);
});
