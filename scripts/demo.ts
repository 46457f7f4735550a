/** Builds the program, runs calls between a host and a guest, and checks their results. */
import { constants } from "node:os";
import { printable } from "../src/printable.ts";
import type { OutputLine } from "./demo-processes.ts";
import { openStage } from "./demo-stage.ts";
import type { Stage } from "./demo-stage.ts";
import { problemOf, STEPS } from "./demo-steps.ts";
import type { Step } from "./demo-steps.ts";
import { hostBinary } from "../test/support/binary.ts";

const HELP = `Run a host, a guest, and calls between them on this machine.

Usage:
  bun run demo [--vm]

Without --vm the guest is a process of this machine, and the port between them
is emulated. It takes about 10 seconds, needs no root, and leaves only the
binary in dist/.

Options:
  --vm         Boot a real guest with QEMU (Debian on x86-64; as root, to
               install QEMU if it is missing)
  -h, --help   Show this help

Exit code: 0 all steps succeeded, 1 a step failed, 2 wrong usage
`;

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  if (words.includes("--help") || words.includes("-h")) {
    process.stdout.write(HELP);
    return 0;
  }
  const unknown = words.find((word) => word !== "--vm");
  if (unknown !== undefined) {
    process.stderr.write(
      `demo: unknown word "${printable(unknown)}": the only option is --vm (see --help)\n`,
    );
    return 2;
  }
  const stop = new AbortController();
  let exitCode: number | undefined;
  const abort = (signal: NodeJS.Signals): void => {
    exitCode = 128 + constants.signals[signal];
    stop.abort(new Error(`ended by ${signal}`));
  };
  process.on("SIGINT", abort).on("SIGTERM", abort).on("SIGHUP", abort);
  process.stdout.on("error", () => stop.abort(new Error("the reader of the output is gone")));
  try {
    await using held = new AsyncDisposableStack();
    return await perform(words.includes("--vm"), held, stop.signal);
  } catch (thrown) {
    process.stderr.write(`\ndemo: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
    return exitCode ?? 1;
  }
}

/**
 * Builds, starts both sides and runs all steps. Goes on after a failed step: later ones may show its cause.
 */
async function perform(isVm: boolean, held: AsyncDisposableStack, signal: AbortSignal): Promise<number> {
  const binary = await report("Building the binary", () => build(signal));
  const open = isVm ? (await import("./demo-vm.ts")).openVmStage : openStage;
  const what = isVm ? "Booting a guest, starting both daemons" : "Starting a host and a guest";
  const stage = await report(what, () => open({ binary, held, signal }));
  process.stdout.write("Each line below runs unchanged; NEGOTIATOR_CONFIG names the demo's settings.\n");
  let failures = 0;
  for (const step of STEPS) {
    process.stdout.write(`\n# ${step.title}\n$ ${step.line}\n`);
    if (!(await succeeds(step, stage))) failures++;
  }
  process.stdout.write(`\n${STEPS.length - failures} of ${STEPS.length} steps succeeded\n`);
  return failures === 0 ? 0 : 1;
}

async function succeeds(step: Step, stage: Stage): Promise<boolean> {
  for (let triesLeft = step.tries ?? 1; ; triesLeft--) {
    const problem = await runStep(step, stage);
    if (problem === undefined) return true;
    if (triesLeft > 1) {
      process.stdout.write(`Trying again, as this machine may have stalled: ${problem}\n`);
      continue;
    }
    process.stdout.write(`FAILED: ${problem}\n`);
    return false;
  }
}

/** Returns the problem with the result, undefined if there is none. */
async function runStep(step: Step, stage: Stage): Promise<string | undefined> {
  const show = ({ text, atMs }: OutputLine): void => {
    const clock = step.spreadMs === undefined ? "" : `${(atMs / 1000).toFixed(1)} s  `;
    process.stdout.write(`${clock}${printable(text)}\n`);
  };
  const finished = await stage.run(step.side, step.line, show);
  if (finished.exitCode !== 0) process.stdout.write(`(exit code ${finished.exitCode})\n`);
  return problemOf(step, finished);
}

async function report<T>(what: string, work: () => Promise<T>): Promise<T> {
  const startMs = performance.now();
  process.stdout.write(`${what} … `);
  const result = await work();
  process.stdout.write(`${((performance.now() - startMs) / 1000).toFixed(1)} s\n`);
  return result;
}

/** Builds only if a source is newer: a daemon that runs the binary would say that its file was replaced. */
async function build(signal: AbortSignal): Promise<string> {
  const binary = await hostBinary();
  signal.throwIfAborted();
  return binary;
}
