/** `install`: puts the program, its service and its directories in place, and starts the daemon. */
import { errnoOf, NegotiatorError } from "../../errors.ts";
import type { Role } from "../../peers/dialect.ts";
import { shellLine } from "../../shell-word.ts";
import { VERSION } from "../../version.ts";
import type { ManualFile } from "../cli/manual/manual-file.ts";
import type { Outcome } from "../cli/subcommand.ts";
import { notReturned, returnToAgents } from "./agent-return.ts";
import { formatCommand, formatEntry } from "./entry.ts";
import type { CommandStep, Entry } from "./entry.ts";
import { judgeEntry } from "./judge-entry.ts";
import type { EntryState, JudgedEntry } from "./judge-entry.ts";
import { formatManifest, manifestPath, nextManifest, readManifest } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";
import { findObstacles } from "./obstacles.ts";
import { findOldAgents, stopOldAgents } from "./old-agent.ts";
import { makePlan } from "./plan.ts";
import type { Plan } from "./plan.ts";
import { checkSwitchable, findAgentServices, startAgentSteps, stopAgentSteps } from "./qga-switch.ts";
import type { QgaSwitch } from "./qga-switch.ts";
import { createReport } from "./report.ts";
import type { Report } from "./report.ts";
import { runCommand } from "./run-command.ts";
import { waitForDaemon } from "./running-daemon.ts";
import { refuseOtherDaemon, serviceSteps } from "./service-steps.ts";
import type { ManagerName, ServiceManager } from "./service-managers.ts";
import { stageFiles } from "./staged-files.ts";

/** The options of `install`. `root` is `/`, or the directory of a mounted image. */
export type InstallOptions = {
  role: Role;
  root: string;
  /** The file of the image that is mounted at `root`. */
  image?: string | undefined;
  manager: ManagerName | undefined;
  /** The manual pages and completions. */
  manual: readonly ManualFile[];
  isDryRun: boolean;
  isJson: boolean;
  /** Files of others are replaced. */
  isForced: boolean;
  /** A daemon of python-negotiator is stopped without a question. */
  stopsOld: boolean;
  /** A service that does not run is started. */
  starts: boolean;
  /** Whether the daemon is to answer as the QEMU guest agent; undefined to leave that as it is. */
  qga: QgaSwitch | undefined;
  /** A person can be asked. */
  mayAsk: boolean;
  /** The path of the daemon's control socket. */
  control: string;
  /** Why a daemon could not start with the config as it is. */
  configProblem?: NegotiatorError | undefined;
};

/** Installs, and prints each step. Throws what is in the way, before anything is changed. */
export async function install(options: InstallOptions): Promise<Outcome> {
  const { role, root, isDryRun, isJson, isForced, configProblem } = options;
  if (configProblem !== undefined && options.qga !== undefined) throw configProblem;
  const plan = await makePlan(options);
  const before = readManifest(root, role);
  const recorded = [before, readManifest(root, role === "host" ? "guest" : "host")].filter(
    (each) => each !== undefined,
  );
  const judged = plan.entries.map((entry) => judgeEntry(entry, { root, recorded }));
  const obstacle = findObstacles(judged, isForced);
  if (obstacle !== undefined) throw obstacle;
  if (plan.isRunning && plan.manager !== undefined && options.starts)
    await refuseOtherDaemon(role, plan.manager);
  const agents = await findAgentChanges(plan, options.qga, before);
  const stops = root === "/" ? stopOldAgents(findOldAgents(role), options) : [];

  const report = createReport(
    isJson ? "json" : isDryRun ? "shell" : "text",
    options.image === undefined ? undefined : { directory: root, name: options.image },
  );
  const written = judged.filter(({ entry, state }) => isWritten(entry, state, isForced));
  for (const { entry, state } of judged.filter((each) => !written.includes(each)))
    await report.step({
      did: "kept",
      what: entry.path,
      why: KEPT[state] ?? entry.why,
      command: "",
      oneOf: entry.oneOf,
    });
  const manifest = judgeEntry(nextEntry({ plan, before, judged, written, agents }), { root, recorded });
  const all = manifest.state === "same" ? written : [...written, manifest];
  await apply({ stops, groups: plan.groups, entries: all }, { report, isDryRun });
  for (const note of plan.notes) await report.note(note);
  const daemon = await startDaemon(plan, written, { ...options, report, agents });
  if (agents.starts.length > 0) {
    const stopped: AgentChanges = { ...agents, stopped: [] };
    const last = judgeEntry(nextEntry({ plan, before, judged, written, agents: stopped }), {
      root,
      recorded,
    });
    if (!isDryRun) await replaceList(last, report);
  }
  const facts = { role, version: VERSION, root, dryRun: isDryRun, program: plan.program };
  return report.end(lastLine(plan, daemon), {
    ...facts,
    packaged: plan.packaged ?? null,
    manager: plan.manager?.name ?? "none",
    daemon,
  });
}

