/** Looks whether the daemon listens at its control socket and answers, and what it says of itself. */
import { lstat } from "node:fs/promises";
import { dirname } from "node:path";
import { NegotiatorError } from "../../errors.ts";
import { shellWord } from "../../shell-word.ts";
import { askDaemon, explainVersion } from "../cli/ask-daemon.ts";
import type { VersionWarning } from "../cli/ask-daemon.ts";
import { CONTROL_GROUP, dialControl } from "../cli/control-client.ts";
import { CONTROL_MODE } from "../daemon/control-server.ts";
import { FileStatusSchema } from "../daemon/file-status.ts";
import type { FileStatus } from "../daemon/file-status.ts";
import { defineCheck } from "./check.ts";
import { fromError, fromLook, isDenial, ok, problem, unknown, warning } from "./finding.ts";
import type { Found } from "./finding.ts";
import { findOtherSettings } from "./other-settings.ts";
import { askTool } from "./tool.ts";
import type { Unit } from "./unit.ts";

/**
 * `dead`: the socket's file is there, and no process listens. `taken`: something else is there. `refused`:
 * this user may not ask. `unit`: what systemd knows of the service; undefined without systemd. `canReload`:
 * the files can be used.
 */
type Daemon = { path: string; canReload: boolean } & (
  | { kind: "missing" | "dead"; unit: Unit | undefined }
  | { kind: "taken"; isDirectory: boolean; unit: Unit | undefined }
  | { kind: "refused" | "silent"; error: NegotiatorError }
  | {
      kind: "answers";
      program: VersionWarning | undefined;
      files: FileStatus;
      access: SocketAccess | undefined;
      others: readonly Found[];
    }
);

/** `mode` and `gid` of the control socket; `group`: the id of the group whose members may use the daemon. */
type SocketAccess = { mode: number; gid: number; group: number };

/** A daemon that hangs must not hold up the other checks. */
const ANSWER_MS = 5000;

/** The daemon of this machine. */
export const CHECK_DAEMON = defineCheck<Daemon>({
  name: "daemon",
  async look({ role, invocation, configProblem, signal, unit: readUnit }) {
    const path = invocation.config.settings[role].control;
    const canReload = configProblem === undefined;
    try {
      await using control = await dialControl(role, path);
      if (control === undefined) {
        // A config that this user may not read can name another socket.
        if (configProblem !== undefined && isDenial(configProblem))
          return { path, canReload, kind: "refused", error: configProblem };
        const status = await lstat(path).catch(() => undefined);
        const unit = await readUnit();
        if (status !== undefined && !status.isSocket())
          return { path, canReload, kind: "taken", isDirectory: status.isDirectory(), unit };
        return { path, canReload, kind: status === undefined ? "missing" : "dead", unit };
      }
      const files = await askDaemon(control, "status", FileStatusSchema, { timeoutMs: ANSWER_MS });
      const program = explainVersion(control, files);
      // Without a config that can be used, the settings here are the defaults.
      const others = canReload ? findOtherSettings(files, invocation.config, role) : [];
      const access = await readAccess(path, signal);
      return { path, canReload, kind: "answers", program, files, access, others };
    } catch (thrown) {
      const error = NegotiatorError.from(thrown);
      return { path, canReload, kind: error.code === "DENIED" ? "refused" : "silent", error };
    }
  },
  judge(daemon, { role, isRoot }) {
    const { kind, path } = daemon;
    switch (kind) {
      case "missing":
        return [judgeAbsence(`there is no socket at ${path}`, daemon, role)];
      case "dead":
        return [judgeAbsence(`no process listens at ${path}, which an ended one has left`, daemon, role)];
      case "taken":
        return [judgeTaken(daemon, role)];
      case "refused":
        return [fromLook(daemon.error, isRoot)];
      case "silent":
        return [fromError(daemon.error)];
      case "answers":
        return judgeAnswer(daemon, role);
      default:
        return [unknown(`nothing is known of ${dirname(path)}`)];
    }
  },
});

type AnsweringDaemon = {
  path: string;
  canReload: boolean;
  program: VersionWarning | undefined;
  files: FileStatus;
  access: SocketAccess | undefined;
  others: readonly Found[];
};

