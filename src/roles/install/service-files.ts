/** The service files of `examples/`, which are part of the program. */
import openrcGuest from "../../../examples/openrc/negotiator-guest" with { type: "text" };
import openrcHost from "../../../examples/openrc/negotiator-host" with { type: "text" };
import runitGuest from "../../../examples/runit/negotiator-guest" with { type: "text" };
import runitHost from "../../../examples/runit/negotiator-host" with { type: "text" };
import supervisorGuest from "../../../examples/supervisor/negotiator-guest.conf" with { type: "text" };
import supervisorHost from "../../../examples/supervisor/negotiator-host.conf" with { type: "text" };
import systemdGuest from "../../../examples/systemd/negotiator-guest.service" with { type: "text" };
import systemdHost from "../../../examples/systemd/negotiator-host.service" with { type: "text" };
import sysvGuest from "../../../examples/sysv/negotiator-guest" with { type: "text" };
import sysvHost from "../../../examples/sysv/negotiator-host" with { type: "text" };
import udevRule from "../../../examples/udev/70-negotiator-guest.rules" with { type: "text" };
import type { Role } from "../../peers/dialect.ts";

/** The program's path in the service files. */
export const LOCAL_PROGRAM = "/usr/local/bin/negotiator";

/** The kinds of service files. */
export type ServiceFileKind = "systemd" | "openrc" | "runit" | "sysv" | "supervisord";

/** Returns the service file of a role that starts `program`. */
export function serviceFile(kind: ServiceFileKind, role: Role, program: string): string {
  return TEXTS[kind][role].replaceAll(LOCAL_PROGRAM, program);
}

/** The rule by which udev makes systemd look at the guest's port. */
export const UDEV_RULE: string = udevRule;

const TEXTS: Readonly<Record<ServiceFileKind, Readonly<Record<Role, string>>>> = {
  systemd: { host: systemdHost, guest: systemdGuest },
  openrc: { host: openrcHost, guest: openrcGuest },
  runit: { host: runitHost, guest: runitGuest },
  sysv: { host: sysvHost, guest: sysvGuest },
  supervisord: { host: supervisorHost, guest: supervisorGuest },
};
