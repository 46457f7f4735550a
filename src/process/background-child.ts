/** Starts helpers that have descriptors of this process, and that do not keep it alive. */
import { CHILD_OPTIONS } from "./ask-program.ts";
import { startCleanly } from "./inherited-state.ts";
import { forgetChild, rememberChild } from "./orphans.ts";

/**
 * Starts a helper with these descriptors, from 0 on, and returns its process id. `onEnd` gets that too, at
 * its end. Throws the system's error.
 */
export function startBackgroundChild(
  cmd: readonly string[],
  stdio: readonly (number | "ignore")[],
  onEnd?: (pid: number) => void,
): number {
  const [stdin = "ignore", stdout = "ignore", stderr = "ignore", ...more] = stdio;
  const child = startCleanly(() =>
    Bun.spawn({
      cmd: [...cmd],
      ...CHILD_OPTIONS,
      stdio: [stdin, stdout, stderr, ...more],
      onExit({ pid }) {
        forgetChild(pid);
        onEnd?.(pid);
      },
    }),
  );
  rememberChild(child.pid);
  child.unref();
  return child.pid;
}
