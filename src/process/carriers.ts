/**
 * Pipes of a command that another user can lock. A writer takes the kernel's lock of a pipe and may then wait
 * for its own memory, which a file system of its user gives late or never. A process that reads, closes or
 * resizes that pipe meanwhile waits too, and no signal ends that. So this process has sockets, which have no
 * such lock, and `cat` carries the bytes between them and the pipes. A start of `cat` costs as much as that
 * of a command. So a stream that was used the last time gets one ahead, and others get one with the first
 * byte: poll(2) takes no lock.
 */
import { closeSync } from "node:fs";
import { helperCommand } from "./ask-program.ts";
import { closeElsewhere, finishCloses } from "./closers.ts";
import { EVENTS, watchDescriptor } from "./descriptor-watch.ts";
import type { DescriptorWatch } from "./descriptor-watch.ts";
import type { LateDescriptor } from "./late-output.ts";
import { startBackgroundChild } from "./background-child.ts";
import { pollNow } from "./libc.ts";
import { createPipe, createSocketPair } from "./pipe.ts";
import { isSameProcess, readProcess } from "../trust/host-process.ts";
import type { ProcessId } from "../trust/host-process.ts";
import { findTrustedTool } from "./trusted-tool.ts";

/** The side of a pipe that a command has. */
export type PipeUse = "reads" | "writes";

/**
 * The end of a pipe that the command gets, and the socket with which this process reads or writes it. The
 * caller closes both. It calls `attend` when the command has started or not, and `leave` after the call:
 * a process in the background may keep the pipe for ever.
 */
export type CarriedPipe = {
  theirFd: number;
  ourEnd: number | LateDescriptor;
  attend: (hasStarted: boolean) => void;
  leave: () => void;
  /** Returns the carrier, once it has started. */
  carrier: () => ProcessId | undefined;
};

/** The command by its path, and the number of the descriptor there. */
export type CarriedStream = { path: string; fd: 0 | 1 | 2 };

/** Returns a pipe for a stream of a command. */
export function takeCarriedPipe(stream: CarriedStream): CarriedPipe {
  const use = useOf(stream);
  if (!used.has(keyOf(stream))) return createLatePipe(use, keyOf(stream));
  for (const spare of spares[use]) {
    spares[use].delete(spare);
    return spare;
  }
  return createSpare(use);
}

/**
 * Starts carriers for a next command with the same streams, once the event loop turns. Without a command they
 * end after a while.
 */
export function prepareCarriers(streams: readonly CarriedStream[]): void {
  const uses = streams.filter((stream) => used.has(keyOf(stream))).map(useOf);
  if (uses.length === 0) return;
  setImmediate(() => {
    try {
      for (const use of ["reads", "writes"] as const) {
        const wanted = uses.filter((other) => other === use).length;
        while (spares[use].size < wanted) addSpare(use);
      }
    } catch {
      // The next command starts its own, or says why it cannot.
    }
    clearTimeout(idle);
    idle = setTimeout(closeSpares, IDLE_MS).unref();
  });
}

/**
 * Gives each stream that has none its carrier, because this process is about to end or to be replaced: that
 * closes all its pipes.
 */
