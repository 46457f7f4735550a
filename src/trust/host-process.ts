/**
 * Judges processes of this machine by /proc. What it reads without promises comes from the kernel alone: no
 * file system and no memory of the process has a part in it, so the process cannot keep us waiting.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../errors.ts";

/** One process. Its number may be used again, but not with the same start. */
export type ProcessId = {
  pid: number;
  /** When it started, in the kernel's ticks since the boot. */
  startTicks: number;
};

/** The kernel's facts about a process. `uids`: real, effective, saved and file system user id. */
export type ProcessFacts = ProcessId & { parentPid: number; uids: readonly number[] };

/**
 * Returns the facts about a process, or undefined if it has ended or this user cannot see it. The ids come
 * from `status`, because root owns `/proc/PID` of each process that made itself undumpable. Source: proc(5).
 */
export function readProcess(pid: number, procDirectory = PROC): ProcessFacts | undefined {
  try {
    const directory = join(procDirectory, String(pid));
    const line = readFileSync(join(directory, "stat"), "latin1");
    // The name before the last `)` can contain anything.
    const words = line.slice(line.lastIndexOf(")") + 2).split(" ");
    const [state = "", parentPid] = words;
    if (/[ZX]/.test(state)) return undefined;
    const [, uids = ""] = /^Uid:\s+([\d\s]+)$/m.exec(readFileSync(join(directory, "status"), "latin1")) ?? [];
    return {
      pid,
      startTicks: Number(words[START_WORD]),
      parentPid: Number(parentPid),
      uids: uids.trim().split(/\s+/).filter(Boolean).map(Number),
    };
  } catch (thrown) {
    return nothingIfHidden(thrown);
  }
}

/** Returns whether this very process still runs. */
export function isSameProcess({ pid, startTicks }: ProcessId, procDirectory = PROC): boolean {
  return readProcess(pid, procDirectory)?.startTicks === startTicks;
}

/**
 * Returns why a process is not in our user and process namespaces, as after "it"; undefined if it is. The
 * user ids of a process elsewhere prove nothing: root of a container has the id of root.
 *
 * Only root and the process's user may compare namespaces. For others, the maps of user ids and the number of
 * process ids have to be the same as ours.
 */
export function findForeignNamespace(pid: number, procDirectory = PROC): string | undefined {
  try {
    const other = NAMESPACES.find((namespace) => !isOurNamespace(namespace, pid, procDirectory));
    return other === undefined ? undefined : `runs in another ${other.called}, as in a container`;
  } catch (thrown) {
    nothingIfHidden(thrown);
    return "has ended, or this user may not see it in /proc";
  }
}

/**
 * Returns whether a process sees the same mounted file systems as we or process 1 do; undefined if this user
 * may not know.
 */
export function hasOurMounts(pid: number, procDirectory = PROC): boolean | undefined {
  const theirs = readNamespace("mnt", pid, procDirectory);
  if (theirs === undefined) return undefined;
  return ["self", "1"].some((ours) => theirs === readMounts(ours, procDirectory));
}

/**
 * Resolves with why the root directory of a process is another one than ours, as after "it"; undefined if it
 * is ours, or if this user may not know. Call it only for a process in our namespaces: another one could have
 * a root directory that does not answer.
 */
export async function findForeignRoot(pid: number, procDirectory = PROC): Promise<string | undefined> {
  const [theirs, ours] = [String(pid), "self"].map((each) => join(procDirectory, each, "root"));
  if (theirs === undefined || ours === undefined) return undefined;
  try {
    if (readlinkSync(theirs) !== readlinkSync(ours)) return ANOTHER_ROOT;
    if (hasOurMounts(pid, procDirectory) === true) return undefined;
    const [their, our] = await Promise.all([stat(theirs), stat(ours)]);
    return their.ino === our.ino && their.dev === our.dev ? undefined : ANOTHER_ROOT;
  } catch (thrown) {
    if (isDenied(thrown)) return undefined;
    nothingIfHidden(thrown);
    return "has ended";
  }
}

const ANOTHER_ROOT = "has another root directory, as in a container";
const PROC = "/proc";
/** The place of `starttime` among the words after the name. */
const START_WORD = 19;

/** `part` is what all processes of one namespace have in common in `file`, which all users may read. */
const NAMESPACES = [
  { kind: "user", called: "user namespace", file: "uid_map", part: /^[^]*$/ },
  // A process in a namespace below ours has one more number for each.
  { kind: "pid", called: "process namespace", file: "status", part: /^NStgid:(?=\s+\d+$)/m },
] as const;

type Namespace = (typeof NAMESPACES)[number];

/** Undefined if this user may not know. Throws if there is no such process. */
function readNamespace(kind: string, which: number | string, procDirectory: string): string | undefined {
  try {
    return readlinkSync(join(procDirectory, String(which), "ns", kind));
  } catch (thrown) {
    if (isDenied(thrown)) return undefined;
    throw thrown;
  }
}

/** Compares what all users may read, if this user may not compare the links. */
function isOurNamespace({ kind, file, part }: Namespace, pid: number, procDirectory: string): boolean {
  const theirs = readNamespace(kind, pid, procDirectory);
  if (theirs !== undefined) return theirs === readNamespace(kind, "self", procDirectory);
  const text = readPart(procDirectory, pid, file, part);
  return text !== undefined && text === readPart(procDirectory, "self", file, part);
}

function readMounts(which: string, procDirectory: string): string | undefined {
  try {
    return readNamespace("mnt", which, procDirectory);
  } catch (thrown) {
    return nothingIfHidden(thrown);
  }
}

function readPart(
  procDirectory: string,
  which: number | string,
  file: string,
  part: RegExp,
): string | undefined {
  return part.exec(readFileSync(join(procDirectory, String(which), file), "latin1"))?.[0];
}

function nothingIfHidden(thrown: unknown): undefined {
  if (!isDenied(thrown) && !["ENOENT", "ESRCH"].includes(errnoOf(thrown) ?? "")) throw thrown;
  return undefined;
}

function isDenied(thrown: unknown): boolean {
  return ["EACCES", "EPERM"].includes(errnoOf(thrown) ?? "");
}
