/** Finds daemons of python-negotiator, which hold the sockets and ports that ours needs. */
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { NegotiatorError } from "../../errors.ts";
import type { Role } from "../../peers/dialect.ts";
import { shellLine } from "../../shell-word.ts";
import { findForeignNamespace, readProcess } from "../../trust/host-process.ts";
import type { CommandStep } from "./entry.ts";

/** A running daemon of python-negotiator, and the command that stops it. */
export type OldAgent = { pid: number; program: string; stop: readonly string[] };

/** The directory where python-negotiator has its commands. Our default settings have it too. */
const OLD_COMMANDS = "/usr/lib/negotiator/commands";

/** Returns the daemons of that role on this machine, without their workers. */
export function findOldAgents(role: Role, procDirectory = "/proc"): OldAgent[] {
  const program = `negotiator-${role}`;
  const pids = readdirSync(procDirectory)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isOurRoot(procDirectory, pid))
    .filter((pid) => isOldAgent(wordsOf(procDirectory, pid), program));
  return pids
    .filter((pid) => !pids.includes(parentOf(procDirectory, pid)))
    .map((pid) => ({ pid, program, stop: stopCommand(procDirectory, pid, program) }));
}

/** Other users can choose the words of their processes, and can keep a reader of them waiting. */
function isOurRoot(procDirectory: string, pid: number): boolean {
  const uids = readProcess(pid, procDirectory)?.uids ?? [];
  if (uids.length === 0 || uids.some((uid) => uid !== 0)) return false;
  return findForeignNamespace(pid, procDirectory) === undefined;
}

function isOldAgent([interpreter = "", script = "", ...words]: readonly string[], program: string): boolean {
  return (
    basename(interpreter).startsWith("python") &&
    basename(script) === program &&
    words.some((word) => word === "--daemon" || /^-[a-z]*d/.test(word))
  );
}

/** supervisord is itself a service, so it is looked for first. */
function stopCommand(procDirectory: string, pid: number, program: string): string[] {
  const parent = wordsOf(procDirectory, parentOf(procDirectory, pid)).map((word) => basename(word));
  if (parent.includes("supervisord")) return ["supervisorctl", "stop", program];
  const [, unit] = /\/([^/]+\.service)$/m.exec(readText(`${procDirectory}/${pid}/cgroup`)) ?? [];
  if (unit === undefined || unit.startsWith("user@")) return ["kill", String(pid)];
  return ["systemctl", "disable", "--now", unit];
}

function parentOf(procDirectory: string, pid: number): number {
  return readProcess(pid, procDirectory)?.parentPid ?? 0;
}

function wordsOf(procDirectory: string, pid: number): string[] {
  return readText(`${procDirectory}/${pid}/cmdline`).split("\0");
}

/** A process may end at any moment. */
function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/**
 * Returns the commands that stop the old daemons. Asks the person at the terminal first. Throws `BUSY` if
 * they are not to be stopped: both programs want the same ports.
 */
export function stopOldAgents(
  agents: readonly OldAgent[],
  { stopsOld, mayAsk }: { stopsOld: boolean; mayAsk: boolean },
): CommandStep[] {
  const [first] = agents;
  if (first === undefined) return [];
  const lines = agents.map(({ stop }) => shellLine(stop));
  const problem = `python-negotiator runs here (${first.program}, process ${first.pid})`;
  const isAgreed = stopsOld || (mayAsk && confirm(`${problem}. Stop it for good with: ${lines.join("; ")}?`));
  if (!isAgreed) {
    throw new NegotiatorError("BUSY", `Cannot install: ${problem}, and holds the ports`, {
      remedy: `Stop it: ${lines.join("; ")}\nOr let the installation stop it: add --stop-old`,
    });
  }
  return agents.map(({ stop }) => ({
    kind: "command",
    argv: stop,
    mayFail: true,
    why: `stops python-negotiator; its commands in ${OLD_COMMANDS} stay in use`,
  }));
}
