/** Replaces state that our parent process chose, and that would change commands or lose their ends. */
import { resetSignals } from "./libc.ts";

let isReset = false;

/**
 * Unblocks all signals, and sets the file mode mask to 022. Lets the system report the ends of commands also
 * if the parent process ignored SIGCHLD: the system would forget the exit codes. Does its work once.
 */
export function resetInheritedState(): void {
  if (isReset) return;
  isReset = true;
  resetSignals();
  process.umask(MASK);
}

/** A command that needs another mask sets it itself. */
const MASK = 0o022;
