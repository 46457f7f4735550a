/** Programs of the system that are asked for text, such as virsh: found on PATH, bounded in time and output. */
import { toolEnvironment } from "../config/config.ts";
import { NegotiatorError } from "../errors.ts";
import { run } from "./run.ts";

/** `environment` is added to what every child of ours gets. Output past `outputBytes` is an error. */
export type RunTextOptions = {
  timeoutMs: number;
  outputBytes: number;
  environment: Readonly<Record<string, string>>;
  signal: AbortSignal;
};

/** Longest line of a program that is followed. */
const LINE_LENGTH = 64 * 1024;

/**
 * What the program wrote, and its exit code. Nothing is on its stdin. Rejects with `NO_COMMAND` when there is no such
 * program, `TIMEOUT`, `TOO_LARGE`, `CANCELLED`.
 */
export async function runText(
  argv: readonly string[],
  { timeoutMs, outputBytes, environment, signal }: RunTextOptions,
): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const stdout = createBuffer(outputBytes);
  const stderr = createBuffer(outputBytes);
  const words = resolveWords(argv);
  const env = { ...toolEnvironment(), ...environment };
  const ended = await run({ argv: words, env, cwd: "/", stdin: null, stdout, stderr, signal, timeoutMs });
  if (ended.timedOut)
    throw new NegotiatorError("TIMEOUT", `"${argv.join(" ")}" took longer than ${timeoutMs} ms`);
  if (ended.cancelled) throw new NegotiatorError("CANCELLED", `"${argv.join(" ")}" was cancelled`);
  if (stdout.isFull || stderr.isFull) {
    throw new NegotiatorError("TOO_LARGE", `"${argv.join(" ")}" wrote more than ${outputBytes} bytes`);
  }
  return { exitCode: ended.exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

/** Yields the program's stdout line by line until it ends; ends it when `signal` aborts or the iteration is left. */
export async function* spawnLines(
  argv: readonly string[],
  { environment, signal }: Pick<RunTextOptions, "environment" | "signal">,
): AsyncGenerator<string, void, undefined> {
  const left = new AbortController();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const ended = run({
    argv: resolveWords(argv),
    env: { ...toolEnvironment(), ...environment },
    cwd: "/",
    stdin: null,
    stdout: { write: (bytes) => writer.write(bytes) },
    stderr: { write: () => Promise.resolve() },
    signal: AbortSignal.any([signal, left.signal]),
  }).finally(() => void writer.close().catch(() => undefined));
  try {
    yield* splitLines(readable);
    await ended;
  } finally {
    left.abort();
    await ended.catch(() => undefined);
  }
}

async function* splitLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = `${rest}${decoder.decode(bytes, { stream: true })}`.split("\n");
    rest = lines.pop()?.slice(0, LINE_LENGTH) ?? "";
    yield* lines;
  }
}

function resolveWords([program = "", ...words]: readonly string[]): [string, ...string[]] {
  const path = Bun.which(program);
  if (path === null) throw new NegotiatorError("NO_COMMAND", `There is no program "${program}" on the PATH`);
  return [path, ...words];
}

function createBuffer(limitBytes: number): {
  readonly isFull: boolean;
  text: () => string;
  write: (bytes: Uint8Array) => Promise<void>;
} {
  const parts: Uint8Array[] = [];
  let length = 0;
  return {
    get isFull() {
      return length > limitBytes;
    },
    text: () => new TextDecoder().decode(Buffer.concat(parts)),
    write(bytes) {
      length += bytes.length;
      if (length > limitBytes) return Promise.reject(new NegotiatorError("TOO_LARGE", "Too much output"));
      parts.push(bytes.slice());
      return Promise.resolve();
    },
  };
}
