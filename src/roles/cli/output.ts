/** What goes to stdout: results, and nothing else. */
import type { Outcome } from "./subcommand.ts";

/** Writes a result to stdout, its last line ended: a good outcome. */
export function print(text: string): Outcome {
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  return { exitCode: 0 };
}
