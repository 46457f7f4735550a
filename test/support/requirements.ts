/** Owns the answer to "can this machine run the VM tests", and brings what is missing where it may. */
import { readFile } from "node:fs/promises";
import { installPackages, withFreshLists } from "./apt.ts";
import { bringGuestParts, CACHE_LOCK, findGuestParts, type GuestParts } from "./guest-parts.ts";
import { withLock } from "./lock.ts";

/** Either all that a VM needs, or what is missing and what to do about it. */
export type VmRequirements =
  | { readonly ready: true; readonly parts: GuestParts }
  | { readonly ready: false; readonly missing: readonly string[]; readonly remedy: string };

/** A program that has to be there, and Debian's package that has it. */
export type Tool = { readonly program: string; readonly package: string };

const answers = new Map<readonly Tool[], Promise<VmRequirements>>();

/**
 * Looks, and as root on x86-64 Debian also installs QEMU and downloads the guest's parts (a minute, once). One look
 * per process, one bringer per machine. `more` is what else a test needs, the same array each time. Rejects only when
 * bringing itself fails.
 */
export function vmRequirements(more: readonly Tool[] = NO_TOOLS): Promise<VmRequirements> {
  const answer = answers.get(more) ?? meetRequirements([...TOOLS, ...more]);
  answers.set(more, answer);
  return answer;
}

/** The text for people: what was left out, why, and the way out of it. */
export function formatMissing(name: string, { missing, remedy }: VmRequirements & { ready: false }): string {
  return `Left out: "${name}": this machine has no ${missing.join(", no ")}\n${remedy}`;
}

const REMEDY =
  "Run the tests as root on x86-64 Debian (a container will do): they bring QEMU and a kernel themselves";
const NO_TOOLS: readonly Tool[] = [];
const TOOLS: readonly Tool[] = [
  { program: "qemu-system-x86_64", package: "qemu-system-x86" },
  { program: "flock", package: "util-linux" },
  { program: "setpriv", package: "util-linux" },
  { program: "xz", package: "xz-utils" },
];

async function meetRequirements(tools: readonly Tool[]): Promise<VmRequirements> {
  if (process.platform !== "linux" || process.arch !== "x64") {
    return { ready: false, missing: ["x86-64 Linux"], remedy: REMEDY };
  }
  const seen = await look(tools);
  if (seen.ready || !(await mayBring())) {
    return seen;
  }
  return withLock(CACHE_LOCK, async () => {
    // Another process may have brought everything while this one waited.
    const again = await look(tools);
    if (again.ready) {
      return again;
    }
    await bring(tools);
    return look(tools);
  });
}

async function look(wanted: readonly Tool[]): Promise<VmRequirements> {
  const tools = (await missingTools(wanted)).map(
    ({ program, package: owner }) => `${program} (package ${owner})`,
  );
  const parts = await findGuestParts();
  if (parts !== undefined && tools.length === 0) {
    return { ready: true, parts };
  }
  const missing = parts === undefined ? [...tools, "guest kernel and busybox in .cache/vm"] : tools;
  return { ready: false, missing, remedy: REMEDY };
}

async function missingTools(wanted: readonly Tool[]): Promise<Tool[]> {
  const present = await Promise.all(wanted.map(({ program }) => runs(program)));
  return wanted.filter((_, index) => present[index] === false);
}

/** One that lies there may still lack its libraries: an installation can be broken off in the middle. */
async function runs(program: string): Promise<boolean> {
  const path = Bun.which(program);
  if (path === null) return false;
  const child = Bun.spawn([path, "--version"], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  return (await child.exited) === 0;
}

async function mayBring(): Promise<boolean> {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  return process.getuid?.() === 0 && /^ID=debian$/m.test(release) && Bun.which("flock") !== null;
}

async function bring(wanted: readonly Tool[]): Promise<void> {
  await withFreshLists(async () => {
    const packages = new Set((await missingTools(wanted)).map((tool) => tool.package));
    if (packages.size > 0) await installPackages([...packages]);
    if ((await findGuestParts()) === undefined) await bringGuestParts();
  });
}
