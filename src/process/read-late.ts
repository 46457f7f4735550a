/** Reads files of the kernel that may never answer, in a child process with a deadline. */
import { toolEnvironment } from "../config/config.ts";
import { NegotiatorError } from "../errors.ts";
import { createBoundedOutput } from "./bounded-output.ts";
import { run } from "./run.ts";
import { findLocalProgram } from "./program-path.ts";

/** Longest time of one read. */
const TIMEOUT_MS = 2000;
/** The arguments of a process have at most 6 MiB (execve(2)); those of a QEMU have some kilobytes. */
const MOST_BYTES = 1 << 20;

/**
 * Resolves with the content of the file at `path`, or undefined if it cannot be read. Rejects with `TIMEOUT`
 * after two seconds, and with `TOO_LARGE`. A read that hangs costs neither the thread of this process nor one
 * of its pool, of which there are about as many as processors.
 */
export async function readLate(path: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
  const cat = findLocalProgram("cat");
  if (cat === undefined) throw new NegotiatorError("NO_COMMAND", 'There is no program "cat" on the PATH');
  const output = createBoundedOutput(MOST_BYTES);
  const { exitCode, endedBy } = await run({
    argv: [cat, "--", path],
    env: toolEnvironment(),
    cwd: "/",
    stdin: null,
    stdout: output,
    stderr: null,
    signal,
    timeoutMs: TIMEOUT_MS,
  });
  signal.throwIfAborted();
  if (endedBy === "deadline")
    throw new NegotiatorError("TIMEOUT", `"${path}" does not answer within ${TIMEOUT_MS} ms`);
  if (output.isFull) throw new NegotiatorError("TOO_LARGE", `"${path}" has more than ${MOST_BYTES} bytes`);
  return exitCode === 0 ? output.bytes() : undefined;
}
