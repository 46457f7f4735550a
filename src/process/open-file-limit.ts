/** Owns the soft limit of open files with which commands start. Our own limit is higher. */
import { readOpenFileLimit, setOpenFileLimit } from "./libc.ts";

let commandLimit: number | undefined;

/** Sets the limit of the commands that start from now on. Undefined: they start with ours. */
export function limitCommands(limit: number | undefined): void {
  commandLimit = limit;
}

/** Returns the soft limit that commands get; undefined if it cannot be read. */
export function commandFileLimit(): number | undefined {
  return commandLimit ?? readOpenFileLimit();
}

/** Descriptors that a start opens after its pipes, and that other threads may open meanwhile. */
const SPARE_DESCRIPTORS = 64;

/**
 * Starts a command by `spawn`, which returns its process id, with the limit of commands. `lastFd` is the
 * highest descriptor that was opened for it. A child has the limits of its parent at the fork, so ours is
 * lowered for the moment of a start. With too many open descriptors the start itself would fail then, so the
 * child's limit is lowered right after the start.
 */
export function spawnLimited<Child extends { pid: number }>(lastFd: number, spawn: () => Child): Child {
  const limit = commandLimit;
  if (limit === undefined) return spawn();
  if (lastFd + SPARE_DESCRIPTORS >= limit) {
    const child = spawn();
    setOpenFileLimit(child.pid, limit);
    return child;
  }
  const ours = setOpenFileLimit(0, limit);
  try {
    return spawn();
  } finally {
    if (ours !== undefined) setOpenFileLimit(0, ours);
  }
}
