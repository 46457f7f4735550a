/** Starts the QEMU guest agent again, after our daemon has given back its port. */
import { findPort } from "../../discovery/ports/virtio.ts";
import { NegotiatorError } from "../../errors.ts";
import { AGENT_PORT } from "../../peers/qga/port.ts";
import { shellLine } from "../../shell-word.ts";
import type { CommandStep } from "./entry.ts";

/** Runs the commands of a return, and shows them. `run` rejects if a command fails. */
export type ReturnRunner = {
  run: (step: CommandStep) => Promise<void>;
  note: (text: string) => Promise<void>;
};

/**
 * Runs the commands that start the other agent's services. Resolves with the first failure that leaves this
 * guest without that agent. Without its port the agent could not work, so a start that fails is only noted
 * then.
 */
export async function returnToAgents(
  steps: readonly CommandStep[],
  { run, note }: ReturnRunner,
): Promise<NegotiatorError | undefined> {
  for (const step of steps) {
    try {
      await run(step);
    } catch (thrown) {
      const failure = NegotiatorError.from(thrown);
      if (step.mayFail !== true || (await findPort(AGENT_PORT)) !== undefined) return failure;
      await note(failure.message);
    }
  }
  return undefined;
}

/** The error of `install --no-qga` when the other agent does not run. `own` is that of our own service. */
export function notReturned(failure: NegotiatorError, own: NegotiatorError | undefined): NegotiatorError {
  const before = own === undefined ? "" : `${own.message}\n`;
  const problem = `${before}The QEMU guest agent does not run again: ${firstLine(failure)}`;
  return new NegotiatorError("UNSUPPORTED", problem, {
    remedy: `Run it to see why, and then: negotiator guest install --no-qga
Or let this daemon answer in its place: negotiator guest install --qga`,
  });
}

/** The error of an uninstallation that has not started the other agent by these commands. */
export function notReturnedAfterRemoval(
  failure: NegotiatorError,
  steps: readonly CommandStep[],
): NegotiatorError {
  const problem = `Uninstalled, but the QEMU guest agent does not run again: ${firstLine(failure)}`;
  return new NegotiatorError("UNSUPPORTED", problem, {
    remedy: `Start it: ${steps.map(({ argv }) => shellLine(argv)).join(" && ")}`,
  });
}

function firstLine({ message }: NegotiatorError): string {
  return message.replace(/\n[^]*/, "");
}
