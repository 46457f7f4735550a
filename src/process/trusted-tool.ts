/** Finds programs of the system that root alone could have put there, in places that no PATH names. */
import { findOwnershipFault } from "../trust/ownership.ts";
import { findPathFault } from "../trust/path-trust.ts";
import { walkLocally } from "./mount-table.ts";
import { judgeStart } from "./started-files.ts";

/** The last one is that of NixOS, which has no others. */
const DIRECTORIES = [
  "/usr/bin",
  "/bin",
  "/usr/sbin",
  "/sbin",
  "/usr/local/bin",
  "/run/current-system/sw/bin",
];
const found = new Map<string, string>();

/** Returns the path of a local program that only root can replace; undefined without one. */
export function findTrustedTool(name: string): string | undefined {
  const known = found.get(name);
  if (known !== undefined) return known;
  const path = listPlaces(name).find(isTrusted);
  if (path !== undefined) found.set(name, path);
  return path;
}

/** Returns all trusted programs of that name. */
export function listTrustedTools(name: string): string[] {
  return listPlaces(name).filter(isTrusted);
}

function listPlaces(name: string): string[] {
  return DIRECTORIES.map((directory) => `${directory}/${name}`);
}

function isTrusted(path: string): boolean {
  const place = walkLocally(path);
  if (place?.status?.isFile() !== true || judgeStart(path).kind !== "local") return false;
  try {
    const fault = findPathFault(path, { uid: 0, groups: "own" });
    return fault === undefined && findOwnershipFault(place.status, 0, path) === undefined;
  } catch {
    return false;
  }
}
