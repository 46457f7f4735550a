/** Standard streams of a caller that are never read, or never end. */
import { closeSync, openSync } from "node:fs";
import { createPipe } from "../../src/process/pipe.ts";

/** `full`: it is never read. `open`: it is never written. */
export type CallerStreams = {
  stdin?: "open" | "endless";
  stdout?: "full pipe" | "full socket" | "stopped terminal";
  stderr?: "full pipe";
};

/** A program with such streams; disposal kills it. */
export type Blocked = AsyncDisposable & {
  readonly exited: Promise<number>;
  kill(signal: NodeJS.Signals): void;
};

const CONTROL_S = "\u0013";

/** Starts the program `argv`. */
export function startBlocked(argv: string[], env: Record<string, string>, streams: CallerStreams): Blocked {
  const ours = new DisposableStack();
  const theirs = new DisposableStack();
  /** The end of a pipe that the program gets. The test keeps the other end. */
  const pipeEnd = (end: "read" | "write"): number => {
    const { readFd, writeFd } = createPipe();
    ours.defer(() => closeSync(end === "read" ? writeFd : readFd));
    theirs.defer(() => closeSync(end === "read" ? readFd : writeFd));
    return end === "read" ? readFd : writeFd;
  };
  const open = (path: string): number => {
    const fd = openSync(path, "r");
    theirs.defer(() => closeSync(fd));
    return fd;
  };
  const { stdin, stdout, stderr } = streams;
  const input = stdin === undefined ? "ignore" : stdin === "open" ? pipeEnd("read") : open("/dev/zero");
  const errors = stderr === undefined ? "ignore" : pipeEnd("write");
  const base = { cwd: "/", env: { PATH: "/usr/bin:/bin", ...env } } as const;
  const child =
    stdout === "stopped terminal"
      ? Bun.spawn(["/bin/sh", "-c", 'exec "$@" </dev/null 2>/dev/null', "sh", ...argv], {
          ...base,
          terminal: ours.adopt(stoppedTerminal(), (terminal) => terminal.close()),
        })
      : Bun.spawn(argv, {
          ...base,
          stdin: input,
          // Bun's own pipe is a pair of sockets. The test does not read it.
          stdout: stdout === "full pipe" ? pipeEnd("write") : stdout === "full socket" ? "pipe" : "ignore",
          stderr: errors,
        });
  theirs.dispose();
  return {
    exited: child.exited,
    kill: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      ours.dispose();
    },
  };
}

function stoppedTerminal(): Bun.Terminal {
  return new Bun.Terminal({ data: (terminal) => void terminal.write(CONTROL_S) });
}
