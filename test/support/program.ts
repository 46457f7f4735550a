/** Owns runs of the program as processes: single command lines, and daemons that keep running. */
import { readFile } from "node:fs/promises";
import { hostBinary } from "./binary.ts";
import { until } from "./until.ts";

/** A program and its first words. */
export type Program = readonly string[];

/** The compiled program of this source: it starts in a fifth of the time that the source needs. */
export const PROGRAM: Program = [await hostBinary()];

/**
 * Without `stdin` the input is empty; with `isOpen` the test writes it. `program` is ours by default.
 */
export type LaunchOptions = {
  stdin?: string | Uint8Array;
  isOpen?: boolean;
  env?: Record<string, string>;
  program?: Program;
};

/** How a run ended; `output` has the bytes of `stdout`. */
export type Ended = {
  exitCode: number;
  stdout: string;
  stderr: string;
  output: Uint8Array;
  durationMs: number;
};

/** A run of the program that has not been waited for; disposal kills it. */
export type Launched = AsyncDisposable & {
  readonly pid: number;
  readonly exited: Promise<number>;
  /** The signal that ended it; null if none did. */
  signal(): NodeJS.Signals | number | null;
  /** Writes input. Resolves when the process has taken it, or has ended. */
  feed(input: string | Uint8Array): Promise<void>;
  endInput(): void;
  kill(signal: NodeJS.Signals): void;
  /** The next bytes of its stdout, undefined at the end. `ended` does not return them again. */
  read(): Promise<Uint8Array | undefined>;
  /** The first line of its stdout, without the newline. */
  firstLine(): Promise<string>;
  /** Closes the reading end of its stdout: its next write there fails with EPIPE. */
  closeOutput(): Promise<void>;
  /** Waits for its end and returns all output that was not read before. */
  ended(): Promise<Ended>;
};

/** A daemon of the program; disposal kills it. */
export type Daemon = AsyncDisposable & {
  readonly pid: number;
  /** The exit code, or the name of the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
  /** Everything it has logged so far. */
  log(): string;
  /** Waits until its log contains `text` at least `count` times. Rejects if the daemon ends before. */
  says(text: string, count?: number): Promise<void>;
  kill(signal: NodeJS.Signals): void;
};

/** Starts the program with a minimal environment, in the root directory. */
export function launch(
  words: readonly string[],
  { stdin, isOpen = false, env = {}, program = PROGRAM }: LaunchOptions = {},
): Launched {
  const startMs = performance.now();
  const input = isOpen ? "pipe" : stdin === undefined ? "ignore" : Buffer.from(stdin);
  const child = Bun.spawn([...program, ...words], {
    cwd: "/",
    env: { PATH: "/usr/bin:/bin", ...env },
    stdin: input,
    stdout: "pipe",
    stderr: "pipe",
  });
  const reader = child.stdout.getReader();
  const read = async (): Promise<Uint8Array | undefined> => (await reader.read()).value;
  return {
    pid: child.pid,
    exited: child.exited,
    signal: () => child.signalCode,
    async feed(input) {
      if (typeof child.stdin !== "object") throw new Error("Its input is not open");
      try {
        await child.stdin.write(input);
        await child.stdin.flush();
      } catch {
        // The process has ended; the test sees that in `exited`.
      }
    },
    endInput() {
      if (typeof child.stdin === "object") void child.stdin.end();
    },
    kill: (signal) => child.kill(signal),
    read,
    async firstLine() {
      let text = "";
      for (let bytes = await read(); bytes !== undefined; bytes = await read()) {
        text += new TextDecoder().decode(bytes);
        if (text.includes("\n")) break;
      }
      return text.split("\n")[0] ?? "";
    },
    closeOutput: () => reader.cancel(),
    async ended() {
      const [output, stderr, exitCode] = await Promise.all([
        readAll(read),
        child.stderr.text(),
        child.exited,
      ]);
      const durationMs = performance.now() - startMs;
      return { exitCode, stdout: new TextDecoder().decode(output), stderr, output, durationMs };
    },
    [Symbol.asyncDispose]: () => endChild(child),
  };
}

/** Starts the program as a daemon and keeps its log. */
export function launchDaemon(
  words: readonly string[],
  env: Record<string, string>,
  program: Program = PROGRAM,
): Daemon {
  const child = Bun.spawn([...program, ...words], {
    cwd: "/",
    env: { PATH: "/usr/bin:/bin", ...env },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  let log = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of child.stderr) log += decoder.decode(bytes, { stream: true });
  })();
  return {
    pid: child.pid,
    exited: child.exited.then(() => child.signalCode ?? child.exitCode ?? -1),
    log: () => log,
    async says(text, count = 1) {
      const isSaid = (): boolean => log.split(text).length > count;
      const what = (): string => `the daemon logs "${text}"; its log:\n${log}`;
      await until(what, async () => {
        if (isSaid()) return true;
        if (child.exitCode === null && child.signalCode === null) return false;
        await reading;
        if (isSaid()) return true;
        throw new Error(`Ended with ${child.signalCode ?? child.exitCode} before ${what()}`);
      });
    },
    kill: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      await endChild(child);
      await reading;
    },
  };
}

/** The peak memory of a process so far, in bytes (VmHWM of proc(5)). */
export async function peakBytes(pid: number): Promise<number> {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) * 1024;
}

async function readAll(read: () => Promise<Uint8Array | undefined>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let bytes = await read(); bytes !== undefined; bytes = await read()) pieces.push(bytes);
  return Buffer.concat(pieces);
}

async function endChild(child: Bun.Subprocess): Promise<void> {
  child.kill("SIGKILL");
  await child.exited;
}
