/** Starts a new binary once to check that it runs and has the right version. */
import { basename } from "node:path";
import { NegotiatorError } from "../src/errors.ts";

const TIMEOUT_MS = 60_000;

/**
 * Runs `--version`, which must print only `expected`. Throws `INTERNAL` with the exit and the output
 * otherwise.
 */
export async function smokeRun(path: string, expected: string): Promise<void> {
  const child = Bun.spawn([path, "--version"], {
    // BUN_OPTIONS in the builder's environment would turn the binary into plain Bun.
    env: {},
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  const [output, complaints] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const exitCode = await child.exited;
  if (exitCode === 0 && output === `${expected}\n` && complaints === "") return;
  const end = child.signalCode === null ? `exit code ${exitCode}` : `signal ${child.signalCode}`;
  const seen = JSON.stringify(output + complaints);
  throw new NegotiatorError(
    "INTERNAL",
    `"${basename(path)} --version" ended with ${end} and printed ${seen}, not "${expected}"`,
  );
}
