/** Checks whether the files and directories of commands are safe to use. */
import type { Stats } from "node:fs";
import { basename } from "node:path";
import { NegotiatorError } from "../errors.ts";
import type { Eyes } from "../trust/look.ts";
import { findOwnershipFault } from "../trust/ownership.ts";
import type { TrustFault } from "../trust/ownership.ts";
import { judgePath } from "../trust/path-trust.ts";
import { cannotRun } from "./public-error.ts";
import { shellWord } from "../shell-word.ts";

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
export function inspectFile(path: string, uid: number, eyes: Eyes): FileState {
  const { isLink, stats, wayFault } = look(path, uid, eyes);
  if (stats === undefined) {
    if (!isLink) return { kind: "absent" };
    const problem = "it is a link that leads nowhere";
    const error = notExecutable(path, problem, problem, `See where with: readlink -f ${shellWord(path)}`);
    return { kind: "unsafe", error };
  }
  if (!stats.isFile()) return { kind: "absent" };
  if ((stats.mode & EXECUTABLE) === 0) {
    const problem = "it has no executable bit";
    const error = notExecutable(path, problem, problem, `Set it with: chmod 755 ${shellWord(path)}`);
    return { kind: "plain", error };
  }
  const fault = findOwnershipFault(stats, uid, path) ?? wayFault;
  if (fault === undefined) return { kind: "usable" };
  const { problem, publicProblem, remedy } = fault;
  return { kind: "unsafe", error: notExecutable(path, `it ${publicProblem}`, problem, remedy) };
}

/**
 * Returns what is wrong with a directory of commands: others could put files into it or replace it, or it is
 * missing.
 */
export function inspectDirectory(path: string, uid: number, eyes: Eyes): TrustFault | undefined {
  // A look below a directory follows its links, so the way is judged first.
  const wayFault = judgeWay(path, uid, eyes);
  const { stats } = look(path, uid, eyes);
  if (stats === undefined) return wayFault ?? unreachable(path);
  return findOwnershipFault(stats, uid, path) ?? wayFault;
}

/**
 * Returns the size of a file of settings in bytes, or undefined if there is none. Throws `BAD_CONFIG` if
 * others could write it, and for a link that leads nowhere.
 */
export function inspectSettings(path: string, uid: number, eyes: Eyes): number | undefined {
  const { isLink, stats, wayFault } = look(path, uid, eyes);
  if (stats === undefined && !isLink) return undefined;
  const isFile = stats?.isFile() === true;
  const fault = isFile ? (findOwnershipFault(stats, uid, path) ?? wayFault) : notAFile(path, isLink);
  if (fault === undefined) return stats?.size;
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

function notAFile(path: string, isLink: boolean): Pick<TrustFault, "problem" | "remedy"> {
  const problem = isLink ? "it is a link that does not lead to a file" : "it is not a file";
  return { problem, remedy: `Correct it with: rm -r ${shellWord(path)}` };
}

/**
 * `stats` are those of a link's target; undefined if there is nothing, or if its links lead nowhere.
 * `wayFault` is what is wrong with the way of a link: it can lead out of the directory, which the caller
 * checks.
 */
type Looked = { isLink: boolean; stats: Stats | undefined; wayFault?: TrustFault | undefined };

function look(path: string, uid: number, eyes: Eyes): Looked {
  const stats = eyes.statusOf(path);
  if (stats?.isSymbolicLink() !== true) return { isLink: false, stats };
  const wayFault = judgeWay(path, uid, eyes);
  return { isLink: true, stats: eyes.targetStatusOf(path), wayFault };
}

function judgeWay(path: string, uid: number, eyes: Eyes): TrustFault | undefined {
  try {
    const fault = judgePath(path, { uid, groups: "own" }, eyes);
    return fault === "absent" ? unreachable(path) : fault;
  } catch (thrown) {
    // Its links form a loop.
    if (thrown instanceof NegotiatorError) return unreachable(path);
    throw thrown;
  }
}

function unreachable(path: string): TrustFault {
  const problem = "it cannot be reached";
  return { problem, publicProblem: "cannot be reached", remedy: `See why with: namei -l ${shellWord(path)}` };
}