/** Why an entry is left as it is. */
const KEPT: Partial<Record<EntryState, string>> = {
  same: "it is there already",
  changed: "it was changed since; --force replaces it",
  foreign: "it belongs to others; --force replaces it",
};

function isWritten({ kind, ...entry }: Entry, state: EntryState, isForced: boolean): boolean {
  if (state === "missing" || state === "outdated") return true;
  return isForced && kind !== "directory" && state !== "same" && !("isFirst" in entry);
}

type ManifestFacts = {
  plan: Plan;
  before: Manifest | undefined;
  judged: readonly JudgedEntry[];
  written: readonly JudgedEntry[];
  agents: AgentChanges;
};

/** The other agent's services: those that are stopped now or start again, and all that stay stopped. */
type AgentChanges = { stops: CommandStep[]; starts: CommandStep[]; stopped: readonly string[] };

/** Reads the machine. Throws what is in the way of a switch. */
async function findAgentChanges(
  { manager, isRunning }: Plan,
  qga: QgaSwitch | undefined,
  before: Manifest | undefined,
): Promise<AgentChanges> {
  const earlier = before?.agentServices ?? [];
  if (qga !== undefined) checkSwitchable(qga);
  if (qga === undefined) return { stops: [], starts: [], stopped: earlier };
  if (qga === "no") {
    const starts = startAgentSteps(manager?.name ?? "none", earlier);
    // They stay in the list until they run, so that a switch back that failed can be repeated.
    return { stops: [], starts, stopped: earlier };
  }
  const agentManager = manager && { name: manager.name, isRunning };
  const found = await findAgentServices(agentManager);
  const stopped = [...new Set([...earlier, ...found])];
  return { stops: stopAgentSteps(agentManager, found), starts: [], stopped };
}

function nextEntry({ plan, before, judged, written, agents }: ManifestFacts): Entry {
  const manager = plan.manager?.name ?? "none";
  const groups = plan.hasGroup ? [] : ["negotiator"];
  const next = nextManifest({
    before,
    judged,
    written: new Set(written),
    manager,
    groups,
    agentServices: agents.stopped,
  });
  const path = manifestPath(plan.role);
  const content = { text: formatManifest(next) };
  return { kind: "file", path, mode: 0o644, content, why: "the list of what --uninstall removes" };
}

type Work = {
  stops: readonly CommandStep[];
  groups: readonly CommandStep[];
  entries: readonly JudgedEntry[];
};

/** The old daemons are stopped, and the group is made, only when all files are on the disk. */
async function apply({ stops, groups, entries }: Work, { report, isDryRun }: Reporting): Promise<void> {
  if (isDryRun) {
    for (const step of [...stops, ...groups]) await reportCommand(step, report);
  } else {
    await using staged = await stageFiles(entries);
    for (const step of [...stops, ...groups]) await runStep(step, { report, isDryRun });
    await staged.commit();
  }
  for (const { entry, place, state } of entries) {
    const command = formatEntry(entry, place).join("\n");
    const isAppended = entry.kind === "file" && entry.appended !== undefined;
    const did = isAppended ? "changed" : state === "missing" ? "made" : "replaced";
    await report.step({ did, what: entry.path, why: entry.why, command, oneOf: entry.oneOf });
  }
}

