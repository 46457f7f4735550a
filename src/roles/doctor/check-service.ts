/** Looks whether a service manager keeps the daemon running. */
import { existsSync } from "node:fs";
import type { Role } from "../../peers/dialect.ts";
import { shellWord } from "../../shell-word.ts";
import { findRunningManager } from "../install/running-manager.ts";
import type { ServiceManager } from "../install/service-managers.ts";
import { dialControl } from "../cli/control-client.ts";
import { defineCheck } from "./check.ts";
import { ok, problem, warning } from "./finding.ts";
import type { Fix, Found } from "./finding.ts";
import { askLastWords } from "./last-words.ts";
import { askTool } from "./tool.ts";
import { changesOf } from "./unit.ts";
import type { Unit } from "./unit.ts";

/**
 * `unit`: the properties of systemd; undefined elsewhere. `isInstalled`: the manager has the service.
 * `lastWords`: the error with which it ended.
 */
type Service = {
  manager: ServiceManager | undefined;
  isInstalled: boolean;
  isActive: boolean;
  unit: Unit | undefined;
  lastWords?: string | undefined;
  /** Whether the daemon runs, with or without a service. */
  runs: boolean;
};

/** The service: there, running, enabled. */
export const CHECK_SERVICE = defineCheck<Service>({
  name: "service",
  async look({ role, invocation, signal, unit: readUnit }) {
    const runs = await isListening(role, invocation.config.settings[role].control);
    const manager = findRunningManager();
    if (manager === undefined) return { manager, isInstalled: false, isActive: false, unit: undefined, runs };
    if (manager.name === "systemd") {
      const unit = (await readUnit()) ?? {};
      const isInstalled = unit["LoadState"] !== "not-found" && unit["LoadState"] !== undefined;
      const state = unit["ActiveState"] ?? "";
      const lastWords = ["failed", "activating"].includes(state)
        ? await askLastWords(`negotiator-${role}`, signal)
        : undefined;
      return { manager, isInstalled, isActive: state === "active", unit, lastWords, runs };
    }
    const isInstalled = manager.files(role).some(({ path }) => existsSync(path));
    const answer = isInstalled ? await askTool(manager.isActive(role), signal) : undefined;
    return { manager, isInstalled, isActive: answer?.exitCode === 0, unit: undefined, runs };
  },
  judge(service, { role }) {
    const { manager, isInstalled, isActive, unit, lastWords, runs } = service;
    const how = runs
      ? "the daemon runs without a service, and ends with its terminal or machine"
      : "no service";
    const install = `negotiator ${role} install`;
    if (manager === undefined) return [ok(runs ? "the daemon runs" : "this machine has no service manager")];
    if (!isInstalled)
      return [warning(`${how}: ${manager.name} has none for negotiator`, `Make one: ${install}`)];
    const name = `negotiator-${role}`;
    if (unit !== undefined) return judgeUnit(unit, { role, name, runs, lastWords });
    if (isActive) return [ok(`${manager.name} runs ${name}`)];
    const start = toFix(manager.start(role));
    return [problem(`${name} does not run`, `Start it: ${start.join(" ")}`, start)];
  },
});

/** A refused connection means that a daemon listens. */
async function isListening(role: Role, path: string): Promise<boolean> {
  try {
    await using control = await dialControl(role, path);
    return control !== undefined;
  } catch {
    return true;
  }
}

type UnitPlace = { role: Role; name: string; runs: boolean; lastWords?: string | undefined };

/** Judges the properties that systemd shows of a unit. */
export function judgeUnit(unit: Unit, { role, name, runs, lastWords }: UnitPlace): Found[] {
  const why = lastWords === undefined ? "" : `: ${lastWords}`;
  const changes = changesOf(unit).map(shellWord);
  const cause =
    changes.length === 0
      ? ""
      : `Look at ${changes.join(" ")}, which changes the service: systemctl cat ${name}\n`;
  const read = `${cause}Read its log: journalctl -u ${name} -n 20`;
  const { LoadState, ActiveState, Result, UnitFileState, NRestarts = "0", NeedDaemonReload } = unit;
  if (LoadState === "masked")
    return [problem(`${name} is masked, so systemd does not start it`, `Allow it: systemctl unmask ${name}`)];
  if (LoadState !== "loaded")
    return [problem(`systemd cannot load ${name} (${LoadState})`, `See why: systemctl status ${name}`)];
  const found: Found[] = [];
  if (NeedDaemonReload === "yes")
    found.push(
      warning(`the file of ${name} was changed, and systemd has not read it`, RELOAD_LINE, RELOAD_UNITS),
    );
  if (ActiveState === "failed")
    found.push(problem(`${name} has failed (${Result}, ${NRestarts} restarts)${why}`, read));
  else if (ActiveState === "activating")
    found.push(
      runs
        ? problem(
            `${name} starts again and again (${NRestarts} restarts): another daemon has its socket`,
            `Find and stop that: pgrep -af 'negotiator.*${role}.*daemon'`,
          )
        : problem(`${name} starts again and again (${NRestarts} restarts)${why}`, read),
    );
  else if (ActiveState !== "active")
    found.push(
      runs
        ? warning(
            `the daemon runs, but not as ${name}`,
            `Find and stop it: pgrep -af 'negotiator.*${role}.*daemon'\n` +
              `Then start the service: systemctl start ${name}`,
          )
        : problem(`${name} does not run`, `Start it: systemctl start ${name}`, ["systemctl", "start", name]),
    );
  if (UnitFileState === "disabled")
    found.push(
      warning(`${name} does not start with the machine`, `Enable it: systemctl enable ${name}`, [
        "systemctl",
        "enable",
        name,
      ]),
    );
  return found.length > 0 ? found : [ok(`systemd runs ${name}`)];
}

const RELOAD_UNITS: Fix = ["systemctl", "daemon-reload"];
const RELOAD_LINE = "Let it read it: systemctl daemon-reload";

function toFix([program = "", ...words]: readonly string[]): Fix {
  return [program, ...words];
}
