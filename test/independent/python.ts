/** Owns runs of the Python programs beside this file. They are a second implementation of the protocol. */
import { describe } from "bun:test";
import { join } from "node:path";
import { leaveOut } from "../support/leave-out.ts";
import { launch } from "../support/program.ts";
import { hasTool } from "../support/requirements.ts";
import { until } from "../support/until.ts";

/** The system's own Python first: another one may be a slow wrapper that needs more of the environment. */
function findPython(): string | null {
  return Bun.which("python3", { PATH: "/usr/bin:/bin" }) ?? Bun.which("python3");
}

/** How often something happened, by its name. A name that is missing never happened. */
export type Counts = Readonly<Record<string, number>>;

/** The report of a Python program on a session, at its end. */
export type Report = {
  readonly counts: Counts;
  /** The commands that the other side called. */
  readonly ran: readonly string[];
};

/** The outcome of a flow of forged bytes. */
export type FlowReport = {
  readonly isSame: boolean;
  readonly bytes: number;
  readonly stderr: string;
  readonly answer: { result?: Record<string, unknown>; error?: Record<string, unknown> };
};

/** A Python program that runs; disposal kills it. */
export type PythonRun = AsyncDisposable & {
  /** Waits until it has said so many times that it is ready, or that it has a new session. */
  says(word: "isReady" | "isNewSession", times?: number, timeoutMs?: number): Promise<void>;
  /** Ends its input, waits for its end, and returns its last line. Throws if it failed. */
  report<T>(): Promise<T>;
};

/**
 * Describes tests that need Python 3, which is installed on Debian as root. Without it, prints that the tests
 * are left out; with `CI=true` it adds a test that fails.
 */
export async function describeWithPython(name: string, body: () => void): Promise<void> {
  if (await hasTool({ program: "python3", package: "python3" })) {
    describe(name, body);
    return;
  }
  leaveOut(name, `Left out: "${name}": this machine has no python3 (package python3)`, body);
}

/** Starts `program`.py with these words. Its input stays open unless `input` is given. */
export function startPython(
  program: "cutter" | "negotiator" | "vectors",
  words: string[],
  input?: string,
): PythonRun {
  const python = findPython();
  if (python === null) throw new Error("This machine has no python3");
  const launched = launch(words, {
    program: [python, join(import.meta.dirname, `${program}.py`)],
    env: { PYTHONDONTWRITEBYTECODE: "1" },
    ...(input === undefined ? { isOpen: true } : { stdin: input }),
  });
  let said = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    for (let bytes = await launched.read(); bytes !== undefined; bytes = await launched.read()) {
      said += decoder.decode(bytes, { stream: true });
    }
  })();
  const ended = launched.ended.bind(launched);
  return {
    async says(word, times = 1, timeoutMs) {
      let exitCode: number | undefined;
      void launched.exited.then((code) => (exitCode = code));
      const look = async (): Promise<boolean> => {
        if (said.split(word).length > times) return true;
        if (exitCode !== undefined) throw new Error(`${program}.py ended: ${(await ended()).stderr}`);
        return false;
      };
      await until(`${program}.py says ${word}`, look, timeoutMs);
    },
    async report<T>() {
      launched.endInput();
      await reading;
      const { exitCode, stderr } = await ended();
      if (exitCode !== 0 || stderr !== "") throw new Error(`${program}.py ended with ${exitCode}: ${stderr}`);
      const report: T = JSON.parse(said.trimEnd().split("\n").at(-1) ?? "");
      return report;
    },
    [Symbol.asyncDispose]: () => launched[Symbol.asyncDispose](),
  };
}
