/** Looks whether the daemon listens at its control socket and answers, and what it says of itself. */
import { lstat } from "node:fs/promises";
import { dirname } from "node:path";
import { NegotiatorError } from "../../errors.ts";
import { shellWord } from "../../shell-word.ts";
import { askDaemon, explainVersion } from "../cli/ask-daemon.ts";
import { dialControl } from "../cli/control-client.ts";
import { FileStatusSchema } from "../daemon/file-status.ts";
import type { FileStatus } from "../daemon/file-status.ts";
import { defineCheck } from "./check.ts";
import { fromError, ok, problem, unknown, warning } from "./finding.ts";
import type { Found } from "./finding.ts";

/** `dead`: the socket's file is there, and no process listens. `refused`: this user may not ask. */
type Daemon = { path: string } & (
  | { kind: "missing" | "dead" }
  | { kind: "refused" | "silent"; error: NegotiatorError }
  | { kind: "answers"; program: string | undefined; files: FileStatus }
);

/** A daemon that hangs must not hold up the other checks. */
const ANSWER_MS = 5000;

/** The daemon of this machine. */
export const CHECK_DAEMON = defineCheck<Daemon>({
  name: "daemon",
  async look({ role, invocation }) {
    const path = invocation.config.settings[role].control;
    try {
      await using control = await dialControl(role, path);
      if (control === undefined) {
        const status = await lstat(path).catch(() => undefined);
        return { path, kind: status === undefined ? "missing" : "dead" };
      }
      const files = await askDaemon(control, "status", FileStatusSchema, { timeoutMs: ANSWER_MS });
      return { path, kind: "answers", program: explainVersion(control, files), files };
    } catch (thrown) {
      const error = NegotiatorError.from(thrown);
      return { path, kind: error.code === "DENIED" ? "refused" : "silent", error };
    }
  },
  judge(daemon, { role, isRoot }) {
    const start =
      `Start it as a service: negotiator ${role} install\n` +
      `Or at this terminal: negotiator ${role} daemon`;
    const { kind, path } = daemon;
    switch (kind) {
      case "missing":
        return [problem(`no daemon runs: there is no socket at ${path}`, start)];
      case "dead":
        return [problem(`no daemon runs: no process listens at ${path}, which an ended one has left`, start)];
      case "refused":
        return [isRoot ? fromError(daemon.error) : unknown(...linesOf(daemon.error))];
      case "silent":
        return [fromError(daemon.error)];
      case "answers":
        return judgeAnswer(daemon, role);
      default:
        return [unknown(`nothing is known of ${dirname(path)}`)];
    }
  },
});

function judgeAnswer(
  { path, program, files }: { path: string; program: string | undefined; files: FileStatus },
  role: "host" | "guest",
): Found[] {
  const found: Found[] = [];
  if (program !== undefined) {
    const [first = "", remedy = ""] = program.split("\n");
    found.push(warning(`t${first.slice(1)}`, remedy));
  }
  const { policyProblem, unreadFile } = files;
  const reload = ["negotiator", role, "reload"] as const;
  if (policyProblem !== null) {
    const [first = "", ...rest] = policyProblem.split("\n");
    found.push(problem(`the daemon denies every call: ${first}`, rest.join("\n") || reload.join(" ")));
  } else if (unreadFile !== null) {
    const [first = "", ...rest] = unreadFile.split("\n");
    found.push(warning(first, rest.join("\n") || `Load it: ${reload.join(" ")}`, reload));
  }
  return found.length > 0 ? found : [ok(`it answers at ${shellWord(path)}`)];
}

function linesOf({ message }: NegotiatorError): [text: string, remedy: string] {
  const [text = "", ...rest] = message.split("\n");
  return [text, rest.join("\n")];
}
