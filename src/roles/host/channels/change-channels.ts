/** Runs `add-channel` and `remove-channel`. */
import type { DomainFacts, DomainLists } from "../../../discovery/libvirt/domain-facts.ts";
import { listAllDomains, readDomainFacts, readLiveDevices } from "../../../discovery/libvirt/domain-facts.ts";
import { mapBounded, PARALLEL_CALLS } from "../../../discovery/libvirt/parallel-calls.ts";
import { isGeneralFailure } from "../../../discovery/libvirt/virsh.ts";
import type { VirshOptions } from "../../../discovery/libvirt/virsh.ts";
import { virshAt } from "../../../discovery/attach-line.ts";
import { NegotiatorError } from "../../../errors.ts";
import { NATIVE_PORTS } from "../../../peers/native.ts";
import { pause } from "../../../peers/supervise.ts";
import { parseGlob } from "../../../policy/glob.ts";
import { printable } from "../../../printable.ts";
import { lockMachine } from "../../../process/machine-lock.ts";
import { runText } from "../../../process/run-text.ts";
import { standardOutput } from "../../../standard-output.ts";
import { readSeconds } from "../../cli/call-limits.ts";
import { print } from "../../cli/output.ts";
import { terminalSize } from "../../cli/streams.ts";
import type { Invocation, Outcome } from "../../cli/subcommand.ts";
import type { Words } from "../../cli/tokenizer.ts";
import { usageError } from "../../cli/usage.ts";
import { waitForAgents } from "./agent-wait.ts";
import { findDevice, planAdding, planRemoving } from "./channel-plan.ts";
import type { Plan, Reason } from "./channel-plan.ts";
import { formatJson, formatRows } from "./channel-report.ts";
import type { ChannelRow } from "./channel-report.ts";
import { formatStep, makeSteps, remedyLines } from "./channel-steps.ts";
import { findSelected, noneSelected, readSelection } from "./domain-selection.ts";
import type { Selection } from "./domain-selection.ts";
import { printQemuOptions, printXml } from "./print-channel.ts";
import { createProgress } from "./progress.ts";

type Action = "add" | "remove";

/** The columns of output that is not a terminal. */
const WIDE = 120;
/** An agent that waits for its port looks for it again after 1.1 s at the latest. */
const DEFAULT_WAIT_SECONDS = 5;

/**
 * Changes the domains that the words name, and prints how each went. Throws `BAD_USAGE` for words that name
 * none, `BAD_CONFIG` if this host does not use libvirt, and as `askVirsh` does.
 */
export async function changeChannels(action: Action, invocation: Invocation): Promise<Outcome> {
  const { words, config, configProblem } = invocation;
  const help = `negotiator host ${action}-channel --help`;
  const ports = readPorts(words, help);
  const waitMs = 1000 * readWait(words);
  const printed = action === "add" ? printByHand(words, ports, help) : undefined;
  if (printed !== undefined) return print(printed);
  if (configProblem !== undefined) throw configProblem;
  const selection = readSelection(words, help);
  const { host } = config.settings;
  if (host.libvirt === "no" && !words.options.has("connect")) throw withoutLibvirt(action);
  const virsh = { connect: host.connect === "" ? undefined : host.connect, runText };
  const life = new AbortController();
  const job: Job = { action, ports, isDry: words.options.has("dry-run"), virsh, signal: life.signal };

  const rows = await changeSelected(selection, job);
  if (rows.length === 0) throw noneSelected(selection, virsh.connect);
  if (action === "add" && !job.isDry) await describeAgents(rows, { job, waitMs, control: host.control });
  rows.sort((one, other) => (one.guest < other.guest ? -1 : 1));
  const columns = (await terminalSize("stdout"))?.columns ?? WIDE;
  const shown = words.options.has("json") ? formatJson(rows) : describeRows(rows, job.isDry, columns);
  const outcome = await print(shown);
  return rows.some(({ result }) => result === "failed") ? { exitCode: 1 } : outcome;
}

