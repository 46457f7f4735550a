/** Runs the programs of an installation. */
import { NegotiatorError } from "../../errors.ts";
import { runText } from "../../process/run-text.ts";
import { formatCommand } from "./entry.ts";

/** A service may take its time to start, and to end its running calls. */
const COMMAND_MS = 120_000;
const OUTPUT_BYTES = 256 * 1024;

/** Returns the exit code of a program; null after a signal, and 127 if there is no such program. */
export async function tryCommand(argv: readonly string[]): Promise<number | null> {
  try {
    return (await runProgram(argv)).exitCode;
  } catch (thrown) {
    if (NegotiatorError.from(thrown).code === "NO_COMMAND") return NO_PROGRAM;
    throw thrown;
  }
}

const NO_PROGRAM = 127;

/** `environment` is added to the usual one. */
export type CommandOptions = { timeoutMs?: number; environment?: Readonly<Record<string, string>> };

/** Runs a program to its end. Throws `UNSUPPORTED` with its last words if it fails or takes too long. */
export async function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<void> {
  const line = formatCommand({ argv });
  const reason = await failureOf(argv, options);
  if (reason === undefined) return;
  throw new NegotiatorError("UNSUPPORTED", `"${line}" failed: ${reason}`, {
    remedy: `Run it to see why, and then install again: ${line}`,
  });
}

/** Returns the first words of a program that failed, undefined for one that did not. */
async function failureOf(argv: readonly string[], options: CommandOptions): Promise<string | undefined> {
  try {
    const { exitCode, stdout, stderr } = await runProgram(argv, options);
    const [words = ""] = `${stderr}\n${stdout}`.trim().split("\n");
    return exitCode === 0 ? undefined : `exit code ${exitCode}${words === "" ? "" : `, ${words}`}`;
  } catch (thrown) {
    const { code } = NegotiatorError.from(thrown);
    if (code === "TIMEOUT") return `it takes longer than ${(options.timeoutMs ?? COMMAND_MS) / 1000} s`;
    if (code !== "NO_COMMAND") throw thrown;
    return "there is no such program";
  }
}

function runProgram(
  argv: readonly string[],
  { timeoutMs = COMMAND_MS, environment = {} }: CommandOptions = {},
): ReturnType<typeof runText> {
  const { signal } = new AbortController();
  return runText(argv, { timeoutMs, outputBytes: OUTPUT_BYTES, environment, signal });
}
