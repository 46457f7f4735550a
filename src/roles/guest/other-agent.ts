/** Finds an installed QEMU guest agent: two agents must not race for the port at boot. */
import { readFile, realpath, stat } from "node:fs/promises";

const PROGRAMS = [
  "/usr/sbin/qemu-ga",
  "/usr/bin/qemu-ga",
  "/usr/local/sbin/qemu-ga",
  "/usr/local/bin/qemu-ga",
];
const UNITS = ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"]
  .flatMap((directory) => ["qemu-guest-agent", "qemu-ga"].map((name) => `${directory}/${name}.service`))
  .concat("/etc/init.d/qemu-guest-agent", "/etc/init.d/qemu-ga");

/** Returns the path of another agent's program or service; undefined if there is none. */
export async function findOtherAgent(
  programs: readonly string[] = PROGRAMS,
  units: readonly string[] = UNITS,
): Promise<string | undefined> {
  for (const path of programs) if (await isProgram(path)) return path;
  for (const path of units) if (await isService(path)) return path;
  return undefined;
}

/** A link with that name may lead to this program. */
async function isProgram(path: string): Promise<boolean> {
  const real = await realpath(path).catch(() => undefined);
  return real !== undefined && real !== (await realpath(process.execPath).catch(() => process.execPath));
}

/**
 * Whether the file is a service that can start an agent. A package that was removed may leave a mask, which
 * is a link to /dev/null, or a script whose program is gone.
 */
async function isService(path: string): Promise<boolean> {
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined || real === "/dev/null") return false;
  const named = programsIn(await readFile(real, "utf8").catch(() => ""));
  if (named.length === 0) return true;
  for (const program of named) if (await isExecutable(program)) return true;
  return false;
}

/** The paths of programs with that name in a unit or a script, which may have variables. */
function programsIn(text: string): string[] {
  const assigned = [...text.matchAll(/^(\w+)=["']?([^\s"';]+)/gm)];
  const values = new Map(assigned.map(([, name = "", value = ""]) => [name, value]));
  const plain = text.replaceAll(/\$\{?(\w+)\}?/g, (whole: string, name: string) => values.get(name) ?? whole);
  return plain.match(/\/[\w./-]+\/qemu-ga(?![\w./-])/g) ?? [];
}

/** Files of settings have that name too. */
async function isExecutable(path: string): Promise<boolean> {
  const facts = await stat(path).catch(() => undefined);
  return facts?.isFile() === true && (facts.mode & 0o111) !== 0 && (await isProgram(path));
}