/** Two processes that add the same port at once would kill the channel, so each waits for the other. */
async function changeSelected(selection: Selection, job: Job): Promise<ChannelRow[]> {
  const { action, isDry, virsh, signal } = job;
  using _ = isDry ? undefined : await lockMachine({ name: "channels", work: `${action}-channel` });
  const lists = await listAllDomains(virsh, signal);
  const { uuids, missing } = await findSelected(selection, lists.all, virsh, signal);
  return [
    ...(await changeAll(uuids, lists, selection, job)),
    ...missing.map((guest) => failedRow(guest, null, notThere(virsh.connect))),
  ];
}

type Job = {
  action: Action;
  ports: readonly string[];
  isDry: boolean;
  virsh: VirshOptions;
  signal: AbortSignal;
};

function readPorts({ options }: Words, help: string): string[] {
  const known: readonly string[] = Object.values(NATIVE_PORTS);
  const ports = [...new Set(options.get("port") ?? [NATIVE_PORTS.hostToGuest])];
  for (const port of ports) if (!known.includes(port)) throw usageError("port", port, known, help);
  return ports;
}

function readWait({ options }: Words): number {
  const text = options.get("wait")?.at(-1);
  return text === undefined ? DEFAULT_WAIT_SECONDS : readSeconds("--wait", text);
}

function printByHand(
  { options, positionals }: Words,
  ports: readonly string[],
  help: string,
): string | undefined {
  if (options.has("print-xml")) return printXml(ports);
  if (!options.has("print-qemu-args")) return undefined;
  const [guest, second] = positionals;
  if (guest !== undefined && second === undefined) return printQemuOptions(guest, ports);
  throw new NegotiatorError("BAD_USAGE", "--print-qemu-args needs one GUEST", {
    remedy: `Write: negotiator host add-channel --print-qemu-args GUEST\nRead the help: ${help}`,
  });
}

function withoutLibvirt(action: Action): NegotiatorError {
  const how =
    action === "add" ? "Print options for QEMU: negotiator host add-channel --print-qemu-args GUEST\n" : "";
  return new NegotiatorError("BAD_CONFIG", `Cannot ${action} channels: this host has host.libvirt = "no"`, {
    remedy: `${how}Or name the libvirt: --connect qemu:///system`,
  });
}

async function changeAll(
  uuids: readonly string[],
  lists: DomainLists,
  { patterns }: Selection,
  job: Job,
): Promise<ChannelRow[]> {
  const globs = patterns.map(parseGlob);
  const isWanted = (name: string): boolean => globs.length === 0 || globs.some((glob) => glob.matches(name));
  const progress = await createProgress(uuids.length);
  let over: NegotiatorError | undefined;
  try {
    const rows = await mapBounded(uuids, PARALLEL_CALLS, async (uuid): Promise<ChannelRow[]> => {
      // If libvirt itself has gone, every other domain would wait for it in vain.
      if (over !== undefined)
        return [failedRow(uuid, uuid, { why: "not looked at, because libvirt is gone" })];
      try {
        const facts = await readDomainFacts(uuid, lists, job.virsh, job.signal);
        if (facts === undefined || !isWanted(facts.name)) return [];
        return [await changeOne(facts, job)];
      } catch (thrown) {
        const error = NegotiatorError.from(thrown);
        if (isGeneralFailure(error)) over = error;
        return [failedRow(uuid, uuid, reasonOf(error))];
      } finally {
        progress.step();
      }
    });
    return rows.flat();
  } finally {
    progress.end();
  }
}

async function changeOne(facts: DomainFacts, job: Job): Promise<ChannelRow> {
  const { action, ports, isDry, virsh, signal } = job;
  const { name: guest, uuid, state } = facts;
  const lines = remedyLines(facts, virsh.connect);
  const plan = action === "add" ? planAdding(facts, ports, lines) : planRemoving(facts, ports, lines);
  const commands = plan.steps.map((step) => formatStep(step, facts, virsh.connect));
  const row = { guest, uuid, state, agent: null, commands };
  if (plan.refusal !== undefined) return { ...row, result: "failed", reason: plan.refusal };
  try {
    const later = isDry ? plan.later : await makeSteps(plan, facts, virsh, signal);
    const wrong = isDry || later !== undefined ? undefined : await findUndone(plan, facts, job);
    if (wrong !== undefined) return { ...row, result: "failed", reason: wrong };
    return { ...row, result: later === undefined ? resultOf(action, plan) : "restart", reason: later };
  } catch (thrown) {
    const error = NegotiatorError.from(thrown);
    if (isGeneralFailure(error)) throw error;
    return { ...row, result: "failed", reason: reasonOf(error) };
  }
}