/** Judges what a daemon says of itself. */
export function judgeAnswer(
  { path, canReload, program, files, access, others }: AnsweringDaemon,
  role: "host" | "guest",
): Found[] {
  const found: Found[] = [...others, ...judgeAccess(path, access)];
  if (program !== undefined) found.push(warning(program.problem, program.remedy));
  const { policyProblem, unreadFile } = files;
  const reload = ["negotiator", role, "reload"] as const;
  if (policyProblem !== null) {
    const [first = "", ...rest] = policyProblem.split("\n");
    found.push(problem(`the daemon denies every call: ${first}`, rest.join("\n") || reload.join(" ")));
  } else if (unreadFile !== null) {
    const [first = "", ...rest] = unreadFile.split("\n");
    const remedy = rest.join("\n") || `Load it: ${reload.join(" ")}`;
    // A reload without the file denies every call, and one with a wrong config fails.
    const isHarmless = canReload && remedy.includes(reload.join(" "));
    const text = canReload ? remedy : `Correct the config first, see above. ${remedy}`;
    found.push(warning(first, text, isHarmless ? reload : undefined));
  }
  return found.length > 0 ? found : [ok(`it answers at ${shellWord(path)}`)];
}

/** Resolves with undefined if the system has no such group: then only root uses the daemon. */
async function readAccess(path: string, signal: AbortSignal): Promise<SocketAccess | undefined> {
  const answer = await askTool(["getent", "group", CONTROL_GROUP], signal);
  const [, id] = /^[^:]*:[^:]*:(\d+):/.exec(answer?.stdout ?? "") ?? [];
  const status = await lstat(path).catch(() => undefined);
  if (id === undefined || status === undefined) return undefined;
  return { mode: status.mode & 0o777, gid: status.gid, group: Number(id) };
}

function judgeAccess(path: string, access: SocketAccess | undefined): Found[] {
  if (access === undefined) return [];
  const { mode, gid, group } = access;
  if (gid === group && mode === CONTROL_MODE) return [];
  const word = shellWord(path);
  return [
    warning(
      `${path} has the mode ${mode.toString(8)} and the group ${gid}, so other users than the members of ` +
        `"${CONTROL_GROUP}" may use it, or fewer`,
      `Let them use it: chgrp ${CONTROL_GROUP} ${word} && chmod ${CONTROL_MODE.toString(8)} ${word}`,
    ),
  ];
}

/** A running daemon makes its socket again as soon as the name is free. */
function judgeTaken(
  { path, isDirectory, unit }: { path: string; isDirectory: boolean; unit: Unit | undefined },
  role: "host" | "guest",
): Found {
  const word = shellWord(path);
  const what = isDirectory ? "is a directory" : "is not a socket";
  const start = unit?.["LoadState"] === "loaded" ? `systemctl start negotiator-${role}` : undefined;
  return problem(
    `no daemon can listen at ${path}: it ${what}`,
    `Move it away: mv ${word} ${word}.old\n` +
      `Then start the daemon, if it does not run: ${start ?? `negotiator ${role} daemon`}`,
  );
}

type Absence = { canReload: boolean; unit: Unit | undefined };

/** Judges a control socket at which nothing answers: the service that is there decides what helps. */
export function judgeAbsence(why: string, { canReload, unit }: Absence, role: "host" | "guest"): Found {
  const name = `negotiator-${role}`;
  const fix = canReload ? "" : `First correct the config: negotiator ${role} check-config\n`;
  const { LoadState, ActiveState } = unit ?? {};
  if (LoadState === "masked")
    return problem(
      `no daemon runs: ${why}`,
      `${fix}Its service is masked. Allow it: systemctl unmask ${name}\n` +
        `Then start it: systemctl start ${name}`,
    );
  if (LoadState !== "loaded")
    return problem(
      `no daemon runs: ${why}`,
      `${fix}Start it as a service: negotiator ${role} install\n` +
        `Or at this terminal: negotiator ${role} daemon`,
    );
  if (ActiveState === "active")
    return problem(
      `no daemon answers: ${why}, although ${name} runs`,
      `${fix}If ${role}.control was changed: systemctl restart ${name}\n` +
        `Or its service names another socket: systemctl cat ${name}`,
    );
  if (ActiveState === "inactive")
    return problem(`no daemon runs: ${why}`, `${fix}Start it: systemctl start ${name}`);
  return problem(
    `no daemon runs: ${why}, because ${name} fails`,
    `${fix}Read why: journalctl -u ${name} -n 20\nThen start it: systemctl restart ${name}`,
  );
}
