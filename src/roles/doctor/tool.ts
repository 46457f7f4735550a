/** Asks programs of the system for a short text. */
import { NegotiatorError } from "../../errors.ts";
import { runText } from "../../process/run-text.ts";
import type { RunTextResult } from "../../process/run-text.ts";

const TOOL_MS = 8000;
const OUTPUT_BYTES = 4 * 1024 * 1024;

/** Resolves with the output of a program; undefined if it is not installed, or does not end in time. */
export async function askTool(
  argv: readonly string[],
  signal: AbortSignal,
): Promise<RunTextResult | undefined> {
  const limits = { timeoutMs: TOOL_MS, outputBytes: OUTPUT_BYTES, environment: { LC_ALL: "C" }, signal };
  try {
    return await runText(argv, limits);
  } catch (thrown) {
    const { code } = NegotiatorError.from(thrown);
    if (code === "NO_COMMAND" || code === "TIMEOUT" || code === "TOO_LARGE") return undefined;
    throw thrown;
  }
}
