/** Finds an installed QEMU guest agent: two agents must not race for the port at boot. */
import { realpath, stat } from "node:fs/promises";

const PROGRAMS = [
  "/usr/sbin/qemu-ga",
  "/usr/bin/qemu-ga",
  "/usr/local/sbin/qemu-ga",
  "/usr/local/bin/qemu-ga",
];
const UNITS = ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"]
  .flatMap((directory) => ["qemu-guest-agent", "qemu-ga"].map((name) => `${directory}/${name}.service`))
  .concat("/etc/init.d/qemu-guest-agent");

/** Returns the path of another agent's program or service; undefined if there is none. */
export async function findOtherAgent(
  programs: readonly string[] = PROGRAMS,
  units: readonly string[] = UNITS,
): Promise<string | undefined> {
  const own = await realpath(process.execPath).catch(() => process.execPath);
  for (const path of programs) {
    const real = await realpath(path).catch(() => undefined);
    // A link with that name may lead to this program.
    if (real !== undefined && real !== own) return path;
  }
  for (const path of units) if ((await stat(path).catch(() => undefined)) !== undefined) return path;
  return undefined;
}
