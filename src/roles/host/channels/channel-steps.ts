/** Makes the changes of a plan, and writes them as lines that a person can type. */
import { attachAgainRemedy, virshAt } from "../../../discovery/attach-line.ts";
import { readLiveDevices } from "../../../discovery/libvirt/domain-facts.ts";
import type { DomainFacts } from "../../../discovery/libvirt/domain-facts.ts";
import { changeByVirsh, isGeneralFailure } from "../../../discovery/libvirt/virsh.ts";
import type { VirshOptions } from "../../../discovery/libvirt/virsh.ts";
import { NegotiatorError } from "../../../errors.ts";
import { shellWord } from "../../../shell-word.ts";
import { findDevice } from "./channel-plan.ts";
import type { Plan, Reason, RemedyLines, Step } from "./channel-plan.ts";

type DomainName = Pick<DomainFacts, "name" | "uuid">;

/** Returns the line of shell that makes a step. */
export function formatStep(step: Step, domain: DomainName, connect: string | undefined): string {
  const words = [virshAt(connect), `${step.action}-device`, wordOf(domain), "/dev/stdin", ...flagsOf(step)];
  return `echo '${step.xml}' | ${words.join(" ")}`;
}

/** Returns the lines that remedies of a plan name. */
export function remedyLines(domain: DomainName, connect: string | undefined): RemedyLines {
  const virsh = virshAt(connect);
  const word = wordOf(domain);
  return {
    restart:
      `Shut it down (a reboot inside is not enough): ${virsh} shutdown ${word}\n` +
      `When it is off, start it: ${virsh} start ${word}`,
    startAgain: `${virsh} managedsave-remove ${word}; ${virsh} start ${word}`,
    edit: `${virsh} edit ${word}`,
  };
}

/**
 * Makes the steps. Resolves with the reason why a change counts only after the next start, if there is one.
 * Rejects with `INTERNAL` and libvirt's reason, and as `changeByVirsh` does.
 */
export async function makeSteps(
  { steps, later }: Plan,
  domain: DomainName,
  options: VirshOptions,
  signal: AbortSignal,
): Promise<Reason | undefined> {
  let reason = later;
  for (const planned of steps) {
    const step = await lookAgain(planned, domain, options, signal);
    const refusal = step.places.length === 0 ? undefined : await makeStep(step, domain, options, signal);
    if (refusal === undefined) continue;
    if (/already exists/.test(refusal.message)) throw attachedTwice(domain, options.connect);
    if (step.places.length < 2) throw refusal;
    // The guest gets the port at its next start at least.
    const rest = await makeStep({ ...step, places: ["config"] }, domain, options, signal);
    if (rest !== undefined) throw rest;
    const { restart } = remedyLines(domain, options.connect);
    reason = {
      why: `libvirt cannot add the port while the guest runs: ${refusal.message}`,
      remedy: restart,
    };
  }
  return reason;
}

/** The lock of this machine does not keep other programs from adding the port since the plan was made. */
async function lookAgain(
  step: Step,
  { uuid }: DomainName,
  options: VirshOptions,
  signal: AbortSignal,
): Promise<Step> {
  if (step.action !== "attach" || !step.places.includes("live")) return step;
  const live = await readLiveDevices(uuid, options, signal);
  if (live === undefined || findDevice(live, step.port) === undefined) return step;
  return { ...step, places: step.places.filter((place) => place !== "live") };
}

/** libvirt makes a new socket for a port before it sees that the guest has the port. */
function attachedTwice(domain: DomainName, connect: string | undefined): NegotiatorError {
  const problem =
    "another program added the port at this moment, so libvirt replaced its socket by a dead one";
  return new NegotiatorError("INTERNAL", problem, { remedy: attachAgainRemedy(wordOf(domain), connect) });
}

/** Resolves with the refusal of libvirt, or undefined. */
async function makeStep(
  step: Step,
  { uuid }: DomainName,
  options: VirshOptions,
  signal: AbortSignal,
): Promise<NegotiatorError | undefined> {
  const words = [`${step.action}-device`, ...flagsOf(step), "--", uuid, "/dev/stdin"];
  try {
    await changeByVirsh({ words, input: step.xml }, options, signal);
    return undefined;
  } catch (thrown) {
    const error = NegotiatorError.from(thrown);
    if (isGeneralFailure(error) || error.code !== "INTERNAL") throw error;
    return error;
  }
}

function flagsOf({ places }: Step): string[] {
  return places.map((place) => `--${place}`);
}

/** virsh takes a number for a domain's id, and a word with a dash for an option. */
function wordOf({ name, uuid }: DomainName): string {
  return /^\d+$|^-/.test(name) ? uuid : shellWord(name);
}
