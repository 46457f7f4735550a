/** Starts this program again as a helper, and asks programs for short answers within a time. */
import { OWN_ENVIRONMENT, ownCommandLine } from "../trust/own-program.ts";
import { startCleanly } from "./inherited-state.ts";
import { forgetChild, rememberChild } from "./orphans.ts";
import { signalGroup } from "./process-group.ts";

/**
 * The tasks of a helper: to start a command, to explain a failed start, to run built-in commands, to say what
 * program it is, to carry its standard input to its standard output, to write the audit, or to freeze, thaw
 * or trim file systems.
 */
export type HelperTask =
  | "start"
  | "explain"
  | "builtins"
  | "describe"
  | "carry"
  | "audit"
  | "freeze"
  | "freeze-each"
  | "thaw"
  | "trim";

/** Returns the command line of a helper. */
export function helperCommand(task: HelperTask, words: readonly string[]): [string, ...string[]] {
  return ownCommandLine([HELPER_WORD, task, ...words]);
}

/** `main.ts` looks for it. */
const HELPER_WORD = "--as-helper";

/**
 * How a program ended within its time; `exitCode` is null after a signal, and for output over the limit.
 * `ended` resolves when the process is gone, which may be later, or never, for one that hangs in the kernel.
 */
export type ChildAnswer = {
  outcome: { exitCode: number | null; stdout: string } | "late";
  ended: Promise<unknown>;
};

/** How helpers and asked programs are started, besides their input and output. */
export const CHILD_OPTIONS = {
  env: { ...OWN_ENVIRONMENT, LC_ALL: "C" },
  cwd: "/",
  detached: true,
  onExit: ({ pid }: { pid: number }) => forgetChild(pid),
} as const;

/** `outputBytes`: the most output. `argv0`: the name by which the program is called. */
export type AskLimits = { timeoutMs: number; outputBytes: number; argv0?: string };

/**
 * Runs a program with an almost empty environment for its standard output. After `timeoutMs` it is killed,
 * and the caller does not wait for its end. Throws the error of a failed start. `cmd` must be on a local file
 * system, or be this program.
 */
export async function askProgram(
  cmd: readonly [string, ...string[]],
  { timeoutMs, outputBytes, argv0 }: AskLimits,
): Promise<ChildAnswer> {
  const { promise: late, resolve } = Promise.withResolvers<"late">();
  const child = startCleanly(() =>
    Bun.spawn({
      cmd: [...cmd],
      ...(argv0 !== undefined && { argv0 }),
      ...CHILD_OPTIONS,
      stdio: ["ignore", "pipe", "ignore"],
    }),
  );
  rememberChild(child.pid);
  const timer = setTimeout(() => resolve("late"), timeoutMs);
  const read = async (): Promise<ChildAnswer["outcome"]> => {
    const stdout = await readText(child.stdout, outputBytes);
    if (stdout === undefined) signalGroup(child.pid, "SIGKILL");
    const exitCode = await child.exited;
    return { exitCode: stdout === undefined ? null : exitCode, stdout: stdout ?? "" };
  };
  const outcome = await Promise.race([read(), late]);
  clearTimeout(timer);
  if (outcome === "late") signalGroup(child.pid, "SIGKILL");
  return { outcome, ended: child.exited };
}

/** Returns undefined for more than `most` bytes. */
async function readText(stream: ReadableStream<Uint8Array>, most: number): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of stream) {
    length += part.length;
    if (length > most) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
