/** Owns runs of the program from its source: single command lines, and daemons that stay. */
import { readFile } from "node:fs/promises";
import { MAIN } from "./source-run.ts";
import { until } from "./until.ts";

/** `stdin` is empty when it is missing; with `isOpen` the test feeds it. */
export type LaunchOptions = { stdin?: string | Uint8Array; isOpen?: boolean; env?: Record<string, string> };

/** `output` has the bytes of `stdout`. */
export type Ended = {
  exitCode: number;
  stdout: string;
  stderr: string;
  output: Uint8Array;
  durationMs: number;
};

export type Launched = AsyncDisposable & {
  readonly pid: number;
  readonly exited: Promise<number>;
  /** The signal that ended it, if one did. */
  signal(): NodeJS.Signals | number | null;
  /** Sends input; resolves when it was taken, or when nobody is there to take it. */
  feed(input: string | Uint8Array): Promise<void>;
  endInput(): void;
  kill(signal: NodeJS.Signals): void;
  /** The next bytes of its stdout; undefined at the end. What was read so is not in `ended`. */
  read(): Promise<Uint8Array | undefined>;
  /** The first line of its stdout, without its end. */
  firstLine(): Promise<string>;
  /** Takes no more of its stdout: the next write there breaks. */
  hangUp(): Promise<void>;
  /** Everything else that it prints, and its end. */
  ended(): Promise<Ended>;
};

export type Daemon = AsyncDisposable & {
  readonly pid: number;
  /** The exit code; a signal's is its name. */
  readonly exited: Promise<number | NodeJS.Signals>;
  /** What it has logged so far. */
  log(): string;
  /** Waits until its log contains `text`, `count` times. */
  says(text: string, count?: number): Promise<void>;
  kill(signal: NodeJS.Signals): void;
};

/** Starts the program; disposing of it ends it if it still runs. */
export function launch(
  words: readonly string[],
  { stdin, isOpen = false, env = {} }: LaunchOptions = {},
): Launched {
  const startMs = performance.now();
  const input = isOpen ? "pipe" : stdin === undefined ? "ignore" : Buffer.from(stdin);
  const child = Bun.spawn([process.execPath, MAIN, ...words], {
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
        // It has ended, which is what `exited` tells.
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
    hangUp: () => reader.cancel(),
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

/** Starts the program as a daemon, whose log is kept. */
export function launchDaemon(words: readonly string[], env: Record<string, string>): Daemon {
  const child = Bun.spawn([process.execPath, MAIN, ...words], {
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
      const what = (): string => `the daemon says "${text}"; it said:\n${log}`;
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

/** The most memory that a process has had so far, in bytes (proc(5)). */
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
