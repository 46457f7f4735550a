/** THE TABLE of service managers: how to notice each, its files, and its commands. */
import type { Role } from "../../peers/dialect.ts";
import type { HasProgram } from "./present-programs.ts";
import type { ServiceFileKind } from "./service-files.ts";

/** The names of service managers; `none` for a machine without one. */
export type ManagerName = ServiceFileKind | "none";

/** A file that the manager reads. `udev` is the rule for the guest's port. */
export type ManagerFile = { path: string; mode: number; content: ServiceFileKind | "udev" };

/**
 * A service manager.
 * - `signs`: one of these paths exists where it runs, or this process runs. `installedSigns`: where it is
 *   installed, in an image.
 * - `files`: its files for a role.
 * - `enabledBy`: the links that enable the service. Where `enable` has no command, they are made everywhere.
 * - `reload`, `enable`, `start`, `restart`, `stop`, `disable`: command lines, without a shell.
 * - `isActive`: a command line that ends with 0 if the service runs.
 */
export type ServiceManager = {
  name: ManagerName;
  signs: readonly string[];
  process?: string;
  installedSigns: readonly string[];
  /** It starts a service that is enabled by itself, soon after. */
  startsEnabled?: true;
  files: (role: Role) => ManagerFile[];
  enabledBy: (role: Role, exists: (path: string) => boolean) => { path: string; to: string }[];
  reload: (role: Role) => string[][];
  enable: (role: Role, hasProgram: HasProgram) => string[][];
  start: (role: Role) => string[];
  restart: (role: Role) => string[];
  stop: (role: Role) => string[];
  disable: (role: Role, hasProgram: HasProgram) => string[][];
  isActive: (role: Role) => string[];
};

const serviceOf = (role: Role): string => `negotiator-${role}`;

const SYSTEMD: ServiceManager = {
  name: "systemd",
  signs: ["/run/systemd/system"],
  installedSigns: ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"],
  files: (role) => [
    { path: `${UNITS}/${serviceOf(role)}.service`, mode: 0o644, content: "systemd" },
    ...(role === "guest" ? [{ path: UDEV_PATH, mode: 0o644, content: "udev" as const }] : []),
  ],
  enabledBy: (role) =>
    ["multi-user.target", ...(role === "guest" ? [PORT_UNIT] : [])].map((wanting) => ({
      path: `${UNITS}/${wanting}.wants/${serviceOf(role)}.service`,
      to: `${UNITS}/${serviceOf(role)}.service`,
    })),
  reload: (role) => [
    ["systemctl", "daemon-reload"],
    ...(role === "guest"
      ? [
          ["udevadm", "control", "--reload"],
          ["udevadm", "trigger", "--subsystem-match=virtio-ports"],
        ]
      : []),
  ],
  enable: (role) => [["systemctl", "enable", serviceOf(role)]],
  start: (role) => ["systemctl", "start", serviceOf(role)],
  restart: (role) => ["systemctl", "restart", serviceOf(role)],
  stop: (role) => ["systemctl", "stop", serviceOf(role)],
  disable: (role) => [["systemctl", "disable", serviceOf(role)]],
  isActive: (role) => ["systemctl", "is-active", "--quiet", serviceOf(role)],
};

const UNITS = "/etc/systemd/system";
const UDEV_PATH = "/etc/udev/rules.d/70-negotiator-guest.rules";
/** systemd's name for /dev/virtio-ports/negotiator-host-to-guest.0 (systemd.unit(5), escaping). */
const PORT_UNIT = String.raw`dev-virtio\x2dports-negotiator\x2dhost\x2dto\x2dguest.0.device`;

const OPENRC: ServiceManager = {
  name: "openrc",
  signs: ["/run/openrc/softlevel", "/run/openrc/started"],
  installedSigns: ["/sbin/openrc-run", "/usr/sbin/openrc-run"],
  files: (role) => [{ path: `/etc/init.d/${serviceOf(role)}`, mode: 0o755, content: "openrc" }],
  enabledBy: (role) => [
    { path: `/etc/runlevels/default/${serviceOf(role)}`, to: `/etc/init.d/${serviceOf(role)}` },
  ],
  reload: () => [],
  enable: (role) => [["rc-update", "add", serviceOf(role), "default"]],
  start: (role) => ["rc-service", serviceOf(role), "start"],
  restart: (role) => ["rc-service", serviceOf(role), "restart"],
  stop: (role) => ["rc-service", serviceOf(role), "stop"],
  disable: (role) => [["rc-update", "del", serviceOf(role), "default"]],
  isActive: (role) => ["rc-service", "--quiet", serviceOf(role), "status"],
};

