/** Owns the requirements of tests with virtual machines, and installs missing ones on Debian as root. */
import { readFile } from "node:fs/promises";
import { installPackages, withFreshLists } from "./apt.ts";
import { bringGuestParts, CACHE_LOCK, findGuestParts, type GuestParts } from "./guest-parts.ts";
import { withLock } from "./lock.ts";

/** The parts of a guest, or a list of missing requirements and the remedy. */
export type VmRequirements =
  | { readonly ready: true; readonly parts: GuestParts }
  | { readonly ready: false; readonly missing: readonly string[]; readonly remedy: string };

/**
 * A required program and its Debian package. `version` is its option that prints the version, by default
 * `--version`.
 */
export type Tool = { readonly program: string; readonly package: string; readonly version?: string };

const answers = new Map<readonly Tool[], Promise<VmRequirements>>();

/**
 * Checks the requirements once per process. As root on x86-64 Debian it also installs QEMU and downloads the
 * guest's parts, which takes a minute the first time. `more` lists further programs; pass the same array each
 * time. Rejects only if an installation fails.
 */
export function vmRequirements(more: readonly Tool[] = NO_TOOLS): Promise<VmRequirements> {
  const answer = answers.get(more) ?? meetRequirements([...TOOLS, ...more]);
  answers.set(more, answer);
  return answer;
}

/** Returns whether this machine has the program. As root on Debian it installs the program first. */
export async function hasTool(tool: Tool): Promise<boolean> {
  if (await runs(tool)) return true;
  if (!(await mayInstall())) return false;
  await withLock(CACHE_LOCK, () => withFreshLists(() => installPackages([tool.package])));
  return runs(tool);
}

/** Formats the message that tests were left out, with the reason and the remedy. */
export function formatMissing(name: string, { missing, remedy }: VmRequirements & { ready: false }): string {
  return `Left out: "${name}": this machine has no ${missing.join(", no ")}\n${remedy}`;
}

const REMEDY = "Run the tests as root on x86-64 Debian, or in a container: they install QEMU and a kernel";
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
  if (seen.ready || !(await mayInstall())) {
    return seen;
  }
  return withLock(CACHE_LOCK, async () => {
    // Another process may have installed everything while this one waited for the lock.
    const again = await look(tools);
    if (again.ready) {
      return again;
    }
    await install(tools);
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
  const present = await Promise.all(wanted.map(runs));
  return wanted.filter((_, index) => present[index] === false);
}

/** Runs the program: after an interrupted installation it may exist without its libraries. */
async function runs({ program, version = "--version" }: Tool): Promise<boolean> {
  const path = Bun.which(program);
  if (path === null) return false;
  const child = Bun.spawn([path, version], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  return (await child.exited) === 0;
}

async function mayInstall(): Promise<boolean> {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  return process.getuid?.() === 0 && /^ID=debian$/m.test(release) && Bun.which("flock") !== null;
}

async function install(wanted: readonly Tool[]): Promise<void> {
  await withFreshLists(async () => {
    const packages = new Set((await missingTools(wanted)).map((tool) => tool.package));
    if (packages.size > 0) await installPackages([...packages]);
    if ((await findGuestParts()) === undefined) await bringGuestParts();
  });
}
