/** Switches a guest over from the QEMU guest agent to our daemon, and back. */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { NegotiatorError } from "../../errors.ts";
import { parseToml } from "../../strict/toml.ts";
import { isRecord } from "../../strict/records.ts";
import type { CommandStep } from "./entry.ts";
import { CONFIG_PATH, formatFirstConfig } from "./first-config.ts";
import { rootProcesses } from "./running-daemon.ts";
import { tryCommand } from "./run-command.ts";
import type { ManagerName } from "./service-managers.ts";

/** The setting `guest.qga` that an installation is asked for. */
export type QgaSwitch = "yes" | "no";

/** The manager of services that an installation uses, if it runs. */
export type AgentManager = { name: ManagerName; isRunning: boolean } | undefined;

/** The names of the other agent's service: upstream and Debian, and older distributions. */
const SERVICES = ["qemu-guest-agent", "qemu-ga"];
const UNIT_DIRECTORIES = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

type Services = {
  /** Returns whether the machine has the service, and it may start. */
  isOn: (name: string) => boolean;
  isActive: (name: string) => string[];
  stop: (name: string) => CommandStep[];
  start: (name: string) => CommandStep[];
};

const STOPS = "stops the QEMU guest agent, whose port this daemon takes";
const STARTS = "the QEMU guest agent has its port again";

const SYSTEMD: Services = {
  isOn: (name) =>
    readLink(`/etc/systemd/system/${name}.service`) !== "/dev/null" &&
    UNIT_DIRECTORIES.some((directory) => existsSync(`${directory}/${name}.service`)),
  isActive: (name) => ["systemctl", "is-active", "--quiet", name],
  // A udev rule of Debian starts a disabled unit too. A unit in /etc cannot be masked.
  stop: (name) => {
    const otherwise = ["systemctl", "disable", "--now", name];
    return [{ kind: "command", argv: ["systemctl", "mask", "--now", name], otherwise, why: STOPS }];
  },
  start: (name) => [
    { kind: "command", argv: ["systemctl", "unmask", name], why: STARTS },
    // It fails where the host has not given the port.
    { kind: "command", argv: ["systemctl", "start", name], why: STARTS, mayFail: true },
  ],
};

const OPENRC: Services = {
  isOn: (name) => existsSync(`/etc/init.d/${name}`) && runLevelsOf(name).length > 0,
  isActive: (name) => ["rc-service", "--quiet", name, "status"],
  stop: (name) => [
    { kind: "command", argv: ["rc-service", "--ifstarted", name, "stop"], why: STOPS },
    // `--all` fails for a service that is not in every runlevel.
    { kind: "command", argv: ["rc-update", "del", name, ...runLevelsOf(name)], why: STOPS },
  ],
  start: (name) => [
    { kind: "command", argv: ["rc-update", "add", name, "default"], why: STARTS },
    { kind: "command", argv: ["rc-service", name, "start"], why: STARTS, mayFail: true },
  ],
};

const MANAGERS: Readonly<Partial<Record<ManagerName, Services>>> = { systemd: SYSTEMD, openrc: OPENRC };

/**
 * Returns the services of the other agent that have to be stopped. Throws `BUSY` for another agent that runs
 * without a service, or where no known manager can stop it: two agents must not race for the port.
 */
export async function findAgentServices(manager: AgentManager): Promise<string[]> {
  const services = manager?.isRunning === true ? MANAGERS[manager.name] : undefined;
  const found = services === undefined ? [] : SERVICES.filter((name) => services.isOn(name));
  const pid = rootProcesses().find((each) => isAgent(each));
  if (pid === undefined) return found;
  for (const name of found)
    if (services !== undefined && (await tryCommand(services.isActive(name))) === 0) return found;
  const problem = `Cannot switch over: a QEMU guest agent runs here (process ${pid}), not as a known service`;
  throw new NegotiatorError("BUSY", problem, {
    remedy: `Stop it, and what starts it: kill ${pid}\nThen install again`,
  });
}

/** Returns the commands that stop these services for good. */
export function stopAgentSteps(manager: AgentManager, names: readonly string[]): CommandStep[] {
  return names.flatMap((name) => MANAGERS[manager?.name ?? "none"]?.stop(name) ?? []);
}

/** Returns the commands that start these services again, now and with the machine. */
export function startAgentSteps(manager: ManagerName, names: readonly string[]): CommandStep[] {
  return names.flatMap((name) => MANAGERS[manager]?.start(name) ?? []);
}

/**
 * Checks that the config can be switched: it is missing, as an installation wrote it, or has the value.
 * Throws `BAD_CONFIG` with the line to write, if a person has changed it.
 */
export function checkSwitchable(wanted: QgaSwitch, path = CONFIG_PATH): void {
  if (!existsSync(path)) return;
  const text = readFileSync(path, "utf8");
  if (text === formatFirstConfig("yes") || text === formatFirstConfig("no")) return;
  const { guest } = parseToml(text, `the config "${path}"`, "Correct it: negotiator guest check-config");
  const value = isRecord(guest) ? guest["qga"] : undefined;
  if ((value ?? "no") === wanted) return;
  const problem = `Cannot switch: "${path}" was changed, and its guest.qga is not "${wanted}"`;
  throw new NegotiatorError("BAD_CONFIG", problem, {
    remedy: `Write the line guest.qga = "${wanted}" (below [guest]: qga = "${wanted}"), and install again`,
  });
}

/** `qemu-ga` is also the name of a link to this program, which answers at the same port. */
function isAgent(pid: number): boolean {
  try {
    const [program = ""] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return basename(program) === "qemu-ga";
  } catch {
    // It has ended meanwhile.
    return false;
  }
}

function runLevelsOf(name: string): string[] {
  const levels = existsSync("/etc/runlevels") ? readdirSync("/etc/runlevels") : [];
  return levels.filter((level) => lstatSync(`/etc/runlevels/${level}/${name}`, { throwIfNoEntry: false }));
}

function readLink(path: string): string | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true
    ? readlinkSync(path)
    : undefined;
}
