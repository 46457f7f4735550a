/** Finds programs on the PATH without a look that may hang. */
import type { Stats } from "node:fs";
import { join } from "node:path";
import { toolEnvironment } from "../config/config.ts";
import { logFor } from "../log.ts";
import { printable } from "../printable.ts";
import { findOwnershipFault, ourUid } from "../trust/ownership.ts";
import type { TrustFault } from "../trust/ownership.ts";
import { findPathFault } from "../trust/path-trust.ts";
import { askProgram } from "./ask-program.ts";
import { walkLocally } from "./mount-table.ts";

const EXECUTABLE = 0o111;
const LOOK = { timeoutMs: 2000, outputBytes: 4096 };

const log = logFor("programs");

/**
 * Returns the absolute path of a program in a directory of the PATH that is on a local file system; undefined
 * without one. Never waits. `path` is that of our environment by default. Root leaves out, and logs once, a
 * program that another user could replace.
 */
export function findLocalProgram(name: string, path: string = ourPath()): string | undefined {
  return search(name, path).found;
}

/**
 * Resolves with the absolute path of a program; undefined without one. Directories on local file systems come
 * first, because the others may not answer: a shell with a deadline looks there. `path` is that of our
 * environment by default.
 */
export async function findProgram(name: string, path: string = ourPath()): Promise<string | undefined> {
  const { found, isAnyFar } = search(name, path);
  if (found !== undefined || !isAnyFar) return found;
  const script = 'PATH=$1; command -v -- "$2"';
  const { outcome } = await askProgram(["/bin/sh", "-c", script, "sh", path, name], LOOK);
  const answer = outcome === "late" ? "" : outcome.stdout.trimEnd();
  return answer.startsWith("/") ? answer : undefined;
}

function ourPath(): string {
  return toolEnvironment()["PATH"] ?? "";
}

function search(name: string, path: string): { found: string | undefined; isAnyFar: boolean } {
  const candidates = name.includes("/")
    ? [name]
    : path.split(":").flatMap((directory) => (directory.startsWith("/") ? [join(directory, name)] : []));
  let isAnyFar = false;
  for (const candidate of candidates) {
    const place = walkLocally(candidate);
    isAnyFar ||= place === undefined;
    if (place?.status?.isFile() !== true || (place.status.mode & EXECUTABLE) === 0) continue;
    const fault = ourUid() === 0 ? findFault(candidate, place.status) : undefined;
    if (fault === undefined) return { found: candidate, isAnyFar };
    warnOnce(candidate, fault);
  }
  return { found: undefined, isAnyFar };
}

/** A directory that a group may write to was meant so by the administrator. */
function findFault(path: string, status: Stats): TrustFault | undefined {
  try {
    return findPathFault(path, { uid: 0, groups: "meant" }) ?? findOwnershipFault(status, 0, path);
  } catch {
    // It was removed at this moment.
    return GONE;
  }
}

const GONE: TrustFault = { problem: "it was removed", publicProblem: "was removed", remedy: "Try again" };

const warned = new Set<string>();

function warnOnce(path: string, { problem, remedy }: TrustFault): void {
  if (warned.has(path)) return;
  warned.add(path);
  log.warn(`The program "${printable(path)}" on the PATH is left out: ${problem}\n${remedy}`);
}
