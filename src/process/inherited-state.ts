/**
 * Replaces state that children get from us and should not: what our parent process chose and would change
 * commands, and what the system or an administrator gave to the daemon alone.
 */
import { openSync, readSync, writeFileSync } from "node:fs";
import { joinNewKeyring, resetPriorityOfChildren, stopInheritingCapabilities } from "./libc-process.ts";
import { resetSignals } from "./libc.ts";

let isReset = false;

/**
 * Unblocks all signals, and sets the file mode mask to 022. Lets the system report the ends of commands also
 * if the parent process ignored SIGCHLD: the system would forget the exit codes. Keeps capabilities and a
 * raised priority for this process. Does its work once.
 */
export function resetInheritedState(): void {
  if (isReset) return;
  isReset = true;
  resetSignals();
  process.umask(MASK);
  resetPriorityOfChildren();
  stopInheritingCapabilities();
}

/** A command that needs another mask sets it itself. */
const MASK = 0o022;

/**
 * Starts a child by `spawn`. It gets a new, empty session keyring, and the usual score for the system's
 * choice of a process to kill when memory runs out: our own may be lower, and then it is raised for the
 * moment of the start. The score is shared by all threads of a process and copied at the fork. Tests pass
 * another `scoreFile`.
 */
export function startCleanly<Child>(spawn: () => Child, scoreFile: string = SCORE_FILE): Child {
  resetInheritedState();
  joinNewKeyring();
  const own = readScore(scoreFile);
  const isRaised = own < 0 && writeScore(scoreFile, 0);
  try {
    return spawn();
  } finally {
    if (isRaised) writeScore(scoreFile, own);
    // The child must not share ours.
    joinNewKeyring();
  }
}

/** proc(5), `/proc/PID/oom_score_adj`: from -1000 (never) to 1000. */
const SCORE_FILE = "/proc/self/oom_score_adj";

/** The open files of scores: each start reads ours, and an open takes longer than the read. */
const scoreFds = new Map<string, number>();
const scoreRoom = Buffer.alloc(16);

function readScore(file: string): number {
  try {
    const fd = scoreFds.get(file) ?? openSync(file, "r");
    scoreFds.set(file, fd);
    return Number(scoreRoom.toString("latin1", 0, readSync(fd, scoreRoom, 0, scoreRoom.length, 0)));
  } catch {
    return 0;
  }
}

function writeScore(file: string, score: number): boolean {
  try {
    writeFileSync(file, `${score}`);
    return true;
  } catch {
    return false;
  }
}
