/** Runs built-in commands in a child of this program, because what they read may hang. */
import { onAbort } from "../../abort.ts";
import { NegotiatorError } from "../../errors.ts";
import { helperCommand } from "../../process/ask-program.ts";
import type { ChildAnswer } from "../../process/ask-program.ts";
import { createWarmChild } from "../../process/warm-child.ts";
import type { WarmChild } from "../../process/warm-child.ts";

/**
 * Resolves with the output of a built-in command. All who ask at the same time get the same output. Disposing
 * ends all children, also those that hang.
 */
export type BuiltinRunner = Disposable & { run: (name: string, signal?: AbortSignal) => Promise<string> };

/** Starts the command in a child; tests pass another function. */
type Asker = Disposable & { ask: (name: string) => Promise<ChildAnswer> };

/** `timeoutMs` is the longest time of a command. */
export type BuiltinOptions = { asker?: Asker; timeoutMs?: number };

const TIMEOUT_MS = 10_000;
/** A child takes 25 MB, and many callers ask several times in a row. */
const IDLE_MS = 5000;
const OUTPUT_BYTES = 4 * 1024 * 1024;

/**
 * Returns a runner. At most one child runs for each command. A child that hangs in the kernel may outlive its
 * end by SIGKILL; until it is gone, calls of that command are refused with `BUSY`. The runner rejects with
 * `TIMEOUT` for a child that takes too long, and with `CANCELLED` when `signal` aborts.
 */
export function createBuiltinRunner(options: BuiltinOptions = {}): BuiltinRunner {
  const { timeoutMs = TIMEOUT_MS, asker = createAsker(timeoutMs) } = options;
  const running = new Map<string, Promise<string>>();
  const hanging = new Set<string>();
  const runOnce = async (name: string): Promise<string> => {
    const { outcome, ended } = await asker.ask(name);
    if (outcome !== "late" && outcome.exitCode === 0) return outcome.stdout;
    if (outcome !== "late") throw failure("INTERNAL", name, "it failed");
    hanging.add(name);
    void ended.finally(() => hanging.delete(name));
    throw failure("TIMEOUT", name, `it did not end within ${timeoutMs / 1000} s, a disk may not answer`);
  };
  const run = async (name: string, signal?: AbortSignal): Promise<string> => {
    if (hanging.has(name)) throw failure("BUSY", name, "an earlier run of it hangs, a disk may not answer");
    const shared = running.get(name) ?? runOnce(name).finally(() => running.delete(name));
    running.set(name, shared);
    if (signal === undefined) return shared;
    const { promise: cancelled, reject } = Promise.withResolvers<never>();
    using _ = onAbort(signal, () => reject(failure("CANCELLED", name, "it was cancelled")));
    return await Promise.race([shared, cancelled]);
  };
  return { run, [Symbol.dispose]: () => asker[Symbol.dispose]() };
}

/** Each command has a separate child, so that one that hangs holds up no other. */
function createAsker(timeoutMs: number): Asker {
  const children = new Map<string, WarmChild>();
  const limits = { timeoutMs, outputBytes: OUTPUT_BYTES, idleMs: IDLE_MS };
  return {
    ask(name) {
      const child = children.get(name) ?? createWarmChild(helperCommand("builtins", []), limits);
      children.set(name, child);
      return child.ask(name);
    },
    [Symbol.dispose]() {
      for (const child of children.values()) child[Symbol.dispose]();
    },
  };
}

function failure(
  code: "INTERNAL" | "TIMEOUT" | "BUSY" | "CANCELLED",
  name: string,
  problem: string,
): NegotiatorError {
  return new NegotiatorError(code, `Cannot run "${name}": ${problem}`);
}
