/** `find-distributor-id`, `-release`, `-codename`: what `lsb_release --short` prints, where it is not installed too. */
import { readFile } from "node:fs/promises";
import { errnoOf } from "../../errors.ts";

/** `n/a` where the system does not say, as lsb_release has it. */
export type Distribution = { id: string; release: string; codename: string };

/** Reads /etc/lsb-release, whose values lsb_release prints as they are, and os-release(5) for what is not there. */
export async function readDistribution(root = "/"): Promise<Distribution> {
  const [lsb, system] = await Promise.all([
    readFirst([`${root}/etc/lsb-release`]),
    readFirst([`${root}/etc/os-release`, `${root}/usr/lib/os-release`]),
  ]);
  return parseDistribution(lsb, system);
}

/** From the texts of both files, each empty where there is none. */
export function parseDistribution(lsbRelease: string, osRelease: string): Distribution {
  const lsb = parseAssignments(lsbRelease);
  const system = parseAssignments(osRelease);
  return {
    id: lsb.get("DISTRIB_ID") || distributorOf(system) || "n/a",
    release: lsb.get("DISTRIB_RELEASE") || system.get("VERSION_ID") || "n/a",
    codename: lsb.get("DISTRIB_CODENAME") || codenameOf(system) || "n/a",
  };
}

/** Distributors that lsb_release names neither like the ID nor like the NAME of their os-release. */
const DISTRIBUTORS = new Map([
  ["centos", "CentOS"],
  ["ol", "OracleServer"],
  ["opensuse-leap", "openSUSE"],
  ["opensuse-tumbleweed", "openSUSE"],
  ["rhel", "RedHatEnterprise"],
  ["sles", "SUSE"],
]);

/** The ID with a capital letter, or NAME where both differ in capitals only, as Debian's lsb_release does it. */
function distributorOf(system: ReadonlyMap<string, string>): string {
  const id = system.get("ID") ?? "";
  const name = system.get("NAME") ?? "";
  if (name !== "" && name.toLowerCase() === id.toLowerCase()) return name;
  return DISTRIBUTORS.get(id) ?? `${id.slice(0, 1).toUpperCase()}${id.slice(1)}`;
}

/** Systems without VERSION_CODENAME put it in parentheses: `8 (jessie)`, `7 (Core)`; several words are an edition. */
function codenameOf(system: ReadonlyMap<string, string>): string | undefined {
  return system.get("VERSION_CODENAME") || /\((\S+)\)/.exec(system.get("VERSION") ?? "")?.[1];
}

/** Shell assignments as os-release(5) allows them: plain, in single or double quotes, with backslashes. */
function parseAssignments(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, name, value = ""] = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined) found.set(name, unquote(value));
  }
  return found;
}

function unquote(value: string): string {
  const [, single] = /^'([^']*)'$/.exec(value) ?? [];
  if (single !== undefined) return single;
  const [, double = value] = /^"(.*)"$/.exec(value) ?? [];
  return double.replace(/\\(["'$`\\])/g, "$1");
}

async function readFirst(paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    try {
      return await readFile(path, "utf8");
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }
  return "";
}
