/** Reads the command lines of trusted processes, each once. */
import { join } from "node:path";
import { readLate } from "../../process/read-late.ts";
import { isSameProcess } from "../../trust/host-process.ts";
import type { ProcessId } from "../../trust/host-process.ts";

/** Command lines of processes that run. */
export type CommandLines = {
  /**
   * Resolves with the bytes of a process's command line, or undefined if the process has ended. Rejects with
   * `TIMEOUT` if they cannot be read, and does not try again for some minutes.
   */
  read(owner: ProcessId, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** Forgets all processes but these. */
  keep(owners: readonly ProcessId[]): void;
};

/** A child that reads what never answers may be stuck as long as that process, so there must not be many. */
const RETRY_MS = 300_000;

/** Creates an empty memory. */
export function createCommandLines(procDirectory: string): CommandLines {
  const known = new Map<string, { line: Promise<Uint8Array | undefined>; retryMs: number }>();
  return {
    async read(owner, signal) {
      const key = keyOf(owner);
      const earlier = known.get(key);
      if (earlier !== undefined && performance.now() < earlier.retryMs) return earlier.line;
      const line = readLate(join(procDirectory, String(owner.pid), "cmdline"), signal);
      const entry = { line, retryMs: performance.now() + RETRY_MS };
      known.set(key, entry);
      try {
        const bytes = await line;
        // The number may have gone to another process while we looked.
        if (bytes === undefined || !isSameProcess(owner, procDirectory)) known.delete(key);
        else entry.retryMs = Infinity;
        return known.has(key) ? bytes : undefined;
      } catch (thrown) {
        if (signal.aborted) known.delete(key);
        throw thrown;
      }
    },
    keep(owners) {
      const kept = new Set(owners.map(keyOf));
      for (const key of known.keys()) if (!kept.has(key)) known.delete(key);
    },
  };
}

function keyOf({ pid, startTicks }: ProcessId): string {
  return `${pid} ${startTicks}`;
}
