/** A helper of this program that answers one question after the other, and ends when there are none. */
import { CHILD_OPTIONS } from "./ask-program.ts";
import type { AskLimits, ChildAnswer } from "./ask-program.ts";
import { startCleanly } from "./inherited-state.ts";
import { rememberChild } from "./orphans.ts";
import { signalGroup } from "./process-group.ts";

/**
 * Asks the helper one question at a time. A start of the program takes longer than most answers. Disposing
 * kills the helper, which may hang; a later question starts another one.
 */
export type WarmChild = Disposable & {
  /**
   * Resolves with the answer to a line, as `askProgram` does. A helper that is late is killed, and the next
   * question starts another one.
   */
  ask(line: string): Promise<ChildAnswer>;
};

/** `idleMs`: the time without questions after which the helper ends. */
export type WarmLimits = AskLimits & { idleMs: number };

/** `cmd` starts the helper, which writes one line of JSON with a text for each line that it reads. */
export function createWarmChild(
  cmd: readonly [string, ...string[]],
  { timeoutMs, outputBytes, idleMs }: WarmLimits,
): WarmChild {
  let current: Helper | undefined;
  let idle: Timer | undefined;

  const leave = (): void => {
    clearTimeout(idle);
    void current?.child.stdin.end();
    current = undefined;
  };

  return {
    async ask(line) {
      clearTimeout(idle);
      const helper = (current ??= startHelper(cmd));
      const { promise: late, resolve } = Promise.withResolvers<"late">();
      const timer = setTimeout(() => resolve("late"), timeoutMs);
      const answer = await Promise.race([askHelper(helper, line, outputBytes), late]);
      clearTimeout(timer);
      const { child } = helper;
      if (typeof answer === "object") {
        idle = setTimeout(leave, idleMs).unref();
        return { outcome: answer, ended: child.exited };
      }
      current = undefined;
      signalGroup(child.pid, "SIGKILL");
      if (answer === "late") return { outcome: "late", ended: child.exited };
      return { outcome: { exitCode: null, stdout: "" }, ended: child.exited };
    },
    [Symbol.dispose]() {
      clearTimeout(idle);
      if (current !== undefined) signalGroup(current.child.pid, "SIGKILL");
      current = undefined;
    },
  };
}

type Helper = ReturnType<typeof startHelper>;

function startHelper(cmd: readonly [string, ...string[]]) {
  const child = startCleanly(() =>
    Bun.spawn({
      cmd: [...cmd],
      ...CHILD_OPTIONS,
      stdio: ["pipe", "pipe", "ignore"],
    }),
  );
  rememberChild(child.pid);
  child.unref();
  return { child, output: child.stdout.getReader() };
}

/** Resolves with `failed` if the helper ends, says too much, or what is not JSON. */
async function askHelper(
  { child, output }: Helper,
  line: string,
  outputBytes: number,
): Promise<{ exitCode: 0; stdout: string } | "failed"> {
  try {
    void child.stdin.write(`${line}\n`);
    await child.stdin.flush();
    const parts: Uint8Array[] = [];
    for (let length = 0; length <= outputBytes;) {
      const { value } = await output.read();
      if (value === undefined) return "failed";
      parts.push(value);
      length += value.length;
      if (value.at(-1) !== LF) continue;
      const text: unknown = JSON.parse(Buffer.concat(parts).toString());
      return typeof text === "string" ? { exitCode: 0, stdout: text } : "failed";
    }
    return "failed";
  } catch {
    return "failed";
  }
}

const LF = 0x0a;
