/**
 * Chooses the URI for a virsh that gets none. libvirt itself asks only the socket of libvirtd. For modular
 * daemons, virtproxyd serves it. A host with virtqemud alone does not have it (virtproxyd(8), virtqemud(8)).
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ourUid } from "../trust/ownership.ts";

/** `run`: the directory of libvirt's sockets; `config`: the config of its clients. */
export type LibvirtPlace = { run: string; config: string; isRoot: boolean };

const SYSTEM_URI = "qemu:///system";

/** Returns the URI to give to virsh; undefined where libvirt's own choice works. */
export function defaultUri(): string | undefined {
  return chooseUri({
    run: "/run/libvirt",
    config: "/etc/libvirt/libvirt.conf",
    isRoot: ourUid() === 0,
  });
}

/** Returns that URI for the sockets and settings of a place. Other users than root have their own libvirt. */
export function chooseUri({ run, config, isRoot }: LibvirtPlace): string | undefined {
  if (!isRoot || !existsSync(join(run, "virtqemud-sock-ro"))) return undefined;
  if (existsSync(config) && /^[ \t]*uri_default[ \t]*=/m.test(readFileSync(config, "utf8"))) return undefined;
  return isListening(join(run, "libvirt-sock-ro")) ? undefined : SYSTEM_URI;
}

/** A file may be left of a daemon that has ended. */
function isListening(path: string): boolean {
  if (!existsSync(path)) return false;
  const lines = readFileSync("/proc/net/unix", "utf8").split("\n");
  return lines.some((line) => line.endsWith(` ${path}`) || line.endsWith(` /var${path}`));
}
