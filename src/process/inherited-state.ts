/**
 * Replaces state that children get from us and should not: what our parent process chose and would change
 * commands, and what the system or an administrator gave to the daemon alone.
 */
import { readFileSync, writeFileSync } from "node:fs";
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
 * moment of the start. The score is shared by all threads of a process and copied at the fork.
 */
export function startCleanly<Child>(spawn: () => Child): Child {
  resetInheritedState();
  joinNewKeyring();
  const own = readScore();
  if (own >= 0) return spawn();
  const isRaised = writeScore(0);
  try {
    return spawn();
  } finally {
    if (isRaised) writeScore(own);
  }
}

/** proc(5), `/proc/PID/oom_score_adj`: from -1000 (never) to 1000. */
const SCORE = "/proc/self/oom_score_adj";

function readScore(): number {
  try {
    return Number(readFileSync(SCORE, "latin1"));
  } catch {
    return 0;
  }
}

function writeScore(score: number): boolean {
  try {
    writeFileSync(SCORE, `${score}`);
    return true;
  } catch {
    return false;
  }
}