export function startAllCarriers(): void {
  for (const start of late) start();
  finishCloses();
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

const IDLE_MS = 10_000;
let idle: Timer | undefined;
type Spare = CarriedPipe & { ourEnd: number };

const spares: Readonly<Record<PipeUse, Set<Spare>>> = { reads: new Set(), writes: new Set() };
/** Streams that had bytes. */
const used = new Set<string>();
const MOST_USED = 1000;
const late = new Set<() => void>();
const RETRY_MS = 100;

function useOf({ fd }: CarriedStream): PipeUse {
  return fd === 0 ? "reads" : "writes";
}

function keyOf({ path, fd }: CarriedStream): string {
  return `${fd} ${path}`;
}

function addSpare(use: PipeUse): void {
  const spare = createSpare(use, () => {
    // Something has killed it.
    if (spares[use].delete(spare)) closePipe(spare);
  });
  spares[use].add(spare);
}

/** No command has had them, so their locks are free. */
function closeSpares(): void {
  for (const some of Object.values(spares)) {
    for (const spare of some) closePipe(spare);
    some.clear();
  }
}

function closePipe({ theirFd, ourEnd }: Spare): void {
  closeSync(theirFd);
  closeSync(ourEnd);
}

/** `theirFd` is the command's end of a pipe, `carriedFd` that of the carrier. */
type PipeEnds = { theirFd: number; carriedFd: number };

function createEnds(use: PipeUse): PipeEnds {
  const { readFd, writeFd } = createPipe();
  return use === "reads" ? { theirFd: readFd, carriedFd: writeFd } : { theirFd: writeFd, carriedFd: readFd };
}

function createSpare(use: PipeUse, onEnd?: () => void): Spare {
  using theirs = new DisposableStack();
  using ours = new DisposableStack();
  const { theirFd, carriedFd } = createEnds(use);
  ours.defer(() => closeSync(theirFd));
  theirs.defer(() => closeSync(carriedFd));
  const { ourFd, theirFd: socketFd } = createSocketPair();
  ours.defer(() => closeSync(ourFd));
  theirs.defer(() => closeSync(socketFd));
  const carrier = readProcess(startCarrier(use, { carriedFd, socketFd }, onEnd));
  ours.move();
  return { theirFd, ourEnd: ourFd, attend: () => undefined, leave: () => undefined, carrier: () => carrier };
}

/** The socket of a later carrier. `connect` starts that, and `close` is called after it or instead. */
type LateSocket = {
  ourEnd: CarriedPipe["ourEnd"];
  connect: (start: (socketFd: number) => void) => void;
  close: () => void;
};

/** Input needs a socket ahead, because its bytes start the carrier. */
function createInputSocket(): LateSocket & { theirFd: number } {
  const { ourFd, theirFd } = createSocketPair();
  return { theirFd, ourEnd: ourFd, connect: (start) => start(theirFd), close: () => closeSync(theirFd) };
}

function createOutputSocket(): LateSocket {
  let fd: number | undefined;
  let isOver = false;
  let tell: ((fd: number | undefined) => void) | undefined;
  return {
    ourEnd: {
      get fd() {
        return fd;
      },
      onOpen(listener) {
        tell = listener;
        if (isOver) tell(fd);
      },
    },
    connect(start) {
      const { ourFd, theirFd } = createSocketPair();
      try {
        start(theirFd);
        fd = ourFd;
      } finally {
        closeSync(theirFd);
        if (fd === undefined) closeSync(ourFd);
      }
    },
    close() {
      isOver = true;
      tell?.(fd);
    },
  };
}

function createLatePipe(use: PipeUse, key: string): CarriedPipe {
  using ends = new DisposableStack();
  const { theirFd, carriedFd } = createEnds(use);
  for (const fd of [theirFd, carriedFd]) ends.defer(() => closeSync(fd));
  const input = use === "reads" ? createInputSocket() : undefined;
  const socket = input ?? createOutputSocket();
  ends.move();
  const watched = input?.theirFd ?? carriedFd;
  let watch: DescriptorWatch | undefined;
  let carrier: ProcessId | undefined;
  const close = (): void => {
    late.delete(start);
    // The kernel's watch has the pipe open too, and must not be the last one.
    watch?.close();
    closeElsewhere(carriedFd);
    socket.close();
  };
  const start = (): void => {
    try {
      socket.connect((socketFd) => {
        carrier = readProcess(startCarrier(use, { carriedFd, socketFd }));
      });
      noteUse(key);
      close();
    } catch {
      // The bytes stay in the pipe meanwhile.
      setTimeout(() => late.has(start) && start(), RETRY_MS);
    }
  };
  const attend = async (): Promise<void> => {
    late.add(start);
    watch = watchDescriptor(watched, { isPipe: true });
    while (late.has(start)) {
      const events = pollNow(watched, EVENTS.IN);
      if ((events & EVENTS.IN) !== 0) return start();
      if (events !== 0) return close();
      await watch.changed(EVENTS.IN);
    }
  };
  return {
    theirFd,
    ourEnd: socket.ourEnd,
    attend: (hasStarted) => (hasStarted ? void attend() : close()),
    leave: () => void (late.has(start) && close()),
    carrier: () => carrier,
  };
}

function noteUse(key: string): void {
  if (used.size >= MOST_USED) used.clear();
  used.add(key);
}

function startCarrier(
  use: PipeUse,
  { carriedFd, socketFd }: { carriedFd: number; socketFd: number },
  onEnd?: () => void,
): number {
  const [stdin, stdout] = use === "reads" ? [socketFd, carriedFd] : [carriedFd, socketFd];
  const cat = findTrustedTool("cat");
  // A process that the command left behind may keep it, and must not keep this process.
  return startBackgroundChild(
    cat === undefined ? helperCommand("carry", []) : [cat],
    [stdin, stdout, "ignore"],
    onEnd,
  );
}
