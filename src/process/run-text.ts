/** Runs programs for their text output, such as virsh: found on PATH, limited in time and output. */
import { toolEnvironment } from "../config/config.ts";
import { NegotiatorError } from "../errors.ts";
import { createBoundedOutput } from "./bounded-output.ts";
import { inOnePiece } from "./own-child.ts";
import { findProgram } from "./program-path.ts";
import { run } from "./run.ts";
import type { RunOptions } from "./run.ts";

/**
 * `environment` is added to the usual one of our children. More output than `outputBytes` is an error.
 * `input` is the program's standard input, empty if absent. It runs as `user`, ours if absent.
 */
export type RunTextOptions = {
  input?: string;
  user?: NonNullable<RunOptions["user"]>;
  timeoutMs: number;
  outputBytes: number;
  environment: Readonly<Record<string, string>>;
  signal: AbortSignal;
};

/** The output and the exit code of a program; the code is null after a signal. */
export type RunTextResult = { exitCode: number | null; stdout: string; stderr: string };

/** The type of `runText`, for those that get it as an argument. */
export type RunText = (argv: readonly string[], options: RunTextOptions) => Promise<RunTextResult>;

/** The type of `spawnLines`, for those that get it as an argument. */
export type SpawnLines = (
  argv: readonly string[],
  options: Pick<RunTextOptions, "environment" | "signal">,
) => AsyncIterable<string>;

/**
 * Runs a program and returns its output. Rejects with `NO_COMMAND` when the PATH has no
 * such program, `TIMEOUT`, `TOO_LARGE` or `CANCELLED`.
 */
export async function runText(
  argv: readonly string[],
  { input, user, timeoutMs, outputBytes, environment, signal }: RunTextOptions,
): Promise<RunTextResult> {
  const stdout = createBuffer(outputBytes);
  const stderr = createBuffer(outputBytes);
  const words = await resolveWords(argv);
  const env = { ...toolEnvironment(), ...environment };
  const stdin = input === undefined ? null : inOnePiece(input);
  const as = user === undefined ? {} : { user };
  const ended = await run({ argv: words, env, cwd: "/", stdin, stdout, stderr, signal, timeoutMs, ...as });
  if (ended.endedBy === "deadline")
    throw new NegotiatorError("TIMEOUT", `"${argv.join(" ")}" took longer than ${timeoutMs} ms`);
  if (ended.endedBy === "cancel") throw new NegotiatorError("CANCELLED", `"${argv.join(" ")}" was cancelled`);
  if (stdout.output.isFull || stderr.output.isFull) {
    throw new NegotiatorError("TOO_LARGE", `"${argv.join(" ")}" wrote more than ${outputBytes} bytes`);
  }
  return {
    exitCode: ended.exitCode,
    stdout: decode(stdout.output.bytes()),
    stderr: decode(stderr.output.bytes()),
  };
}

/**
 * Yields the program's stdout line by line. Ends the program when `signal` aborts or the loop over it ends.
 */
export async function* spawnLines(
  argv: readonly string[],
  { environment, signal }: Pick<RunTextOptions, "environment" | "signal">,
): AsyncGenerator<string, void, undefined> {
  const left = new AbortController();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const words = await resolveWords(argv);
  const ended = run({
    argv: words,
    env: { ...toolEnvironment(), ...environment },
    cwd: "/",
    stdin: null,
    stdout: { write: (bytes) => writer.write(new Uint8Array(bytes)) },
    stderr: null,
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

/** Limits the memory for an unfinished line: the part after these characters is lost. */
const LINE_LENGTH = 64 * 1024;

async function resolveWords([program = "", ...words]: readonly string[]): Promise<[string, ...string[]]> {
  const path = await findProgram(program);
  if (path === undefined)
    throw new NegotiatorError("NO_COMMAND", `There is no program "${program}" on the PATH`);
  return [path, ...words];
}

/** A program that prints more than the bound is ended at once. */
function createBuffer(mostBytes: number) {
  const output = createBoundedOutput(mostBytes);
  return {
    output,
    async write(bytes: Uint8Array): Promise<void> {
      await output.write(bytes);
      if (output.isFull) throw new NegotiatorError("TOO_LARGE", "Too much output");
    },
  };
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
