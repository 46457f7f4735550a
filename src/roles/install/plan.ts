/** Decides what an installation consists of. Reads the machine, and changes nothing. */
import { NegotiatorError } from "../../errors.ts";
import type { Role } from "../../peers/dialect.ts";
import type { ManualFile } from "../cli/manual/manual-file.ts";
import type { CommandStep, Entry } from "./entry.ts";
import { CONFIG_PATH, formatFirstConfig } from "./first-config.ts";
import { groupCommand, groupEntry, hasGroup } from "./group-steps.ts";
import { manualEntries } from "./manual-entries.ts";
import { findPackage, PACKAGED_PROGRAM } from "./package-owner.ts";
import { existsInRoot } from "./place-in-root.ts";
import { findPrograms } from "./present-programs.ts";
import type { QgaSwitch } from "./qga-switch.ts";
import type { HasProgram } from "./present-programs.ts";
import { chooseProgram, inspectMachine, ownProgram } from "./program-choice.ts";
import { findProgramFault } from "./program-fault.ts";
import { processNames } from "./running-daemon.ts";
import { LOCAL_PROGRAM, serviceFile, UDEV_RULE } from "./service-files.ts";
import { isManagerRunning, SERVICE_MANAGERS } from "./service-managers.ts";
import type { ManagerName, ServiceManager } from "./service-managers.ts";
import { startparEntries } from "./startpar.ts";

/** `root` is `/` for this machine. `manager` is the one that was asked for. */
export type PlanOptions = {
  role: Role;
  root: string;
  manager: ManagerName | undefined;
  /** The manual pages and completions. */
  manual: readonly ManualFile[];
  /** The wanted value of `guest.qga`; undefined to leave it as it is. */
  qga: QgaSwitch | undefined;
};

/**
 * The parts of an installation.
 * - `program`: the path of the installed program. `packaged`: the kind of the package that brought it.
 * - `isRunning`: the manager runs, so that it can start the service now.
 * - `groups`: commands that come before the files get their names.
 */
export type Plan = {
  role: Role;
  root: string;
  program: string;
  packaged: string | undefined;
  manager: ServiceManager | undefined;
  isRunning: boolean;
  hasGroup: boolean;
  entries: Entry[];
  groups: CommandStep[];
  notes: string[];
};

/** Returns the plan. Throws `UNSUPPORTED` if no binary fits the machine. */
export async function makePlan(options: PlanOptions): Promise<Plan> {
  const { role, root } = options;
  const packaged = await findPackage(root);
  if (packaged !== undefined) await checkPackaged(root, packaged);
  const program = packaged === undefined ? LOCAL_PROGRAM : PACKAGED_PROGRAM;
  const { manager, isRunning } = findManager(options);
  const hasProgram = await findPrograms();
  const isGroupThere = await hasGroup(root, hasProgram);
  const group = root === "/" ? groupCommand(hasProgram) : undefined;
  const isServicePackaged = hasPackagedService(packaged, manager);
  const notes: string[] = [];
  if (manager === undefined)
    notes.push(`No service manager was found. Start the daemon yourself: ${program} ${role} daemon`);
  else if (!isRunning && root === "/")
    notes.push(`${manager.name} does not run here, so the daemon starts with the next boot`);
  if (packaged !== undefined)
    notes.push(`The ${packaged} package has the program and the service. Upgrade them with the package`);
  const entries = [
    ...(packaged === undefined ? programEntries(options, notes) : []),
    ...(isServicePackaged ? [] : serviceEntries({ role, program, manager })),
    ...(manager !== undefined && usesLinks(manager, { role, isRunning, hasProgram })
      ? enabling(options, manager, isServicePackaged)
      : []),
    ...settingsEntries(options.qga),
    ...(packaged === undefined ? manualEntries(options.manual) : []),
    ...(group === undefined && !isGroupThere ? [groupEntry(root)] : []),
  ];
  return {
    role,
    root,
    program,
    packaged,
    manager,
    isRunning,
    hasGroup: isGroupThere,
    entries,
    notes,
    groups: group !== undefined && !isGroupThere ? [group] : [],
  };
}

