/** Decides whether a file or directory is trustworthy enough to run commands from. */
import { lstat, stat } from "node:fs/promises";
import type { Stats } from "node:fs";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { findOwnershipFault } from "../trust/ownership.ts";
import type { OwnershipFault } from "../trust/ownership.ts";
import { findPathFault } from "../trust/path-trust.ts";
import type { Flaw } from "./refusal.ts";

/** `absent`: no such file, or not a file at all. `plain`: nobody meant it to be run. `unsafe`: it must not be run. */
export type FileState = { kind: "usable" } | { kind: "absent" } | { kind: "plain" | "unsafe"; flaw: Flaw };

/**
 * Links are followed. Who owns a file, or may write to it, or lead a link elsewhere, can make us run anything; so these
 * must be root or us.
 */
export async function inspectFile(path: string, uid: number): Promise<FileState> {
  const stats = await statsOf(path);
  if (stats === undefined) {
    if (!(await isLink(path))) return { kind: "absent" };
    const problem = "it is a link that leads nowhere";
    const error = unusable(path, problem, `See where with: readlink -f ${path}`);
    return { kind: "unsafe", flaw: { reason: problem, error } };
  }
  if (!stats.isFile()) return { kind: "absent" };
  if ((stats.mode & EXECUTABLE) === 0) {
    const problem = "it has no executable bit";
    const error = unusable(path, problem, `Set it with: chmod 755 ${path}`);
    return { kind: "plain", flaw: { reason: problem, error } };
  }
  const fault = findOwnershipFault(stats, uid, path) ?? (await findLinkFault(path, uid));
  if (fault === undefined) return { kind: "usable" };
  const error = unusable(path, fault.problem, fault.remedy);
  return { kind: "unsafe", flaw: { reason: `it ${fault.brief}`, error } };
}

/**
 * What is wrong with the directory if others could put files into it, or another directory in its place, as
 * `NOT_EXECUTABLE`; throws ENOENT as it comes.
 */
export async function inspectDirectory(path: string, uid: number): Promise<Flaw | undefined> {
  const fault =
    findOwnershipFault(await stat(path), uid, path) ?? findPathFault(path, { uid, groups: "own" });
  if (fault === undefined) return undefined;
  const message = `Cannot use commands in "${path}": ${fault.problem}`;
  const error = new NegotiatorError("NOT_EXECUTABLE", message, {
    remedy: fault.remedy,
  });
  return { reason: `the directory it is in ${fault.brief}`, error };
}

/** Throws `BAD_CONFIG` if others could write the settings in this file; ENOENT as it comes. */
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

function unusable(path: string, problem: string, remedy: string): NegotiatorError {
  return new NegotiatorError("NOT_EXECUTABLE", `Cannot run "${path}": ${problem}`, { remedy });
}

/** Of what is no link only its directory counts, which is looked at for itself. */
async function findLinkFault(path: string, uid: number): Promise<OwnershipFault | undefined> {
  return (await isLink(path)) ? findPathFault(path, { uid, groups: "own" }) : undefined;
}

/** Undefined if there is nothing at the path, or its links lead nowhere. */
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
