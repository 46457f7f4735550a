/** `status --check`: judges a status for monitoring. */
import { NegotiatorError } from "../../errors.ts";
import { printable, printableJson } from "../../printable.ts";
import { print } from "./output.ts";
import { judgeState } from "./status-table.ts";
import type { StatusRow } from "./status-table.ts";
import type { Outcome } from "./subcommand.ts";

type Level = "ok" | "warning" | "problem";

/** `name` is the peer, if it is about one. */
type Finding = { level: Level; name?: string; message: string };

/** The exit codes: those of monitoring plugins. */
const EXIT_CODES: Record<Level, number> = { ok: 0, warning: 1, problem: 2 };

/** The peers of a daemon, and what is wrong with the daemon itself. */
export type CheckedStatus = {
  rows: readonly StatusRow[];
  problems: readonly string[];
  /** A file that the daemon has not read as it is now; null if there is none. */
  unreadFile: string | null;
};

/** `fine`: what to say if nothing is wrong. `isNamed`: the user asked for one peer, so it should run. */
export type CheckForm = { fine: string; isJson: boolean; isNamed?: boolean };

/** Prints what is wrong, the worst first. The exit code is 0, 1 for warnings, or 2 for problems. */
export async function checkPeer(
  take: () => Promise<CheckedStatus>,
  { fine, isJson, isNamed = false }: CheckForm,
): Promise<Outcome> {
  const findings = await take().then((status) => judgeStatus(status, isNamed), judgeFailure);
  const sorted = findings.toSorted((one, other) => EXIT_CODES[other.level] - EXIT_CODES[one.level]);
  const level = sorted[0]?.level ?? "ok";
  if (isJson) await print(printableJson(JSON.stringify({ level, findings: sorted })));
  else await print(sorted.length === 0 ? `ok: ${fine}` : sorted.map(formatFinding).join("\n"));
  return { exitCode: EXIT_CODES[level] };
}

function judgeStatus({ rows, problems, unreadFile }: CheckedStatus, isNamed: boolean): Finding[] {
  const general = problems.map((message): Finding => ({ level: "problem", message: firstLine(message) }));
  const unread: Finding[] =
    unreadFile === null || general.length > 0 ? [] : [{ level: "warning", message: firstLine(unreadFile) }];
  return [...general, ...unread, ...rows.flatMap((row) => judgeRow(row, isNamed))];
}

/** A daemon that does not run or does not answer is a problem. Other failures to ask are not an answer. */
function judgeFailure(thrown: unknown): Finding[] {
  const error = NegotiatorError.from(thrown);
  if (!["NO_CHANNEL", "TIMEOUT", "NO_GUEST"].includes(error.code)) throw error;
  return [{ level: "problem", message: firstLine(error.message) }];
}

function judgeRow({ name, state, lastError, remarks }: StatusRow, isNamed: boolean): Finding[] {
  const judged = judgeState(state);
  const why = lastError === null ? "" : `: ${firstLine(lastError)}`;
  const isWorse = isNamed || (judged === "waiting" && why !== "");
  const judgements: Record<typeof judged, [level: Level, message: string]> = {
    bad: ["problem", `${state}${why}`],
    waiting: [isWorse ? "problem" : "warning", `${state}${why}`],
    // A guest that is shut off or saved is not a fault, unless it was asked for.
    idle: [isNamed ? "problem" : state === "paused" ? "warning" : "ok", state],
    good: [why === "" ? "ok" : "warning", `${state}, last error${why}`],
  };
  const [level, message] = judgements[judged];
  const found: Finding[] = level === "ok" ? [] : [{ level, name, message }];
  return [...found, ...remarks.map((remark): Finding => ({ level: "warning", name, message: remark }))];
}

function formatFinding({ level, name, message }: Finding): string {
  const about = name === undefined ? "" : `${printable(name)}: `;
  return `${level}: ${about}${printable(message)}`;
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}
