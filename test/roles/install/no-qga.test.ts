/** `install --no-qga` with a failure in its middle: one agent works, or the error says what to do. */
import { describe, expect, test } from "bun:test";
import { leaveOut } from "../../support/leave-out.ts";
import { canSandbox, runInSandbox } from "../../support/sandbox.ts";
import { TEST_TIMEOUT_MS } from "../../support/timeouts.ts";

const UNIT = "qemu-guest-agent";
const RUNS = `/active-${UNIT}`;
const CONFIG = "/etc/negotiator/negotiator.toml";
const SWITCH_BACK = "negotiator guest install --no-qga";

/** Lines of shell that put this daemon in the place of the other agent. */
const SWITCHED = `rm -f /lib/systemd/system/qemu-*.service /etc/systemd/system/qemu-*.service
  : >/lib/systemd/system/${UNIT}.service; : >${RUNS}
  $BINARY guest install --qga >/dev/null || exit; test -e ${RUNS} && exit 9`;

/** Lines of shell that give the guest the port of the other agent. */
const PORT = `mkdir -p /sys/class/virtio-ports/vport1p1
  echo org.qemu.guest_agent.0 >/sys/class/virtio-ports/vport1p1/name`;

/** Says whether the other agent runs, and whether the config wants ours. */
const STATE = `test -e ${RUNS} && echo "it runs"; grep '^guest.qga' ${CONFIG} || echo off`;

/** Lines of shell that put a full file system with the same files in the place of a directory. */
function fill(directory: string): string {
  return `cp -a ${directory} /kept; mount -t tmpfs -o size=16k,mode=755 none ${directory}
    cp -a /kept/. ${directory}; cat /dev/zero >${directory}/zeros 2>/dev/null`;
}

const REMEDY = `Run it to see why, and then: ${SWITCH_BACK}\n`;
const OR_STAY = "Or let this daemon answer in its place: negotiator guest install --qga\n";

