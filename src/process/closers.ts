/**
 * Closes ends of pipes in another process. The last close of a pipe takes its lock, which a user can hold for
 * ever, so it must not be ours.
 */
import { closeSync } from "node:fs";
import { helperCommand } from "./ask-program.ts";
import { startBackgroundChild } from "./background-child.ts";
import { sendDescriptors } from "./libc-process.ts";
import { readInto, setNonBlocking, writeFrom } from "./libc.ts";
import { createSocketPair } from "./pipe.ts";
import { findTrustedTool } from "./trusted-tool.ts";

/**
 * Lets another process have `fds` too, and close them after the disposal. Dispose after they have been closed
 * here.
 */
export function shareDescriptors(fds: readonly number[]): Disposable {
  clearTimeout(idle);
  idle = setTimeout(endFree, IDLE_MS).unref();
  const closer = [...closers].find(isFree) ?? startCloser();
  if (closer === undefined || !sendDescriptors(closer.queueFd, LINE_END, fds)) return startHolder(fds);
  closer.isOwing = true;
  return { [Symbol.dispose]: () => void writeFrom(closer.gateFd, LINE) };
}

/** Lets another process close a descriptor, soon: then it is not open here any longer. */
export function closeElsewhere(fd: number): void {
  closing.push(fd);
  if (closing.length >= MOST_CLOSING) return finishCloses();
  // Each turn of that process costs more than the closes. A pipe that hangs there must hold up no new
  // command, so these do not go with the descriptors that a next command shares.
  timer ??= setTimeout(finishCloses, SOON_MS);
}

/** Closes here what `closeElsewhere` has got so far. */
export function finishCloses(): void {
  clearTimeout(timer);
  timer = undefined;
  if (closing.length === 0) return;
  try {
    const fds = closing.slice(0, MOST_CLOSING);
    const shared = shareDescriptors(fds);
    for (const fd of closing.splice(0, fds.length)) closeSync(fd);
    shared[Symbol.dispose]();
    if (closing.length > 0) timer = setTimeout(finishCloses, SOON_MS);
  } catch {
    // No process can be started now.
    timer = setTimeout(finishCloses, RETRY_MS);
  }
}

const closing: number[] = [];
const SOON_MS = 20;
const RETRY_MS = 1000;
/** One message takes at most 253 (unix(7), SCM_RIGHTS). */
const MOST_CLOSING = 100;
let timer: ReturnType<typeof setTimeout> | undefined;

/**
 * `sh` takes a line from each of two sockets. The line of the second one brings descriptors, which the kernel
 * closes at once, because `sh` does not ask for them. The line that it prints says that they are closed.
 */
const SCRIPT = "while read -r line <&3 && read -r line <&4; do echo; done";
const LINE_END = 0x0a;
const LINE = new Uint8Array([LINE_END]);
/** One that closes nothing for so long ends. */
const IDLE_MS = 10_000;

/** `isOwing`: it has descriptors that it has not closed yet. */
type Closer = { gateFd: number; queueFd: number; isOwing: boolean };

const closers = new Set<Closer>();
let idle: Timer | undefined;
const room = new Uint8Array(8);

/** Whether it has closed all that it got. A user can keep it from that, and others must not wait then. */
function isFree(closer: Closer): boolean {
  if (closer.isOwing && readInto(closer.gateFd, room) > 0) closer.isOwing = false;
  return !closer.isOwing;
}

function endFree(): void {
  for (const closer of closers) if (isFree(closer)) end(closer);
}

function end(closer: Closer): void {
  if (!closers.delete(closer)) return;
  closeSync(closer.gateFd);
  closeSync(closer.queueFd);
}

function startCloser(): Closer | undefined {
  const shell = findTrustedTool("sh");
  if (shell === undefined) return undefined;
  using theirs = new DisposableStack();
  using ours = new DisposableStack();
  const [gate, queue] = [createSocketPair(), createSocketPair()];
  for (const { theirFd, ourFd } of [gate, queue]) {
    theirs.defer(() => closeSync(theirFd));
    ours.defer(() => closeSync(ourFd));
  }
  setNonBlocking(gate.ourFd);
  const closer = { gateFd: gate.ourFd, queueFd: queue.ourFd, isOwing: false };
  startBackgroundChild(
    [shell, "-c", SCRIPT],
    ["ignore", gate.theirFd, "ignore", gate.theirFd, queue.theirFd],
    () => end(closer),
  );
  ours.move();
  closers.add(closer);
  return closer;
}

/** Without `sh`: the process has the descriptors until its input ends. */
function startHolder(fds: readonly number[]): Disposable {
  const { ourFd, theirFd } = createSocketPair();
  try {
    const cat = findTrustedTool("cat");
    startBackgroundChild(cat === undefined ? helperCommand("carry", []) : [cat], [
      theirFd,
      "ignore",
      "ignore",
      ...fds,
    ]);
  } catch (thrown) {
    closeSync(ourFd);
    throw thrown;
  } finally {
    closeSync(theirFd);
  }
  return { [Symbol.dispose]: () => closeSync(ourFd) };
}