/** The program of a package stays, so it must run there. */
async function checkPackaged(root: string, kind: string): Promise<void> {
  const architecture = root === "/" ? process.arch : inspectMachine(root, ownProgram()).architecture;
  const fault = await findProgramFault(PACKAGED_PROGRAM, { root, architecture });
  if (fault === undefined || fault.isScript) return;
  const where = root === "/" ? "here" : "there";
  throw new NegotiatorError(
    "UNSUPPORTED",
    `Cannot install: ${PACKAGED_PROGRAM} of the ${kind} package cannot run ${where}: ${fault.problem}`,
    { remedy: fault.remedy ?? `Install the package for ${architecture} first, or remove the package` },
  );
}

function findManager({ root, manager: name }: PlanOptions): {
  manager: ServiceManager | undefined;
  isRunning: boolean;
} {
  const exists = (path: string): boolean => existsInRoot(root, path);
  const processes = root === "/" ? processNames() : new Set<string>();
  const runs = (manager: ServiceManager): boolean =>
    root === "/" && isManagerRunning(manager, exists, processes);
  if (name !== undefined) {
    const manager = SERVICE_MANAGERS.find((each) => each.name === name);
    return { manager, isRunning: manager !== undefined && runs(manager) };
  }
  const found = SERVICE_MANAGERS.filter((each) => each.name !== "supervisord");
  const running = found.find(runs);
  const manager = running ?? found.find(({ installedSigns }) => installedSigns.some(exists));
  return { manager, isRunning: running !== undefined };
}

function programEntries({ role, root }: PlanOptions, notes: string[]): Entry[] {
  const own = ownProgram();
  const { path, warnings } = chooseProgram(inspectMachine(root, own), own);
  notes.push(...warnings.map((warning) => `Note: ${warning}`));
  const link = `/usr/local/bin/negotiator-${role}`;
  return [
    { kind: "file", path: LOCAL_PROGRAM, mode: 0o755, content: { copyOf: path }, why: "the program" },
    { kind: "link", path: link, to: "negotiator", why: "a name for the role", isOptional: true },
  ];
}

/** Packages for Debian and RPM have the files of systemd, those for Alpine that of OpenRC. */
function hasPackagedService(packaged: string | undefined, manager: ServiceManager | undefined): boolean {
  if (packaged === undefined) return false;
  return manager?.name === (packaged === "apk" ? "openrc" : "systemd");
}

function serviceEntries({ role, program, manager }: Pick<Plan, "role" | "program" | "manager">): Entry[] {
  return (manager?.files(role) ?? []).map(({ path, mode, content }) => {
    const text = content === "udev" ? UDEV_RULE : serviceFile(content, role, program);
    const why = content === "udev" ? "starts the daemon when its port appears" : "the service";
    return { kind: "file", path, mode, content: { text }, why };
  });
}

/** A manager that runs has commands for it, with the exception of runit. */
function usesLinks(
  manager: ServiceManager,
  { role, isRunning, hasProgram }: { role: Role; isRunning: boolean; hasProgram: HasProgram },
): boolean {
  return !isRunning || manager.enable(role, hasProgram).length === 0;
}

function enabling({ role, root }: PlanOptions, manager: ServiceManager, isPackaged: boolean): Entry[] {
  const why = "starts the daemon with the machine";
  const links = manager
    .enabledBy(role, (path) => existsInRoot(root, path))
    .map(({ path, to }): Entry => ({ kind: "link", path, to: isPackaged ? packagedPath(to) : to, why }));
  return manager.name === "sysv" ? [...links, ...startparEntries(role, root)] : links;
}

/** Packages keep their systemd units in another directory. */
function packagedPath(path: string): string {
  return path.replace("/etc/systemd/system/", "/usr/lib/systemd/system/");
}

function settingsEntries(qga: QgaSwitch | undefined): Entry[] {
  const content = { text: formatFirstConfig(qga) };
  const earlier = formatFirstConfig(qga === "yes" ? "no" : "yes");
  const config = { kind: "file", path: CONFIG_PATH, mode: 0o644, content, isFirst: true } as const;
  return [
    { kind: "directory", path: "/etc/negotiator/commands", mode: 0o755, why: "your commands" },
    { ...config, why: "the settings", ...(qga !== undefined && { earlier }) },
    { kind: "directory", path: "/var/lib/negotiator", mode: 0o755, why: "the state" },
    { kind: "directory", path: "/var/log/negotiator", mode: 0o750, why: "the audit" },
  ];
}
