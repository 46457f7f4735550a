/** Owns stdout, which gets results and nothing else. */
import type { Outcome } from "./subcommand.ts";

/** Writes a result to stdout with a line end, and returns the outcome of success. */
export function print(text: string): Outcome {
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  return { exitCode: 0 };
}
