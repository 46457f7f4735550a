/** `find-distributor-id`, `-release`, `-codename`: the output of `lsb_release --short`. */
import { readFile } from "node:fs/promises";
import { errnoOf } from "../../errors.ts";

/** A value is `n/a`, as in lsb_release, if the system has none. */
export type Distribution = { id: string; release: string; codename: string };

/** Returns the values of /etc/lsb-release, like lsb_release, and else those of os-release(5). */
export async function readDistribution(root = "/"): Promise<Distribution> {
  const [lsb, system] = await Promise.all([
    readFirst([`${root}/etc/lsb-release`]),
    readFirst([`${root}/etc/os-release`, `${root}/usr/lib/os-release`]),
  ]);
  return parseDistribution(lsb, system);
}

/** Parses the texts of both files. The text of a missing file is empty. */
export function parseDistribution(lsbRelease: string, osRelease: string): Distribution {
  const lsb = parseAssignments(lsbRelease);
  const system = parseAssignments(osRelease);
  return {
    id: lsb.get("DISTRIB_ID") || distributorOf(system) || "n/a",
    release: lsb.get("DISTRIB_RELEASE") || system.get("VERSION_ID") || "n/a",
    codename: lsb.get("DISTRIB_CODENAME") || codenameOf(system) || "n/a",
  };
}

/** lsb_release has other names for these distributors than the ID or the NAME of their os-release. */
const DISTRIBUTORS = new Map([
  ["centos", "CentOS"],
  ["ol", "OracleServer"],
  ["opensuse-leap", "openSUSE"],
  ["opensuse-tumbleweed", "openSUSE"],
  ["rhel", "RedHatEnterprise"],
  ["sles", "SUSE"],
]);

/** Debian's lsb_release takes the NAME if it differs from the ID in capitals only. */
function distributorOf(system: ReadonlyMap<string, string>): string {
  const id = system.get("ID") ?? "";
  const name = system.get("NAME") ?? "";
  if (name !== "" && name.toLowerCase() === id.toLowerCase()) return name;
  return DISTRIBUTORS.get(id) ?? `${id.slice(0, 1).toUpperCase()}${id.slice(1)}`;
}

/** Without VERSION_CODENAME it is in parentheses, as in `8 (jessie)`. Several words there are an edition. */
function codenameOf(system: ReadonlyMap<string, string>): string | undefined {
  return system.get("VERSION_CODENAME") || /\((\S+)\)/.exec(system.get("VERSION") ?? "")?.[1];
}

/** Parses shell assignments as in os-release(5): plain, in single or double quotes, with backslashes. */
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
