/** `install --uninstall`: stops the daemon, and removes what the installation has made. */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { rm, rmdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import type { Role } from "../../peers/dialect.ts";
import { shellLine, shellWord } from "../../shell-word.ts";
import { VERSION } from "../../version.ts";
import type { Outcome } from "../cli/subcommand.ts";
import { notReturnedAfterRemoval, returnToAgents } from "./agent-return.ts";
import { digestOf } from "./digest.ts";
import { formatEntry } from "./entry.ts";
import { CONFIG_PATH, formatFirstConfig } from "./first-config.ts";
import { findWayProblem } from "./judge-entry.ts";
import { formatManifest, isInstalled, manifestPath, readManifest, withoutFiles } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";
import { findPackage } from "./package-owner.ts";
import { existsInRoot, placeInRoot } from "./place-in-root.ts";
import { findPrograms } from "./present-programs.ts";
import type { HasProgram } from "./present-programs.ts";
import { startAgentSteps } from "./qga-switch.ts";
import { createReport } from "./report.ts";
import { tryCommand, runCommand } from "./run-command.ts";
import { processNames } from "./running-daemon.ts";
import { isManagerRunning, SERVICE_MANAGERS } from "./service-managers.ts";
import type { ServiceManager } from "./service-managers.ts";
import { startparRemovals } from "./startpar.ts";

/** The options of an uninstallation. */
export type UninstallOptions = {
  role: Role;
  root: string;
  /** The file of the image that is mounted at `root`. */
  image?: string | undefined;
  isDryRun: boolean;
  isJson: boolean;
  /** Files that were changed since are removed too. */
  isForced: boolean;
  /** The config, the state and kept output are removed too. */
  purges: boolean;
};

/** A step: its line of shell, and what it does. */
type Removal = {
  /** The path of the file that it removes or replaces; undefined if there is none. */
  place?: string;
  did: "removed" | "ran" | "replaced";
  what: string;
  why: string;
  command: string;
  run: () => Promise<void>;
};
type Kept = { path: string; why: string };

/** Uninstalls, and prints each step. Does nothing where nothing is installed. */
export async function uninstall(options: UninstallOptions): Promise<Outcome> {
  const { role, root, isDryRun, isJson } = options;
  const report = createReport(
    isJson ? "json" : isDryRun ? "shell" : "text",
    options.image === undefined ? undefined : { directory: root, name: options.image },
  );
  const manifest = readManifest(root, role);
  const other = readManifest(root, role === "host" ? "guest" : "host");
  const packaged = await findPackage(root);
  const installed = manifest !== undefined && isInstalled(manifest) ? manifest : undefined;
  const manager = SERVICE_MANAGERS.find(({ name }) => name === installed?.manager);
  const hasProgram = await findPrograms();
  const hasOther = other !== undefined && isInstalled(other);
  const { removals, kept } = findRemovals({ ...options, manifest, other, hasOther, hasProgram });
  refuseUnsafe(removals, root);
  const before = root === "/" && manager !== undefined ? await stopSteps(role, manager, hasProgram) : [];
  // In a chroot, as where images are built, nothing runs that could forget the files.
  const isRunning =
    root === "/" &&
    manager !== undefined &&
    isManagerRunning(manager, (path) => existsInRoot(root, path), processNames());
  const after = isRunning && removals.length > 0 ? manager.reload(role) : [];
  const forgets = after.map((argv) => runStep(argv, "forgets its files"));
  const carryOut = async (step: Removal): Promise<void> => {
    const { run, place: _, ...reported } = step;
    if (!isDryRun) await run();
    await report.step(reported);
  };
  for (const step of [...before, ...removals, ...forgets]) await carryOut(step);
  const starts =
    root === "/" && manifest !== undefined
      ? startAgentSteps(manifest.manager, manifest.agentServices ?? [])
      : [];
  const failure = await returnToAgents(starts, {
    run: ({ argv, why }) => carryOut(runStep(argv, why)),
    note: (text) => report.note(text),
  });
  const left = isDryRun ? [] : await removeEmpty(root, hasOther ? [manifest] : [manifest, other], hasOther);
  for (const path of left) await report.step({ did: "removed", what: path, why: "it is empty", command: "" });
  for (const { path, why } of [...kept, ...findLeft(root, options.purges)])
    await report.step({ did: "kept", what: path, why, command: "" });
  if (packaged !== undefined)
    await report.note(`The ${packaged} package stays: ${PACKAGE_REMOVAL[packaged]}`);
  if (failure !== undefined) throw notReturnedAfterRemoval(failure, starts);
  const line =
    removals.length + left.length === 0 ? "Nothing to remove: install has put nothing here" : "Uninstalled";
  return report.end(line, { role, version: VERSION, root, dryRun: isDryRun, packaged: packaged ?? null });
}

/** Users of an image must not be able to lead a removal out of it. Throws `DENIED`. */
function refuseUnsafe(removals: readonly Removal[], root: string): void {
  if (root === "/") return;
  const problems = removals.flatMap(({ place, what }) => {
    const problem = place === undefined ? undefined : findWayProblem(place, root);
    return problem === undefined ? [] : [`Cannot remove "${what}": ${problem}`];
  });
  if (problems.length > 0) throw new NegotiatorError("DENIED", [...new Set(problems)].join("\n"));
}

const PACKAGE_REMOVAL = {
  dpkg: "remove it with apt-get remove negotiator",
  apk: "remove it with apk del negotiator",
  rpm: "remove it with rpm -e negotiator",
} as const;

type Facts = UninstallOptions & {
  manifest: Manifest | undefined;
  other: Manifest | undefined;
  /** The other role is installed too. */
  hasOther: boolean;
  hasProgram: HasProgram;
};

function findRemovals(facts: Facts): { removals: Removal[]; kept: Kept[] } {
  const { role, root, isForced, purges, manifest, other, hasOther } = facts;
  const removals: Removal[] = [];
  const kept: Kept[] = [];
  const add = (path: string, why: string): unknown =>
    removals.push(removeStep(placeInRoot(root, path), path, why));
  for (const [path, digest] of Object.entries(manifest?.files ?? {})) {
    const present = readIfThere(placeInRoot(root, path));
    if (present === undefined) continue;
    if (other?.files[path] !== undefined) kept.push({ path, why: "the other role needs it" });
    else if (present !== "other" && (isForced || digestOf(present) === digest))
      add(path, "install has made it");
    else kept.push({ path, why: "it was changed since; --force removes it" });
  }
  for (const [path, to] of Object.entries(manifest?.links ?? {})) {
    if (linkAt(placeInRoot(root, path)) === to) add(path, "install has made it");
  }
  if (manifest?.manager === "sysv")
    for (const { path, ...removal } of startparRemovals(role, root))
      removals.push({ did: "replaced", what: path, why: "the service is gone", ...removal });
  if (manifest !== undefined && !purges) removals.push(...configSteps(placeInRoot(root, CONFIG_PATH)));
  if (purges) {
    if (!hasOther && existsInRoot(root, CONFIG_PATH)) add(CONFIG_PATH, "the settings");
    for (const path of [`/var/lib/negotiator/${role}`, `/var/log/negotiator-${role}.log`])
      if (existsInRoot(root, path)) add(path, "the state");
  }
  // runsv keeps its state beside the file that it runs.
  const runState = `/etc/sv/negotiator-${role}/supervise`;
  if (manifest?.manager === "runit" && existsInRoot(root, runState)) add(runState, "its state in runit");
  const list = judgeGroups(facts);
  removals.push(...list.removals);
  kept.push(...list.kept);
  return { removals, kept };
}

const WHY_KEPT = "its members may use the daemon";

/** The groups, and the lists of both roles. The last `--purge` needs a list with a group that stays. */
function judgeGroups({ role, root, purges, manifest, other, hasOther, hasProgram }: Facts): {
  removals: Removal[];
  kept: Kept[];
} {
  const groups = [...new Set([...(manifest?.groups ?? []), ...(other?.groups ?? [])])];
  const isLast = purges && !hasOther;
  const removals: Removal[] = [];
  const kept: Kept[] = [];
  for (const group of groups) {
    const canRemove = hasProgram("groupdel") || hasProgram("delgroup");
    if (isLast && root === "/" && canRemove) removals.push(removeGroup(group, hasProgram));
    else kept.push({ path: `group ${group}`, why: purges ? WHY_KEPT : `${WHY_KEPT}; --purge removes it` });
  }
  const removeList = (of: Role): unknown =>
    removals.push(
      removeStep(placeInRoot(root, manifestPath(of)), manifestPath(of), "the list of what install has made"),
    );
  if (isLast && other !== undefined) removeList(role === "host" ? "guest" : "host");
  if (manifest === undefined) return { removals, kept };
  if (isLast || manifest.groups.length === 0) removeList(role);
  else if (isInstalled(manifest)) removals.push(shortenList(role, root, manifest));
  return { removals, kept };
}

function shortenList(role: Role, root: string, manifest: Manifest): Removal {
  const text = formatManifest(withoutFiles(manifest));
  const path = manifestPath(role);
  const place = placeInRoot(root, path);
  const why = "the list of what --purge removes";
  const command = formatEntry({ kind: "file", path, mode: 0o644, content: { text }, why }, place).join("\n");
  return { place, did: "replaced", what: path, why, command, run: () => writeFile(place, text) };
}

function removeStep(place: string, path: string, why: string): Removal {
  return {
    place,
    ...(path.startsWith("/usr/local/share/") && { oneOf: "manual pages and completions" }),
    did: "removed",
    what: path,
    why,
    command: `rm -rf ${shellWord(place)}`,
    run: () => rm(place, { recursive: true, force: true }),
  };
}

function removeGroup(group: string, hasProgram: HasProgram): Removal {
  const argv = hasProgram("groupdel") ? ["groupdel", group] : ["delgroup", group];
  return runStep(argv, "install has made it");
}

function runStep(argv: readonly string[], why: string): Removal {
  const line = shellLine(argv);
  return { did: "ran", what: line, why, command: line, run: () => runCommand(argv) };
}

/** A later installation must not take the port from the agent that starts again. */
function configSteps(place: string): Removal[] {
  const bytes = readIfThere(place);
  if (bytes === undefined || bytes === "other") return [];
  if (Buffer.from(bytes).toString() !== formatFirstConfig("yes")) return [];
  const entry = {
    kind: "file",
    path: CONFIG_PATH,
    mode: 0o644,
    content: { text: formatFirstConfig() },
  } as const;
  const why = "guest.qga is off again";
  const command = formatEntry({ ...entry, why }, place).join("\n");
  return [
    {
      place,
      did: "replaced",
      what: CONFIG_PATH,
      why,
      command,
      run: () => writeFile(place, entry.content.text),
    },
  ];
}

async function stopSteps(role: Role, manager: ServiceManager, hasProgram: HasProgram): Promise<Removal[]> {
  const isActive = (await tryCommand(manager.isActive(role))) === 0;
  const hasFiles = manager.files(role).some(({ path }) => existsSync(path));
  return [
    ...(isActive ? [runStep(manager.stop(role), "running calls get drainSeconds to end")] : []),
    ...(hasFiles || manager.name === "systemd"
      ? manager.disable(role, hasProgram).map((argv) => runStep(argv, "it no longer starts with the machine"))
      : []),
  ];
}

/**
 * Removes the directories that the installations of these lists made, if they are empty, and those of removed
 * files.
 */
async function removeEmpty(
  root: string,
  lists: readonly (Manifest | undefined)[],
  isShared: boolean,
): Promise<string[]> {
  const parents = lists
    .flatMap((list) => Object.keys({ ...list?.files, ...list?.links }))
    .map((path) => dirname(path))
    .filter((path) => path.includes("negotiator"));
  const directories = lists.flatMap((list) => list?.directories ?? []);
  const made = isShared ? [] : [...directories, "/etc/negotiator", "/var/lib/negotiator"];
  const removed: string[] = [];
  for (const path of new Set([...made, ...parents].toSorted().toReversed())) {
    const place = placeInRoot(root, path);
    const isGone = await rmdir(place).then(
      () => true,
      () => false,
    );
    if (isGone) removed.push(path);
  }
  return removed;
}

/** Commands, policy and audit belong to the administrator. */
function findLeft(root: string, purges: boolean): Kept[] {
  const places: readonly (readonly [string, string])[] = [
    ...(purges ? [] : [[CONFIG_PATH, "the settings; --purge removes them"] as const]),
    ["/etc/negotiator/policy.toml", "your policy"],
    ["/etc/negotiator/policy.d", "your policy"],
    ["/etc/negotiator/commands", "your commands"],
    ["/etc/negotiator/guest-commands", "your commands for the QEMU guest agent"],
    ["/usr/lib/negotiator/commands", "your commands"],
    ["/var/log/negotiator", "the audit"],
  ];
  return places
    .filter(([path]) => existsInRoot(root, path) && !isEmptyDirectory(placeInRoot(root, path)))
    .map(([path, why]) => ({ path, why }));
}

function isEmptyDirectory(place: string): boolean {
  try {
    return readdirSync(place).length === 0;
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOTDIR") return false;
    throw thrown;
  }
}

/** Returns the bytes of a file, `other` if something else is there, undefined if nothing is. */
function readIfThere(place: string): Uint8Array | "other" | undefined {
  try {
    return lstatSync(place).isFile() ? readFileSync(place) : "other";
  } catch (thrown) {
    if (["ENOENT", "ENOTDIR"].includes(errnoOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}

function linkAt(place: string): string | undefined {
  try {
    return readlinkSync(place);
  } catch (thrown) {
    if (["ENOENT", "ENOTDIR", "EINVAL"].includes(errnoOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}
