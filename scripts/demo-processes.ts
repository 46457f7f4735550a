/** Owns the processes of the demo, and ends all of them. */

/** One line of output; `atMs` counts from the start of the process. */
export type OutputLine = { text: string; atMs: number };
/** How a process ended, with its output lines of both streams. */
export type Finished = { exitCode: number; lines: OutputLine[] };

type Environment = Record<string, string>;

/** Disposal ends all processes that still run. */
export type Processes = AsyncDisposable & {
  /** Starts a daemon. If it ends by itself, `finish` rejects with its output. */
  start: (words: readonly string[], environment: Environment) => void;
  /** Runs a program to its end; `onLine` gets each output line at once. */
  finish: (
    words: readonly string[],
    environment: Environment,
    onLine?: (line: OutputLine) => void,
  ) => Promise<Finished>;
};

type Child = { pid: number; exited: Promise<number>; exitCode: number | null };

/** The time from SIGTERM to SIGKILL. */
const KILL_AFTER_MS = 20_000;

/**
 * Disposal ends all running processes, the newest first, each with its process group. When `signal` aborts,
 * `finish` rejects with its reason.
 */
export function createProcesses(signal: AbortSignal): Processes {
  const running: Child[] = [];
  const { promise: broken, reject: breakAll } = Promise.withResolvers<never>();
  broken.catch(() => undefined);
  signal.addEventListener("abort", () => breakAll(signal.reason), { once: true });
  let isClosing = false;

  const spawn = (words: readonly string[], env: Environment, onLine: (line: OutputLine) => void) => {
    const startMs = performance.now();
    // Bun would look the program up on our PATH, not on the PATH in `env`.
    const [program = "", ...rest] = words;
    const path = Bun.which(program, { PATH: env["PATH"] ?? "" }) ?? program;
    const child = Bun.spawn([path, ...rest], {
      env,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    });
    running.push(child);
    const report = (text: string): void => onLine({ text, atMs: performance.now() - startMs });
    const ended = Promise.all([
      child.exited,
      readLines(child.stdout, report),
      readLines(child.stderr, report),
    ]);
    return { child, ended: ended.then(([exitCode]) => exitCode) };
  };

  const watch = async (words: readonly string[], ended: Promise<number>, output: string[]): Promise<void> => {
    const exitCode = await ended;
    if (isClosing) return;
    breakAll(new Error([`"${words.join(" ")}" ended with exit code ${exitCode}:`, ...output].join("\n")));
  };

  return {
    start(words, environment) {
      const output: string[] = [];
      const { ended } = spawn(words, environment, ({ text }) => output.push(text));
      void watch(words, ended, output);
    },
    async finish(words, environment, onLine = () => undefined) {
      const lines: OutputLine[] = [];
      const { child, ended } = spawn(words, environment, (line) => {
        lines.push(line);
        onLine(line);
      });
      const exitCode = await Promise.race([ended, broken]);
      running.splice(running.indexOf(child), 1);
      return { exitCode, lines };
    },
    async [Symbol.asyncDispose]() {
      isClosing = true;
      for (const child of running.toReversed()) await end(child);
    },
  };
}

async function end(child: Child): Promise<void> {
  signalGroup(child, "SIGTERM");
  const timer = setTimeout(() => signalGroup(child, "SIGKILL"), KILL_AFTER_MS);
  await child.exited;
  clearTimeout(timer);
}

/** Signals the whole process group, which each child leads. */
function signalGroup({ pid, exitCode }: Child, signal: NodeJS.Signals): void {
  if (exitCode !== null) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // The group has ended since the check.
  }
}

async function readLines(stream: ReadableStream<Uint8Array>, onLine: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = `${rest}${decoder.decode(bytes, { stream: true })}`.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
  if (rest !== "") onLine(rest);
}
