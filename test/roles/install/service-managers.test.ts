/** The table of service managers: when each is noticed, and its commands. */
import { describe, expect, test } from "bun:test";
import { isManagerRunning, SERVICE_MANAGERS } from "../../../src/roles/install/service-managers.ts";
import type { ManagerName, ServiceManager } from "../../../src/roles/install/service-managers.ts";

function managerOf(name: ManagerName): ServiceManager {
  const found = SERVICE_MANAGERS.find((each) => each.name === name);
  if (found === undefined) throw new Error(`There is no manager "${name}"`);
  return found;
}

const without = (): boolean => false;

describe("a manager runs", () => {
  test.each<[ManagerName, string[], string[], boolean]>([
    ["systemd", ["/run/systemd/system"], [], true],
    ["systemd", ["/usr/lib/systemd/systemd"], ["systemd"], false],
    ["openrc", ["/run/openrc/started"], [], true],
    ["runit", [], ["runsvdir"], true],
    ["runit", ["/etc/runit/2"], ["runsv"], false],
    ["sysv", ["/dev/initctl"], [], true],
    ["supervisord", [], ["supervisord"], true],
    ["supervisord", [], [], false],
  ])("%s with the paths %j and the processes %j: %p", (name, paths, processes, expected) => {
    const exists = (path: string): boolean => paths.includes(path);
    expect(isManagerRunning(managerOf(name), exists, new Set(processes))).toBe(expected);
  });
});

describe("the files", () => {
  test("of systemd for a guest have the rule that starts it with its port, those for a host have not", () => {
    const { files } = managerOf("systemd");
    expect(files("guest").map(({ content }) => content)).toEqual(["systemd", "udev"]);
    expect(files("host").map(({ content }) => content)).toEqual(["systemd"]);
  });

  test("are programs where the manager runs them", () => {
    const modes = SERVICE_MANAGERS.map(({ name, files }) => [name, files("host")[0]?.mode.toString(8)]);
    expect(Object.fromEntries(modes)).toEqual({
      systemd: "644",
      openrc: "755",
      runit: "755",
      sysv: "755",
      supervisord: "644",
    });
  });
});

describe("the links that enable a service", () => {
  test("of systemd start a guest also with its port", () => {
    const { enabledBy } = managerOf("systemd");
    expect(enabledBy("host", without).map(({ path }) => path)).toEqual([
      "/etc/systemd/system/multi-user.target.wants/negotiator-host.service",
    ]);
    expect(enabledBy("guest", without).map(({ path }) => path)).toEqual([
      "/etc/systemd/system/multi-user.target.wants/negotiator-guest.service",
      "/etc/systemd/system/dev-virtio\\x2dports-negotiator\\x2dhost\\x2dto\\x2dguest.0.device.wants/" +
        "negotiator-guest.service",
    ]);
  });

  test.each<[string[], string]>([
    [["/var/service"], "/var/service/negotiator-host"],
    [["/service", "/etc/service"], "/etc/service/negotiator-host"],
    [[], "/etc/runit/runsvdir/default/negotiator-host"],
  ])("of runit with %j are in the directory that it scans: %s", (there, path) => {
    const links = managerOf("runit").enabledBy("host", (each) => there.includes(each));
    expect(links).toEqual([{ path, to: "/etc/sv/negotiator-host" }]);
  });

  test("of sysvinit start it in the levels 2 to 5, and stop it in 0, 1 and 6", () => {
    const links = managerOf("sysv").enabledBy("guest", without);
    expect(links.map(({ path }) => path.replace("negotiator-guest", ""))).toEqual(
      ["2.d/S20", "3.d/S20", "4.d/S20", "5.d/S20", "0.d/K20", "1.d/K20", "6.d/K20"].map(
        (level) => `/etc/rc${level}`,
      ),
    );
    expect(new Set(links.map(({ to }) => to))).toEqual(new Set(["../init.d/negotiator-guest"]));
  });
});

describe("the commands", () => {
  test("of systemd make udev look at the ports again for a guest only", () => {
    const { reload } = managerOf("systemd");
    expect(reload("host")).toEqual([["systemctl", "daemon-reload"]]);
    expect(reload("guest").map(([program]) => program)).toEqual(["systemctl", "udevadm", "udevadm"]);
  });

  test.each<[string[], string[][], string | undefined]>([
    [["update-rc.d", "chkconfig"], [["update-rc.d", "negotiator-host", "defaults"]], "-f"],
    [["chkconfig"], [["chkconfig", "--add", "negotiator-host"]], "--del"],
    [[], [], undefined],
  ])("of sysvinit with the programs %j enable by %j", (programs, enable, word) => {
    const hasProgram = (name: string): boolean => programs.includes(name);
    expect(managerOf("sysv").enable("host", hasProgram)).toEqual(enable);
    expect(managerOf("sysv").disable("host", hasProgram)[0]?.[1]).toBe(word);
  });

  test.each(SERVICE_MANAGERS.map((manager) => [manager.name, manager] as const))(
    "of %s name the service of the role",
    (_, manager) => {
      for (const role of ["host", "guest"] as const) {
        const { start, restart, stop, isActive, enable, disable } = manager;
        const lines = [start(role), restart(role), stop(role), isActive(role)];
        lines.push(...enable(role, () => true), ...disable(role, () => true));
        for (const line of lines) expect(line.join(" ")).toMatch(new RegExp(`negotiator-${role}( |$)`));
      }
    },
  );
});
