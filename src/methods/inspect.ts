/** Checks whether the files and directories of commands are safe to use. */
import { lstat, stat } from "node:fs/promises";
import type { Stats } from "node:fs";
import { basename } from "node:path";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { findOwnershipFault } from "../trust/ownership.ts";
import type { TrustFault } from "../trust/ownership.ts";
import { findPathFault } from "../trust/path-trust.ts";
import { cannotRun } from "./public-error.ts";

/**
 * `absent`: nothing has that name, or a directory or a device has it. `plain`: it is a file that is not meant
 * as a command. `unsafe`: it must not be run. `error` is a public error (see `public-error.ts`).
 */
export type FileState =
  { kind: "usable" } | { kind: "absent" } | { kind: "plain" | "unsafe"; error: NegotiatorError };

/**
 * Returns the state of the file of a command, with `NOT_EXECUTABLE` if it must not be run. Follows links. The
 * owner of a file and everybody who may write to it, or replace a link to it, can make us run anything: they
 * must be root or `uid`.
 */
export async function inspectFile(path: string, uid: number): Promise<FileState> {
  const stats = await statsOf(path);
  if (stats === undefined) {
    if (!(await isLink(path))) return { kind: "absent" };
    const problem = "it is a link that leads nowhere";
    const error = notExecutable(path, problem, problem, `See where with: readlink -f ${path}`);
    return { kind: "unsafe", error };
  }
  if (!stats.isFile()) return { kind: "absent" };
  if ((stats.mode & EXECUTABLE) === 0) {
    const problem = "it has no executable bit";
    const error = notExecutable(path, problem, problem, `Set it with: chmod 755 ${path}`);
    return { kind: "plain", error };
  }
  const fault = findOwnershipFault(stats, uid, path) ?? (await findLinkFault(path, uid));
  if (fault === undefined) return { kind: "usable" };
  const { problem, publicProblem, remedy } = fault;
  return { kind: "unsafe", error: notExecutable(path, `it ${publicProblem}`, problem, remedy) };
}

/**
 * Returns what is wrong with a directory of commands, if others could put files into it or replace it. Throws
 * what `stat` throws.
 */
export async function inspectDirectory(path: string, uid: number): Promise<TrustFault | undefined> {
  return findOwnershipFault(await stat(path), uid, path) ?? findPathFault(path, { uid, groups: "own" });
}

/** Throws `BAD_CONFIG` if others could write this file of settings, and what `stat` throws. */
export async function inspectSettings(path: string, uid: number): Promise<void> {
  const stats = await stat(path);
  const fault = stats.isFile()
    ? (findOwnershipFault(stats, uid, path) ?? (await findLinkFault(path, uid)))
    : { problem: "it is not a file", remedy: `Correct it with: rm -r ${path}` };
  if (fault === undefined) return;
  throw new NegotiatorError("BAD_CONFIG", `Cannot use ${path}: ${fault.problem}`, {
    remedy: fault.remedy,
  });
}

const EXECUTABLE = 0o111;

function notExecutable(
  path: string,
  publicProblem: string,
  problem: string,
  remedy: string,
): NegotiatorError {
  const full = new NegotiatorError("NOT_EXECUTABLE", `Cannot run "${path}": ${problem}`, { remedy });
  return cannotRun(basename(path), publicProblem, full);
}

/** The caller checks the directory of the file. A link can lead out of it, so its way is checked too. */
async function findLinkFault(path: string, uid: number): Promise<TrustFault | undefined> {
  return (await isLink(path)) ? findPathFault(path, { uid, groups: "own" }) : undefined;
}

/** Undefined if there is nothing at the path, or if its links lead nowhere. */
async function statsOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(errnoOf(error) ?? "")) return undefined;
    throw error;
  }
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch {
    return false;
  }
}
