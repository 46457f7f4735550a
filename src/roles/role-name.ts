/** Finds the role in the name by which the program was called. */
import { readlinkSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";

/** Most links that are followed to find the role in a name. */
const LINK_DEPTH = 16;

/** A role, or the name of the program whose place the guest's daemon takes. */
export type CalledRole = "host" | "guest" | "qemu-ga";

/**
 * Returns the role in a name such as `/usr/sbin/negotiator-host`, or in the name that a link leads to.
 */
export function roleOfName(calledAs: string): CalledRole | undefined {
  let path = calledAs.includes("/") ? calledAs : (Bun.which(calledAs) ?? calledAs);
  for (let depth = 0; depth < LINK_DEPTH; depth++) {
    const [, role, agent] = /^(?:negotiator-(host|guest)|(qemu-ga))(?:\.\w+)?$/.exec(basename(path)) ?? [];
    if (role === "host" || role === "guest") return role;
    if (agent === "qemu-ga") return agent;
    try {
      path = resolve(dirname(path), readlinkSync(path));
    } catch {
      return undefined;
    }
  }
  return undefined;
}