/** Takes the services that run again out of the list. One that stays there is only started again later. */
async function replaceList(list: JudgedEntry, report: Report): Promise<void> {
  try {
    await using staged = await stageFiles([list]);
    await staged.commit();
  } catch (thrown) {
    const { cause, message } = NegotiatorError.from(thrown);
    const problem = `Cannot take the started services out of the list "${list.place}"`;
    await report.note(`${problem}: ${errnoOf(cause) ?? message}. The agent runs all the same`);
  }
}

type Reporting = { report: Report; isDryRun: boolean };

async function runStep(step: CommandStep, { report, isDryRun }: Reporting): Promise<void> {
  try {
    if (!isDryRun) await runCommand(step.argv);
  } catch (thrown) {
    if (step.mayFail !== true && step.otherwise === undefined) throw thrown;
    await report.note(NegotiatorError.from(thrown).message);
    if (step.otherwise === undefined) return;
    await runStep({ kind: "command", argv: step.otherwise, why: step.why }, { report, isDryRun });
    return;
  }
  await reportCommand(step, report);
}

function reportCommand(step: CommandStep, report: Report): Promise<void> {
  const command = formatCommand(step);
  return report.step({ did: "ran", what: command, why: step.why, command });
}

/** The daemon at the end. */
type DaemonState = "runs" | "not started" | "not known";

async function startDaemon(
  { role, manager, program, isRunning }: Plan,
  written: readonly JudgedEntry[],
  { starts, isDryRun, report, ...options }: InstallOptions & { report: Report; agents: AgentChanges },
): Promise<DaemonState> {
  const { control, agents, configProblem } = options;
  if (manager === undefined || !isRunning) return "not started";
  // A daemon that runs goes on with its old settings, and would not come back.
  const mayStart = configProblem === undefined;
  const steps = await serviceSteps({ role, manager, program, starts, mayStart }, written);
  const own = await failureOf(async () => {
    for (const step of [...agents.stops, ...steps]) await runStep(step, { report, isDryRun });
  });
  const failure = await returnToAgents(agents.starts, {
    run: ({ kind, argv, why }) => runStep({ kind, argv, why }, { report, isDryRun }),
    note: (text) => report.note(text),
  });
  if (failure !== undefined) throw notReturned(failure, own);
  if (own !== undefined) throw own;
  if (configProblem !== undefined) throw startLater(configProblem, role, manager);
  if (isDryRun) return "not known";
  if (!starts) return "not started";
  if (await waitForDaemon(role, control, START_MS)) return "runs";
  const problem = `Everything is in place, but the daemon does not listen at "${control}"`;
  throw new NegotiatorError("NO_CHANNEL", problem, {
    remedy: `Read its log: ${logCommand(manager.name, role)}`,
  });
}

async function failureOf(action: () => Promise<void>): Promise<NegotiatorError | undefined> {
  try {
    await action();
    return undefined;
  } catch (thrown) {
    return NegotiatorError.from(thrown);
  }
}

function startLater({ message }: NegotiatorError, role: Role, manager: ServiceManager): NegotiatorError {
  const [problem = "", ...remedy] = message.split("\n");
  const line = `Everything is in place, but no daemon was started or replaced: ${problem}`;
  return new NegotiatorError("BAD_CONFIG", line, {
    remedy: [...remedy, `Then install again, or restart it: ${shellLine(manager.restart(role))}`].join("\n"),
  });
}

const START_MS = 15_000;

function logCommand(manager: ManagerName, role: Role): string {
  return manager === "systemd" ? `journalctl -u negotiator-${role}` : `tail /var/log/negotiator-${role}.log`;
}

function lastLine({ role, program, root }: Plan, daemon: DaemonState): string {
  if (daemon !== "runs") return root === "/" ? "Installed" : `Installed in ${root}`;
  return role === "host"
    ? `The daemon runs. Give the guests of libvirt their port: ${program} host add-channel --all`
    : `The daemon runs. See its link to the host: ${program} guest status`;
}
