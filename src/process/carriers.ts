/**
 * Pipes of a command that another user can lock. A writer takes the kernel's lock of a pipe and may then wait
 * for its own memory, which a file system of its user gives late or never. A process that reads, closes or
 * resizes that pipe meanwhile waits too, and no signal ends that. So this process has sockets, which have no
 * such lock, and `cat` carries the bytes between them and the pipes.
 */
import { closeSync } from "node:fs";
import { CHILD_OPTIONS, helperCommand } from "./ask-program.ts";
import { startCleanly } from "./inherited-state.ts";
import { rememberChild } from "./orphans.ts";
import { createPipe, createSocketPair } from "./pipe.ts";
import { isSameProcess, readProcess } from "../trust/host-process.ts";
import type { ProcessId } from "../trust/host-process.ts";
import { findTrustedTool } from "./trusted-tool.ts";

/**
 * The end of a pipe that the command gets, and the socket with which this process reads or writes it.
 * `carrier` is undefined if it has ended already.
 */
export type CarriedPipe = { theirFd: number; ourFd: number; carrier: ProcessId | undefined };

/** Makes a pipe that the command `reads` or `writes`, and starts its carrier. The caller closes both ends. */
export function createCarriedPipe(child: "reads" | "writes"): CarriedPipe {
  using carried = new DisposableStack();
  using kept = new DisposableStack();
  const { ourFd, theirFd: socketFd } = createSocketPair();
  carried.defer(() => closeSync(socketFd));
  kept.defer(() => closeSync(ourFd));
  const { readFd, writeFd } = createPipe();
  const [carriedFd, theirFd] = child === "reads" ? [writeFd, readFd] : [readFd, writeFd];
  carried.defer(() => closeSync(carriedFd));
  kept.defer(() => closeSync(theirFd));
  const pid = child === "reads" ? startCarrier(socketFd, carriedFd) : startCarrier(carriedFd, socketFd);
  kept.move();
  return { theirFd, ourFd, carrier: readProcess(pid) };
}

/**
 * Ends the carriers of a call that is over. They would stay as long as a process that the command left behind
 * has the pipes, and they are not among the processes that the user of the command may have.
 */
export function endCarriers(carriers: readonly ProcessId[]): void {
  for (const carrier of carriers) {
    try {
      if (isSameProcess(carrier)) process.kill(carrier.pid, "SIGKILL");
    } catch {
      // It has ended since the look.
    }
  }
}

/**
 * Lets another process have `fds` too, until the disposal. The last close of a pipe takes its lock, so it
 * must not be ours: dispose after they have been closed here.
 */
export function shareDescriptors(fds: readonly number[]): Disposable {
  const { ourFd, theirFd } = createSocketPair();
  try {
    startCarrier(theirFd, "ignore", fds);
  } catch (thrown) {
    closeSync(ourFd);
    throw thrown;
  } finally {
    closeSync(theirFd);
  }
  return { [Symbol.dispose]: () => closeSync(ourFd) };
}

/** Returns the process. It ends at the end of its input, or when its output is closed. */
function startCarrier(stdin: number, stdout: number | "ignore", others: readonly number[] = []): number {
  const cat = findTrustedTool("cat");
  const child = startCleanly(() =>
    Bun.spawn({
      cmd: cat === undefined ? helperCommand("carry", []) : [cat],
      ...CHILD_OPTIONS,
      stdio: [stdin, stdout, "ignore", ...others],
    }),
  );
  rememberChild(child.pid);
  // A process that the command left behind may keep it, and must not keep this process.
  child.unref();
  return child.pid;
}
