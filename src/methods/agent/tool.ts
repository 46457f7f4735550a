/** Runs the programs of the system that the guest agent needs, such as `hwclock`. */
import { runText } from "../../process/run-text.ts";
import type { RunTextResult } from "../../process/run-text.ts";

const OUTPUT_BYTES = 64 * 1024;
const TIMEOUT_MS = 60_000;

/** Resolves with how the program ended, and its output. Rejects as `runText` does. */
export function runTool(argv: readonly string[], timeoutMs = TIMEOUT_MS): Promise<RunTextResult> {
  return runText(argv, {
    timeoutMs,
    outputBytes: OUTPUT_BYTES,
    environment: { LC_ALL: "C" },
    signal: new AbortController().signal,
  });
}
