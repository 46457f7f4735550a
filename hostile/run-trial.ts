/** Runs one trial, and prints whether it has succeeded. */
import { chmod } from "node:fs/promises";
import { dirname } from "node:path";
import { createTemporaryDirectory } from "../test/support/temporary-directory.ts";
import type { TrialEnd } from "./trial.ts";
import { TRIALS } from "./trials.ts";

/** A finished trial. */
export type TrialFigures = TrialEnd & { name: string; what: string; success: string; seconds: number };

/** The names of all trials. */
export const TRIAL_NAMES: readonly string[] = Object.keys(TRIALS);

/** Runs the trial against the binary. */
export async function runTrial(name: string, binary: string): Promise<TrialFigures> {
  const trial = TRIALS[name];
  if (trial === undefined) throw new Error(`no trial is called "${name}"`);
  await using held = new AsyncDisposableStack();
  const { path: directory } = held.use(await createTemporaryDirectory());
  // Other users take part, and directories of tests are for their owner only.
  await chmod(directory, 0o755);
  const outer = process.env["TMPDIR"];
  if (outer !== undefined && dirname(directory) === outer && outer !== "/tmp") await chmod(outer, 0o711);
  const startMs = performance.now();
  const end = await trial.run({ binary, directory, held });
  const seconds = (performance.now() - startMs) / 1000;
  const { what, success } = trial;
  return { name, what, success, seconds, ...end };
}

/** Returns one line of the table. */
export function formatTrial({ name, what, success, hasSucceeded, figures, seconds }: TrialFigures): string {
  const verdict = hasSucceeded ? "SUCCEEDED" : "failed";
  const start = `${name.padEnd(24)} ${verdict.padEnd(10)} ${seconds.toFixed(0).padStart(4)} s  `;
  return `${start}${figures}; ${what}. Succeeds if ${success}`;
}
