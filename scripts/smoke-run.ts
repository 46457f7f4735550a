/** Starts a fresh binary once to see that it lives and is what we think it is. */
import { basename } from "node:path";
import { NegotiatorError } from "../src/errors.ts";

const TIMEOUT_MS = 60_000;

/** Runs `--version`, which must print `expected` and nothing else; throws `INTERNAL` that shows what came instead. */
export async function smokeRun(path: string, expected: string): Promise<void> {
  const child = Bun.spawn([path, "--version"], {
    // Nothing of the builder's environment: BUN_OPTIONS would make a plain Bun of it.
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