function liveTests(): void {
  test(
    "a unit that stays masked is named, and the next switch back starts its agent",
    async () => {
      const { stdout, stderr, exitCode } = await runInSandbox(`${SWITCHED}; ${PORT}
        : >/fail-unmask-${UNIT}; ${SWITCH_BACK} >/dev/null; echo $?; ${STATE}; rm /fail-unmask-${UNIT}
        ${SWITCH_BACK} >/dev/null || exit; ${STATE}; grep -c agentServices /var/lib/negotiator/*.json`);
      expect(stderr).toBe(
        `negotiator: The QEMU guest agent does not run again: "systemctl unmask ${UNIT}" failed: ` +
          `exit code 1, planted failure\n${REMEDY}${OR_STAY}`,
      );
      expect(stdout).toBe("1\noff\nit runs\noff\n0\n");
      expect(exitCode).toBe(1);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a unit that does not start is named where the guest has the port, and this daemon can answer again",
    async () => {
      const { stdout, stderr } = await runInSandbox(`${SWITCHED}; ${PORT}
        : >/fail-start-${UNIT}; ${SWITCH_BACK} >/dev/null; echo $?; ${STATE}
        negotiator guest install --qga >/dev/null || exit; ${STATE}
        ls -l /etc/systemd/system | grep -c null`);
      expect(stderr).toBe(
        `negotiator: The QEMU guest agent does not run again: "systemctl start ${UNIT}" failed: ` +
          `exit code 1, planted failure\n${REMEDY}${OR_STAY}`,
      );
      expect(stdout).toBe('1\noff\nguest.qga = "yes"\n1\n');
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a unit that does not start is only mentioned in a guest without the port",
    async () => {
      const { stdout, stderr, exitCode } = await runInSandbox(`${SWITCHED}
        : >/fail-start-${UNIT}; ${SWITCH_BACK} || exit; grep -c agentServices /var/lib/negotiator/*.json`);
      expect(stderr).toBe("");
      expect(stdout).toContain(`"systemctl start ${UNIT}" failed: exit code 1, planted failure`);
      expect(stdout).toEndWith("negotiator guest status\n0\n");
      expect(exitCode).toBe(1);
    },
    TEST_TIMEOUT_MS,
  );

  test.each([
    ["cannot be reloaded", "kill -9 $(cat /active-guest)", "/usr/local/bin/negotiator guest reload"],
    [
      "cannot be started",
      "kill -9 $(cat /active-guest); rm /active-guest; : >/broken",
      "systemctl start negotiator-guest",
    ],
  ])(
    "the other agent starts also if our daemon %s",
    async (_, plant, line) => {
      const { stdout, stderr } = await runInSandbox(`${SWITCHED}; ${PORT}
        ${plant}; ${SWITCH_BACK} >/dev/null; echo $?; ${STATE}`);
      expect(stderr).toStartWith(`negotiator: "${line}" failed: exit code `);
      expect(stderr).toEndWith(`Run it to see why, and then install again: ${line}\n`);
      expect(stdout).toBe("1\nit runs\noff\n");
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "two failures are both named, and the next switch back ends well",
    async () => {
      const { stdout, stderr } = await runInSandbox(`${SWITCHED}; ${PORT}; : >/fail-unmask-${UNIT}
        kill -9 $(cat /active-guest); ${SWITCH_BACK} >/dev/null; echo $?
        rm /active-guest /fail-unmask-${UNIT}; ${SWITCH_BACK} >/dev/null || exit; ${STATE}`);
      expect(stderr).toStartWith('negotiator: "/usr/local/bin/negotiator guest reload" failed: exit code ');
      expect(stderr).toContain(
        `\nThe QEMU guest agent does not run again: "systemctl unmask ${UNIT}" failed: exit code 1, `,
      );
      expect(stderr).toEndWith(REMEDY + OR_STAY);
      expect(stdout).toBe("1\nit runs\noff\n");
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "with a full disk at the config nothing changes, and this daemon goes on answering",
    async () => {
      const { stdout, stderr } = await runInSandbox(`${SWITCHED}; ${PORT}; ${fill("/etc/negotiator")}
        : >/calls; ${SWITCH_BACK} >/dev/null; echo $?; ${STATE}; grep -v is-active /calls
        rm /etc/negotiator/zeros; ${SWITCH_BACK} >/dev/null || exit; ${STATE}`);
      expect(stderr).toMatch(/^negotiator: Cannot write "[^"]+": the disk is full. Nothing was changed\n/);
      expect(stdout).toBe('1\nguest.qga = "yes"\nit runs\noff\n');
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "with a full disk at the list the other agent runs, and the list is written the next time",
    async () => {
      const { stdout, stderr } = await runInSandbox(`${SWITCHED}; ${PORT}; ${fill("/var/lib/negotiator")}
        ${SWITCH_BACK} | grep list || exit; ${STATE}; rm /var/lib/negotiator/zeros
        ${SWITCH_BACK} >/dev/null || exit; ${STATE}; grep -c agentServices /var/lib/negotiator/*.json`);
      const place = "/var/lib/negotiator/install-guest.json";
      expect(stderr).toBe("");
      expect(stdout).toBe(
        `Cannot take the started services out of the list "${place}": ENOSPC. The agent runs all the same\n` +
          "it runs\noff\nit runs\noff\n0\n",
      );
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "an uninstallation that cannot start the other agent says how",
    async () => {
      const { stdout, stderr } = await runInSandbox(`${SWITCHED}; ${PORT}
        : >/fail-unmask-${UNIT}; negotiator guest install --uninstall >/dev/null; echo $?
        ls /usr/local/bin/negotiator*`);
      expect(stderr).toStartWith(
        `negotiator: Uninstalled, but the QEMU guest agent does not run again: "systemctl unmask ${UNIT}" ` +
          "failed: exit code 1, planted failure\n" +
          `Start it: systemctl unmask ${UNIT} && systemctl start ${UNIT}\n`,
      );
      expect(stdout).toBe("1\n");
    },
    TEST_TIMEOUT_MS,
  );
}

const NAME = "a switch back that fails half way";
if (await canSandbox()) describe(NAME, liveTests);
else leaveOut(NAME, `Left out: ${NAME}: this machine has no root's rights, or no overlayfs`, liveTests);