const RUNIT: ServiceManager = {
  name: "runit",
  signs: [],
  process: "runsvdir",
  startsEnabled: true,
  installedSigns: ["/etc/runit/2", "/usr/bin/runsvdir"],
  files: (role) => [{ path: `/etc/sv/${serviceOf(role)}/run`, mode: 0o755, content: "runit" }],
  enabledBy: (role, exists) => {
    const directory = SCANNED.find(exists) ?? "/etc/runit/runsvdir/default";
    return [{ path: `${directory}/${serviceOf(role)}`, to: `/etc/sv/${serviceOf(role)}` }];
  },
  reload: () => [],
  // runsvdir looks for links every five seconds, and starts what they name.
  enable: () => [],
  start: (role) => ["sv", "start", `/etc/sv/${serviceOf(role)}`],
  restart: (role) => ["sv", "-w", "20", "restart", `/etc/sv/${serviceOf(role)}`],
  stop: (role) => ["sv", "-w", "20", "stop", `/etc/sv/${serviceOf(role)}`],
  disable: () => [],
  isActive: (role) => ["sv", "check", `/etc/sv/${serviceOf(role)}`],
};

/** The directories that runsvdir scans: Void, Debian, the old place. */
const SCANNED: readonly string[] = [
  "/etc/runit/runsvdir/default",
  "/etc/service",
  "/var/service",
  "/service",
];

const SYSV: ServiceManager = {
  name: "sysv",
  // sysvinit takes requests there. Its directories are also on machines with systemd.
  signs: ["/run/initctl", "/dev/initctl"],
  installedSigns: ["/etc/rc.d/init.d", "/etc/init.d/rc", "/etc/init.d/rcS", "/etc/rc2.d"],
  files: (role) => [{ path: `/etc/init.d/${serviceOf(role)}`, mode: 0o755, content: "sysv" }],
  enabledBy: (role) =>
    ["2", "3", "4", "5"]
      .map((level) => `/etc/rc${level}.d/S20${serviceOf(role)}`)
      .concat(["0", "1", "6"].map((level) => `/etc/rc${level}.d/K20${serviceOf(role)}`))
      .map((path) => ({ path, to: `../init.d/${serviceOf(role)}` })),
  reload: () => [],
  enable: (role, hasProgram) =>
    hasProgram("update-rc.d")
      ? [["update-rc.d", serviceOf(role), "defaults"]]
      : hasProgram("chkconfig")
        ? [["chkconfig", "--add", serviceOf(role)]]
        : [],
  start: (role) => [`/etc/init.d/${serviceOf(role)}`, "start"],
  restart: (role) => [`/etc/init.d/${serviceOf(role)}`, "restart"],
  stop: (role) => [`/etc/init.d/${serviceOf(role)}`, "stop"],
  disable: (role, hasProgram) =>
    hasProgram("update-rc.d")
      ? [["update-rc.d", "-f", serviceOf(role), "remove"]]
      : hasProgram("chkconfig")
        ? [["chkconfig", "--del", serviceOf(role)]]
        : [],
  isActive: (role) => [`/etc/init.d/${serviceOf(role)}`, "status"],
};

const SUPERVISORD: ServiceManager = {
  name: "supervisord",
  signs: [],
  process: "supervisord",
  installedSigns: [],
  files: (role) => [
    { path: `/etc/supervisor/conf.d/${serviceOf(role)}.conf`, mode: 0o644, content: "supervisord" },
  ],
  enabledBy: () => [],
  reload: () => [["supervisorctl", "reread"]],
  // supervisord starts the program with it.
  enable: (role) => [["supervisorctl", "add", serviceOf(role)]],
  start: (role) => ["supervisorctl", "start", serviceOf(role)],
  restart: (role) => ["supervisorctl", "restart", serviceOf(role)],
  stop: (role) => ["supervisorctl", "stop", serviceOf(role)],
  disable: (role) => [["supervisorctl", "remove", serviceOf(role)]],
  isActive: (role) => ["supervisorctl", "status", serviceOf(role)],
};

/** All managers, in the order in which they are looked for. The last one is used on request. */
export const SERVICE_MANAGERS: readonly ServiceManager[] = [SYSTEMD, OPENRC, RUNIT, SYSV, SUPERVISORD];

/** The values of `--manager`. */
export const MANAGER_NAMES: readonly ManagerName[] = [...SERVICE_MANAGERS.map(({ name }) => name), "none"];

/** Returns whether the manager runs. `processes` are the names of those that run. */
export function isManagerRunning(
  { signs, process: name }: ServiceManager,
  exists: (path: string) => boolean,
  processes: ReadonlySet<string>,
): boolean {
  return signs.some(exists) || (name !== undefined && processes.has(name));
}
