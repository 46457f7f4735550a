/** Checks whether the files and directories of commands are safe to use. */
import type { Stats } from "node:fs";
import { basename } from "node:path";
import { NegotiatorError } from "../errors.ts";
import type { Eyes } from "../trust/look.ts";
import { findOwnershipFault } from "../trust/ownership.ts";
import type { TrustFault } from "../trust/ownership.ts";
import { judgeFile, judgePath } from "../trust/path-trust.ts";
import type { Way } from "../trust/path-trust.ts";
import { cannotRun } from "./public-error.ts";
import { shellWord } from "../shell-word.ts";

/**
 * `absent`: nothing has that name, or a directory or a device has it. `plain`: it is a file that is not meant
 * as a command. `unsafe`: it must not be run. `error` is a public error (see `public-error.ts`). A usable
 * file is at `place`, which has no links.
 */
export type FileState =
  | { kind: "usable"; place: string; status: Stats }
  | { kind: "absent" }
  | { kind: "plain" | "unsafe"; error: NegotiatorError };

/**
 * Returns the state of the file of a command, with `NOT_EXECUTABLE` if it must not be run. Follows links. The
 * owner of a file and everybody who may write to it, or replace a link to it, can make us run anything: they
 * must be root or `uid`. `at` is `path` behind the links of its directory.
 */
export function inspectFile(path: string, at: string, uid: number, eyes: Eyes): FileState {
  const { isLink, way } = look(at, uid, eyes);
  const { status, place } = way;
  if (status === undefined) {
    if (!isLink) return { kind: "absent" };
    const problem = "it is a link that leads nowhere";
    const error = notExecutable(path, problem, problem, `See where with: readlink -f ${shellWord(path)}`);
    return { kind: "unsafe", error };
  }
  if (!status.isFile()) return { kind: "absent" };
  if ((status.mode & EXECUTABLE) === 0) {
    const problem = "it has no executable bit";
    const error = notExecutable(path, problem, problem, `Set it with: chmod 755 ${shellWord(path)}`);
    return { kind: "plain", error };
  }
  const fault = judgeFile(place, status, uid, eyes) ?? way.fault;
  if (fault === undefined) return { kind: "usable", place, status };
  const { problem, publicProblem, remedy } = fault;
  return { kind: "unsafe", error: notExecutable(path, `it ${publicProblem}`, problem, remedy) };
}

/**
 * Returns where a directory of commands is, and what is wrong with it: others could put files into it or
 * replace it, or it is missing.
 */
export function inspectDirectory(path: string, uid: number, eyes: Eyes): Way {
  const way = judgeWay(path, uid, eyes);
  const { fault, place, status } = way;
  if (status === undefined) return { ...way, fault: fault ?? unreachable(path) };
  return { ...way, fault: findOwnershipFault(status, uid, place) ?? fault };
}

/**
 * Returns where a file of settings is and its size in bytes, or undefined if there is none. Throws
 * `BAD_CONFIG` if others could write it, and for a link that leads nowhere.
 */
export function inspectSettings(
  path: string,
  at: string,
  uid: number,
  eyes: Eyes,
): { place: string; bytes: number } | undefined {
  const { isLink, way } = look(at, uid, eyes);
  const { status, place } = way;
  if (status === undefined && !isLink) return undefined;
  const isFile = status?.isFile() === true;
  const fault = isFile ? (judgeFile(place, status, uid, eyes) ?? way.fault) : notAFile(path, isLink);
  if (fault === undefined && isFile) return { place, bytes: status.size };
  throw new NegotiatorError("BAD_CONFIG", `Cannot use ${path}: ${fault?.problem}`, {
    ...(fault !== undefined && { remedy: fault.remedy }),
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

/** A link can lead out of the directory, which the caller checks. So its way has a fault only for a link. */
function look(at: string, uid: number, eyes: Eyes): { isLink: boolean; way: Way } {
  const status = eyes.statusOf(at);
  if (status?.isSymbolicLink() !== true)
    return { isLink: false, way: { fault: undefined, place: at, status, isOpen: false } };
  return { isLink: true, way: judgeWay(at, uid, eyes) };
}

function judgeWay(path: string, uid: number, eyes: Eyes): Way {
  try {
    const way = judgePath(path, { uid, groups: "own" }, eyes);
    return way.status === undefined ? { ...way, fault: way.fault ?? unreachable(path) } : way;
  } catch (thrown) {
    // Its links form a loop, or lead to a name that is not UTF-8.
    if (!(thrown instanceof NegotiatorError)) throw thrown;
    return { fault: unreachable(path), place: path, status: undefined, isOpen: false };
  }
}

function unreachable(path: string): TrustFault {
  const problem = "it cannot be reached";
  return { problem, publicProblem: "cannot be reached", remedy: `See why with: namei -l ${shellWord(path)}` };
}
