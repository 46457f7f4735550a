/** Installs on a copy of this machine: commands of the service manager, upgrades, and what is in the way. */
import { describe, expect, test } from "bun:test";
import { leaveOut } from "../../support/leave-out.ts";
import { canSandbox, runInSandbox } from "../../support/sandbox.ts";
import { TEST_TIMEOUT_MS } from "../../support/timeouts.ts";

/** The parts of an output, divided by lines that a script writes. */
function partsOf(text: string): string[] {
  return text.split("=====\n");
}

/** Lines of shell that install and start the service of a QEMU guest agent. */
const OTHER_AGENT = `rm -f /lib/systemd/system/qemu-*.service /etc/systemd/system/qemu-*.service
  : >/lib/systemd/system/qemu-guest-agent.service; : >/active-qemu-guest-agent`;

const DIVIDE = "echo =====";

const BROKEN_CONFIG =
  "negotiator: Everything is in place, but no daemon was started or replaced: " +
  "Cannot use /etc/negotiator/negotiator.toml: line 1, column 3: ";

function liveTests(): void {
  test(
    "install enables and starts the service, keeps it when repeated, and uninstall stops it",
    async () => {
      const { stdout, exitCode, stderr } = await runInSandbox(`
        $BINARY guest install || exit; ${DIVIDE}; cat /calls; : >/calls; ${DIVIDE}
        negotiator guest install || exit; ${DIVIDE}; cat /calls; : >/calls; ${DIVIDE}
        getent group negotiator; negotiator guest status | head -c 13; echo; ${DIVIDE}
        negotiator guest install --uninstall --purge || exit; ${DIVIDE}; cat /calls
        ls -d /etc/nego* /usr/local/bin/nego* /var/lib/nego* 2>/dev/null; true`);
      expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
      const [first, calls, second, none, state, , last] = partsOf(stdout);
      expect(first).toContain("The daemon runs. See its link to the host: ");
      expect(calls).toBe(
        [
          "systemctl is-active --quiet negotiator-guest",
          "systemctl daemon-reload",
          "udevadm control --reload",
          "udevadm trigger --subsystem-match=virtio-ports",
          "systemctl enable negotiator-guest",
          "systemctl start negotiator-guest\n",
        ].join("\n"),
      );
      expect(second).not.toMatch(/^(?:made|ran|replaced)/m);
      expect(none?.replaceAll("systemctl is-active --quiet negotiator-guest\n", "")).toBe("");
      expect(state).toMatch(/^negotiator:x:\d+:\nhost: waiting/);
      expect(last).toStartWith(
        "systemctl is-active --quiet negotiator-guest\nsystemctl stop negotiator-guest\n",
      );
      expect(last).toEndWith("udevadm trigger --subsystem-match=virtio-ports\n");
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "--purge after an uninstallation without it removes the group, which the other role had made too",
    async () => {
      const { stdout, exitCode, stderr } = await runInSandbox(`
        $BINARY guest install >/dev/null && $BINARY host install >/dev/null || exit
        $BINARY guest install --uninstall --purge | grep group; ${DIVIDE}
        negotiator host install --uninstall | grep group; getent group negotiator | cut -d: -f1; ${DIVIDE}
        $BINARY host install --uninstall --purge; ls -d /var/lib/nego* /etc/nego*; getent group negotiator
        ${DIVIDE}; $BINARY host install --uninstall --purge`);
      const [other, first, purged, nothing] = partsOf(stdout);
      expect(other).toBe("kept      group negotiator  (its members may use the daemon)\n");
      expect(first).toBe(
        "kept      group negotiator  (its members may use the daemon; --purge removes it)\nnegotiator\n",
      );
      expect(purged).toContain("ran       groupdel negotiator  (install has made it)\n");
      expect(purged).toEndWith("\nUninstalled\n");
      expect(nothing).toEndWith("Nothing to remove: install has put nothing here\n");
      expect(stderr).toContain("cannot access '/var/lib/nego*'");
      expect(exitCode).toBe(0);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a newer program replaces the running one in place, and a changed unit restarts it",
    async () => {
      const { stdout, exitCode, stderr } = await runInSandbox(`
        $BINARY host install >/dev/null || exit; pid=$(cat /active-host)
        # Stands for an older release.
        printf '\\177ELF negotiator-host-to-guest.0' >/old; mv /old /usr/local/bin/negotiator
        : >/calls; $BINARY host install || exit; ${DIVIDE}
        cat /calls; readlink /proc/$pid/exe; ${DIVIDE}
        echo '[Unit]' >/etc/systemd/system/negotiator-host.service
        : >/calls; negotiator host install --force || exit; ${DIVIDE}; cat /calls; : >/calls; ${DIVIDE}
        pid=$(cat /active-host)
        printf '\\177ELF negotiator-host-to-guest.0' >/old; mv /old /usr/local/bin/negotiator
        echo '[[' | tee /etc/negotiator/negotiator.toml >/etc/negotiator/policy.toml
        $BINARY host install; echo $?; grep -v is-active /calls; readlink /proc/$pid/exe; ${DIVIDE}
        negotiator host install --uninstall --purge; echo $?
        readlink /proc/$pid/exe || ls -d /etc/negotiator/* /usr/local/bin/negotiator*`);
      const [replaced, calls, , restarted, upgraded, removed] = partsOf(stdout);
      expect(stderr).toStartWith(BROKEN_CONFIG);
      expect(upgraded).toEndWith("\n1\n/usr/local/bin/negotiator (deleted)\n");
      expect(removed).toEndWith("\nUninstalled\n0\n/etc/negotiator/policy.toml\n");
      expect(exitCode).toBe(2);
      expect(replaced).toContain("ran       /usr/local/bin/negotiator host reexec || systemctl restart");
      expect(calls).not.toContain("restart");
      expect(calls).toEndWith("\n/usr/local/bin/negotiator\n");
      expect(restarted).toContain("systemctl daemon-reload\nsystemctl restart negotiator-host\n");
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "where systemd does not run, as in a chroot, uninstall does not call it and ends well",
    async () => {
      const { stdout, exitCode, stderr } = await runInSandbox(`
        rm -r /run/systemd; sed -i 's/^case/[ "$1" = daemon-reload ] \\&\\& exit 1\\ncase/' /usr/bin/systemctl
        $BINARY guest install --manager systemd >/dev/null || exit; : >/calls
        $BINARY guest install --uninstall --purge | tail -1; cat /calls`);
      expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
      expect(stdout).toStartWith("Uninstalled\n");
      expect(stdout).not.toContain("daemon-reload");
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a running python-negotiator is named, and --stop-old ends it; its link stays",
    async () => {
      const { stdout, stderr, exitCode } = await runInSandbox(`
        echo 'sleep 1000' >/usr/local/bin/negotiator-guest
        bash -c 'exec -a python3 sh /usr/local/bin/negotiator-guest --daemon' &
        until grep -q python3 /proc/$!/cmdline; do :; done
        $BINARY guest install; echo $?; ls -d /usr/local/bin/nego*; echo "process $!" >&2; ${DIVIDE}
        $BINARY guest install --stop-old || exit; kill -0 $! 2>/dev/null && echo "it runs"`);
      const [refused, stopped] = partsOf(stdout);
      expect(refused).toBe("1\n/usr/local/bin/negotiator-guest\n");
      const [, pid = ""] = /process (\d+)\n$/.exec(stderr) ?? [];
      expect(stderr).toStartWith(
        `negotiator: Cannot install: python-negotiator runs here (negotiator-guest, process ${pid}), ` +
          `and holds the ports\nStop it: kill ${pid}\nOr let the installation stop it: add --stop-old\n`,
      );
      expect(stopped).toStartWith("kept      /usr/local/bin/negotiator-guest  (it belongs to others;");
      expect(stopped).toContain("its commands in /usr/lib/negotiator/commands stay in use");
      expect(stopped).not.toContain("it runs");
      expect(exitCode).toBe(1);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a read-only file system is named, with the command that makes it writable",
    async () => {
      const { stderr, exitCode } = await runInSandbox(`
        mount -t tmpfs -o ro none /usr/local/bin; exec $BINARY host install`);
      expect(stderr).toStartWith(
        'negotiator: Cannot write "/usr/local/bin/negotiator": its file system is read-only. ' +
          "Nothing was changed\nMount it for writing: mount -o remount,rw",
      );
      expect(exitCode).toBe(1);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a daemon that was started by hand is named",
    async () => {
      const { stderr } = await runInSandbox(`
        $BINARY guest daemon >/dev/null 2>&1 &
        until [ -S /run/negotiator/guest.sock ]; do :; done
        $BINARY guest install; echo "process $!" >&2`);
      const [, pid = ""] = /process (\d+)\n$/.exec(stderr) ?? [];
      expect(stderr).toStartWith(
        "negotiator: Cannot install: a daemon of the guest runs already " +
          `(process ${pid}), not as a service\nStop it: kill ${pid}\n`,
      );
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a process of another user that looks like a daemon does not stop the installation",
    async () => {
      const { stdout, exitCode } = await runInSandbox(`
        cp /bin/sh /new/negotiator-sh; as='setpriv --reuid=65534 --regid=65534 --clear-groups'
        $as /new/negotiator-sh -c 'sleep 1000; :' guest daemon &
        until [ "$(readlink /proc/$!/exe)" = /new/negotiator-sh ]; do :; done
        $BINARY guest install`);
      expect(stdout).toContain("The daemon runs.");
      expect(exitCode).toBe(0);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "--qga stops the machine's own agent and takes its place, and --no-qga gives it back",
    async () => {
      const { stdout, exitCode, stderr } = await runInSandbox(`
        ${OTHER_AGENT}
        config=/etc/negotiator/negotiator.toml; list=/var/lib/negotiator/install-guest.json
        $BINARY guest install --qga --dry-run || exit; ls $config /active-qemu-guest-agent; ${DIVIDE}
        $BINARY guest install --qga || exit; ${DIVIDE}; grep -v is-active /calls; : >/calls; ${DIVIDE}
        grep '^guest.qga' $config; grep -A1 agentServices $list; ${DIVIDE}
        negotiator guest install --qga || exit; ${DIVIDE}; grep -v is-active /calls; ${DIVIDE}
        negotiator guest install --no-qga || exit; ${DIVIDE}; grep -v is-active /calls
        grep -E '^guest.qga|agentServices' $config $list; ls /active-qemu-guest-agent`);
      expect({ stderr, exitCode }).toEqual({
        stderr: "ls: cannot access '/etc/negotiator/negotiator.toml': No such file or directory\n",
        exitCode: 0,
      });
      const [dry, , calls, config, second, none, , back] = partsOf(stdout);
      expect(dry).toContain("\nsystemctl mask --now qemu-guest-agent || systemctl disable --now");
      expect(dry).toContain('\nguest.qga = "yes"\n');
      expect(dry).toEndWith("/active-qemu-guest-agent\n");
      expect(calls?.split("\n")[0]).toBe("systemctl mask --now qemu-guest-agent");
      expect(calls).toEndWith("systemctl start negotiator-guest\n");
      expect(config).toStartWith('guest.qga = "yes"\n  "agentServices": [\n    "qemu-guest-agent"');
      expect(second).not.toMatch(/^(?:made|ran|replaced)/m);
      expect(none).toBe("");
      expect(back).toBe(
        "systemctl unmask qemu-guest-agent\nsystemctl start qemu-guest-agent\n/active-qemu-guest-agent\n",
      );
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "with OpenRC, --qga takes the other agent out of the runlevels that have it",
    async () => {
      const { stdout, stderr } = await runInSandbox(`
        rm -r /run/systemd; mkdir -p /run/openrc /etc/runlevels/boot /etc/runlevels/default /etc/runlevels/off
        : >/run/openrc/softlevel; rm -f /etc/init.d/qemu-ga; : >/etc/init.d/qemu-guest-agent
        for level in boot default; do
          ln -sf /etc/init.d/qemu-guest-agent /etc/runlevels/$level/qemu-guest-agent
        done
        $BINARY guest install --qga --dry-run`);
      expect(stderr).toBe("");
      expect(stdout).toMatch(/^rc-update del qemu-guest-agent (?:boot default|default boot)$/m);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "--qga reloads a running daemon, and --uninstall gives the other agent its port again",
    async () => {
      const { stdout, exitCode } = await runInSandbox(`
        $BINARY guest install >/dev/null || exit; ${OTHER_AGENT}
        negotiator guest install --qga || exit; ${DIVIDE}; : >/calls
        negotiator guest install --uninstall || exit; ${DIVIDE}; grep -v is-active /calls
        grep '^guest.qga' /etc/negotiator/negotiator.toml; ls /active-qemu-guest-agent`);
      const [switched, , calls] = partsOf(stdout);
      expect(switched).toContain("replaced  /etc/negotiator/negotiator.toml  (the settings)\n");
      const order = ["ran       systemctl mask", "ran       /usr/local/bin/negotiator guest reload"];
      expect(order.map((line) => switched?.includes(line))).toEqual([true, true]);
      expect(calls).toStartWith("systemctl stop negotiator-guest\n");
      expect(calls).toEndWith(
        "systemctl unmask qemu-guest-agent\nsystemctl start qemu-guest-agent\n/active-qemu-guest-agent\n",
      );
      expect(exitCode).toBe(0);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "--qga changes nothing beside an agent without a service, or with a config that was changed",
    async () => {
      const { stdout, stderr } = await runInSandbox(`
        bash -c 'exec -a /usr/sbin/qemu-ga sleep 1000' & pid=$!
        until grep -q qemu-ga /proc/$pid/cmdline; do :; done
        $BINARY guest install --qga; echo "process $pid" >&2; kill $pid; wait $pid
        mkdir -p /etc/negotiator; echo '[guest]' >/etc/negotiator/negotiator.toml
        $BINARY guest install --qga; ls /calls /usr/local/bin; cat /calls
        echo 'qga = "yes"' >>/etc/negotiator/negotiator.toml
        $BINARY guest install --qga >/dev/null; echo $?`);
      const [, pid = ""] = /process (\d+)\n/.exec(stderr) ?? [];
      expect(
        stderr.split("\n").filter((line) => !line.startsWith("process") && !line.includes("Terminated")),
      ).toEqual([
        "negotiator: Cannot switch over: a QEMU guest agent runs here " +
          `(process ${pid}), not as a known service`,
        `Stop it, and what starts it: kill ${pid}`,
        "Then install again",
        'negotiator: Cannot switch: "/etc/negotiator/negotiator.toml" was changed, ' +
          'and its guest.qga is not "yes"',
        'Write the line guest.qga = "yes" (below [guest]: qga = "yes"), and install again',
        "",
      ]);
      expect(stdout).not.toContain("negotiator");
      expect(stdout).toEndWith("0\n");
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a service that does not start is named, and the next installation starts it",
    async () => {
      const { stdout, stderr, exitCode } = await runInSandbox(`
        : >/broken; $BINARY guest install >/dev/null; echo $?; rm /broken; negotiator guest install`);
      expect(stderr).toBe(
        'negotiator: "systemctl start negotiator-guest" failed: exit code 1, Job failed\n' +
          "Run it to see why, and then install again: systemctl start negotiator-guest\n",
      );
      expect(stdout).toStartWith("1\n");
      expect(stdout).toContain("ran       systemctl start negotiator-guest");
      expect(exitCode).toBe(0);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a machine without groupadd and addgroup gets a line in its list of groups",
    async () => {
      const { stdout, stderr, exitCode } = await runInSandbox(`
        sed -i /^negotiator:/d /etc/group
        rm -f /usr/sbin/groupadd /usr/sbin/addgroup /usr/sbin/groupdel /usr/sbin/delgroup
        $BINARY guest install --no-start || exit; getent group negotiator; ${DIVIDE}
        echo 'guest.qga = "yes"' >>/etc/negotiator/negotiator.toml
        negotiator guest check-config; ${DIVIDE}; negotiator guest install --uninstall --purge`);
      expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
      const [installed, config, last] = partsOf(stdout);
      expect(installed).toContain("changed   /etc/group  (its members may use the daemon)\n");
      expect(installed).toMatch(/\nnegotiator:x:\d+:\n$/);
      expect(config).toStartWith("config: /etc/negotiator/negotiator.toml is right\n");
      expect(last).toContain("kept      group negotiator  ");
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a directory in which others can put a link is refused, and nothing is written",
    async () => {
      const { stdout, stderr } = await runInSandbox(`
        chmod 777 /usr/local/bin; ln -s /etc/passwd /usr/local/bin/.negotiator.negotiator-new
        cp /etc/passwd /before; $BINARY guest install; cmp /before /etc/passwd; ls -d /etc/nego*`);
      expect(stdout).toBe("");
      expect(stderr).toStartWith('negotiator: Cannot write "/usr/local/bin/negotiator": ');
      expect(stderr).toContain("Correct it with: chmod o-w /usr/local/bin\n");
    },
    TEST_TIMEOUT_MS,
  );
}

if (await canSandbox()) describe("install on this machine", liveTests);
else leaveOut("install", "Left out: install: this machine has no root's rights, or no overlayfs", liveTests);
