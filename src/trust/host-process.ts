/**
 * Judges processes of this machine by /proc. What it reads without promises comes from the kernel alone: no
 * file system and no memory of the process has a part in it, so the process cannot keep us waiting.
 */
import { readFileSync, readlinkSync } from "node:fs";
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
    const words = readStat(pid, procDirectory);
    if (words === undefined) return undefined;
    const [state = "", parentPid] = words;
    if (/[ZX]/.test(state)) return undefined;
    const status = readFileSync(join(procDirectory, String(pid), "status"), "latin1");
    const [, uids = ""] = /^Uid:\s+([\d\s]+)$/m.exec(status) ?? [];
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

/** Returns the words of proc_pid_stat(5) after the name, which can contain anything; first the state. */
export function splitStat(line: string): string[] {
  return line.slice(line.lastIndexOf(")") + 2).split(" ");
}

/** Returns whether this very process still runs. */
export function isSameProcess({ pid, startTicks }: ProcessId, procDirectory = PROC): boolean {
  return readProcess(pid, procDirectory)?.startTicks === startTicks;
}

/**
 * Returns whether a process is on its way to its end: it has begun to give up its namespaces and files, and
 * runs no more code of its program. False if it has gone already, or if this user cannot see it.
 */
export function isEnding(pid: number, procDirectory = PROC): boolean {
  const flags = Number(readStat(pid, procDirectory)?.[FLAGS_WORD]);
  return (flags & PF_EXITING) !== 0;
}

const HAS_ENDED = "has ended";

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
    return `${HAS_ENDED}, or this user may not see it in /proc`;
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
 * Returns why the root directory of a process is another one than ours, as after "it"; undefined if it is
 * ours, or if this user may not know. In another mount namespace, it is ours if the same directory of the
 * same file system is mounted there. A look at the directory itself might not be answered.
 */
export function findForeignRoot(pid: number, procDirectory = PROC): string | undefined {
  const [theirs, ours] = [String(pid), "self"].map((each) => join(procDirectory, each));
  if (theirs === undefined || ours === undefined) return undefined;
  try {
    if (readlinkSync(join(theirs, "root")) !== readlinkSync(join(ours, "root"))) return ANOTHER_ROOT;
    const isOurs = hasOurMounts(pid, procDirectory) === true || readRoots(theirs) === readRoots(ours);
    return isOurs ? undefined : ANOTHER_ROOT;
  } catch (thrown) {
    if (isDenied(thrown)) return undefined;
    nothingIfHidden(thrown);
    return HAS_ENDED;
  }
}

const ANOTHER_ROOT = "has another root directory, as in a container";
const PROC = "/proc";
/** The places of `flags` and `starttime` among the words after the name. */
const FLAGS_WORD = 6;
const START_WORD = 19;
/** The flag of a task that ends. Source: linux/sched.h. */
const PF_EXITING = 0x4;

/** Returns the words of proc_pid_stat(5) after the name, or undefined if this user cannot see the process. */
function readStat(pid: number, procDirectory: string): string[] | undefined {
  try {
    return splitStat(readFileSync(join(procDirectory, String(pid), "stat"), "latin1"));
  } catch (thrown) {
    return nothingIfHidden(thrown);
  }
}

/** `part` is what all processes of one namespace have in common in `file`, which all users may read. */
const NAMESPACES = [
  { kind: "user", called: "user namespace", file: "uid_map", part: /^[^]*$/ },
  // A process in a namespace below ours has one more number for each.
  { kind: "pid", called: "process namespace", file: "status", part: /^NStgid:(?=\s+\d+$)/m },
] as const;

type Namespace = (typeof NAMESPACES)[number];

/** Returns device and directory of all mounts at the root directory, from proc_pid_mountinfo(5). */
function readRoots(directory: string): string {
  const lines = readFileSync(join(directory, "mountinfo"), "latin1").split("\n");
  const mounts = lines.map((line) => line.split(" ")).filter(([, , , , place]) => place === "/");
  return mounts.map(([, , device, root]) => `${device} ${root}`).join("\n");
}

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
