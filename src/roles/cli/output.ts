/** Writes results to stdout, which gets nothing else. */
import { standardOutput } from "../../standard-output.ts";
import type { Outcome } from "./subcommand.ts";

/**
 * Writes a result to stdout with a line end. Resolves to the outcome of success; `main.ts` reports output
 * that was lost.
 */
export async function print(text: string): Promise<Outcome> {
  await standardOutput.write("stdout", text.endsWith("\n") ? text : `${text}\n`);
  return { exitCode: 0 };
}
