/** The commands that enable and start the service after its files are in place. */
import { NegotiatorError } from "../../errors.ts";
import type { Role } from "../../peers/dialect.ts";
import type { CommandStep } from "./entry.ts";
import { CONFIG_PATH } from "./first-config.ts";
import type { JudgedEntry } from "./judge-entry.ts";
import { existsInRoot } from "./place-in-root.ts";
import { findPrograms } from "./present-programs.ts";
import { tryCommand } from "./run-command.ts";
import { findDaemons } from "./running-daemon.ts";
import type { ServiceManager } from "./service-managers.ts";

/**
 * `starts`: whether a service that does not run is started. `mayStart`: false if a daemon could not start, so
 * that none is started, replaced or restarted.
 */
export type ServiceOptions = {
  role: Role;
  manager: ServiceManager;
  program: string;
  starts: boolean;
  mayStart: boolean;
};

/** Returns the commands. `written` are the entries that the installation writes. */
export async function serviceSteps(
  { role, manager, program, starts, mayStart }: ServiceOptions,
  written: readonly JudgedEntry[],
): Promise<CommandStep[]> {
  const steps: CommandStep[] = [];
  const add = (why: string, argv: readonly string[]): unknown => steps.push({ kind: "command", argv, why });
  const paths = new Set(manager.files(role).map(({ path }) => path));
  const hasNewFile = written.some(({ entry }) => paths.has(entry.path));
  const hasNewProgram = written.some(({ entry }) => entry.kind === "file" && "copyOf" in entry.content);
  const isActive = (await tryCommand(manager.isActive(role))) === 0;
  const links = manager.enabledBy(role, (path) => existsInRoot("/", path));
  const isEnabled = links.some(({ path }) => existsInRoot("/", path)) || (links.length === 0 && isActive);
  if (hasNewFile) for (const argv of manager.reload(role)) add("makes the new files known", argv);
  const hasProgram = await findPrograms();
  if (!isEnabled)
    for (const argv of manager.enable(role, hasProgram)) add("starts the daemon with the machine", argv);
  if (!mayStart) return steps;
  const isOutdated = findDaemons(role).some((daemon) => daemon.isOutdated);
  const why = "runs the new version; running calls get drainSeconds to end";
  if (isActive && hasNewFile) add(why, manager.restart(role));
  else if (isActive && (hasNewProgram || isOutdated)) {
    // A daemon of 0.2 cannot replace itself.
    const otherwise = manager.restart(role);
    steps.push({ kind: "command", argv: [program, role, "reexec"], why, otherwise });
  } else if (isActive && written.some(({ entry }) => entry.path === CONFIG_PATH))
    add("puts the settings in force", [program, role, "reload"]);
  const isEnabledNow = written.some(({ entry }) => links.some(({ path }) => path === entry.path));
  if (!isActive && starts && !(isEnabledNow && manager.startsEnabled === true))
    add("starts the daemon", manager.start(role));
  return steps;
}

/** Throws `BUSY` for a daemon that runs without the service: the service could not start beside it. */
export async function refuseOtherDaemon(role: Role, manager: ServiceManager): Promise<void> {
  const [daemon] = findDaemons(role);
  if (daemon === undefined || (await tryCommand(manager.isActive(role))) === 0) return;
  const running = `a daemon of the ${role} runs already (process ${daemon.pid})`;
  const problem = `Cannot install: ${running}, not as a service`;
  throw new NegotiatorError("BUSY", problem, { remedy: `Stop it: kill ${daemon.pid}` });
}
