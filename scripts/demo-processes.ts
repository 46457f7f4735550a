/** The processes of the demo: none outlives it. */
/** `atMs` counts from the start of the process. */
export type OutputLine = { text: string; atMs: number };
export type Finished = { exitCode: number; lines: OutputLine[] };

type Environment = Record<string, string>;

export type Processes = AsyncDisposable & {
  /** Starts a daemon. Once it has ended by itself, `finish` rejects with what it said. */
  start: (words: readonly string[], environment: Environment) => void;
  /** Runs a program to its end; `onLine` is told each line as it comes. */
  finish: (
    words: readonly string[],
    environment: Environment,
    onLine?: (line: OutputLine) => void,
  ) => Promise<Finished>;
};

type Child = { pid: number; exited: Promise<number>; exitCode: number | null };

/** A process that is told to end and has not done so by then is killed. */
const PATIENCE_MS = 20_000;

/**
 * On disposal everything that still runs is ended, the newest first, each with the group of processes that it leads. When
 * `signal` aborts, `finish` rejects with its reason.
 */
export function createProcesses(signal: AbortSignal): Processes {
  const running: Child[] = [];
  const { promise: broken, reject: breakAll } = Promise.withResolvers<never>();
  broken.catch(() => undefined);
  signal.addEventListener("abort", () => breakAll(signal.reason), { once: true });
  let isLeaving = false;

  const spawn = (words: readonly string[], env: Environment, onLine: (line: OutputLine) => void) => {
    const startMs = performance.now();
    // Bun looks a program up on our PATH, not on the one in `env`.
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
    const tell = (text: string): void => onLine({ text, atMs: performance.now() - startMs });
    const ended = Promise.all([child.exited, readLines(child.stdout, tell), readLines(child.stderr, tell)]);
    return { child, ended: ended.then(([exitCode]) => exitCode) };
  };

  const watch = async (words: readonly string[], ended: Promise<number>, said: string[]): Promise<void> => {
    const exitCode = await ended;
    if (isLeaving) return;
    breakAll(new Error([`"${words.join(" ")}" ended with exit code ${exitCode}:`, ...said].join("\n")));
  };

  return {
    start(words, environment) {
      const said: string[] = [];
      const { ended } = spawn(words, environment, ({ text }) => said.push(text));
      void watch(words, ended, said);
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
      isLeaving = true;
      for (const child of running.toReversed()) await end(child);
    },
  };
}

async function end(child: Child): Promise<void> {
  signalGroup(child, "SIGTERM");
  const timer = setTimeout(() => signalGroup(child, "SIGKILL"), PATIENCE_MS);
  await child.exited;
  clearTimeout(timer);
}

/** Each of our processes leads a group of its own. */
function signalGroup({ pid, exitCode }: Child, signal: NodeJS.Signals): void {
  if (exitCode !== null) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It ended in this very moment.
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