function resultOf(action: Action, { steps }: Plan): ChannelRow["result"] {
  if (action === "add") return steps.length === 0 ? "present" : "added";
  return steps.length === 0 ? "absent" : "removed";
}

/** libvirt answers before a port is gone. */
const REMOVAL_MS = 5000;
const LOOK_AGAIN_MS = 100;

/** Looks whether the domain is as it was ordered. Resolves with the reason if it is not. */
async function findUndone(
  { steps }: Plan,
  { uuid }: DomainFacts,
  { action, virsh, signal }: Job,
): Promise<Reason | undefined> {
  const ports = steps.filter(({ places }) => places.includes("live")).map(({ port }) => port);
  if (ports.length === 0) return undefined;
  for (const untilMs = performance.now() + REMOVAL_MS; ;) {
    const live = await readLiveDevices(uuid, virsh, signal);
    if (live === undefined) return undefined;
    const wrong = ports.find((port) => (findDevice(live, port) === undefined) === (action === "add"));
    if (wrong === undefined) return undefined;
    if (performance.now() > untilMs)
      return {
        why: `the port ${wrong} is ${action === "add" ? "missing" : "still there"}, though libvirt agreed`,
        remedy: "Read the log of libvirt: journalctl -u libvirtd -u virtqemud",
      };
    await pause(LOOK_AGAIN_MS, signal);
  }
}

function notThere(connect: string | undefined): Reason {
  const remedy = `List the domains: ${virshAt(connect)} list --all`;
  return { why: "not a domain of this libvirt", remedy };
}

function failedRow(guest: string, uuid: string | null, reason: Reason): ChannelRow {
  return { guest, uuid, state: null, result: "failed", agent: null, reason, commands: [] };
}

function reasonOf({ message }: NegotiatorError): Reason {
  const [why = "", ...remedy] = message.split("\n");
  return { why: `the change failed: ${why}`, ...(remedy.length === 0 ? {} : { remedy: remedy.join("\n") }) };
}

/** Returns the line that a person sees while the agents of so many guests are awaited. */
export function waitingLine(guests: number, waitMs: number): string {
  const whose = guests === 1 ? "the agent of 1 guest" : `the agents of ${guests} guests`;
  return `Waiting up to ${waitMs / 1000} s for ${whose}; Ctrl-C stops only the wait\n`;
}

type AgentQuestion = { job: Job; waitMs: number; control: string };

/** Adds to each row of a running guest whether its agent answers. */
async function describeAgents(rows: ChannelRow[], { job, waitMs, control }: AgentQuestion): Promise<void> {
  const [port = ""] = job.ports;
  const running = rows.filter(
    ({ state, result }) => state === "running" && (result === "added" || result === "present"),
  );
  if (running.length === 0 || waitMs === 0) return;
  const guests = running.map(({ guest: name, uuid, result }) => ({
    name,
    uuid: uuid ?? "",
    port,
    isNew: result === "added",
  }));
  const awaited = guests.filter(({ isNew }) => isNew).length;
  if (awaited > 0 && (await terminalSize("stderr")) !== undefined)
    await standardOutput.write("stderr", waitingLine(awaited, waitMs));
  const options = { waitMs, control, virsh: job.virsh, signal: job.signal };
  const { agents, hasDaemon } = await waitForAgents(guests, options);
  for (const row of running) {
    row.agent = agents.get(row.uuid ?? "") ?? null;
    if (row.agent?.state === "none")
      row.reason ??= {
        why: "no agent has the channel open",
        remedy: "Install and start it there: negotiator guest install",
      };
    if (row.agent?.state === "connected" && !hasDaemon)
      row.reason ??= {
        why: "the agent waits for the daemon of this host",
        remedy: "Start it: systemctl start negotiator-host, or: negotiator host daemon",
      };
  }
}

function describeRows(rows: readonly ChannelRow[], isDry: boolean, columns: number): string {
  const table = formatRows(rows, columns);
  const commands = rows.flatMap((row) => row.commands);
  if (!isDry) return table;
  const steps = commands.length === 0 ? ["Nothing is to be done."] : commands.map(printable);
  return [...steps, "", "After these steps:", table].join("\n");
}
