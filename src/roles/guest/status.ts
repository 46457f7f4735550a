/** The guest's `status`: the daemon's link to the host. */
import * as v from "valibot";
import { defineMethod } from "../../methods/method.ts";
import type { Method } from "../../methods/method.ts";
import { printableJson } from "../../printable.ts";
import { dialControl, noDaemon } from "../cli/control-client.ts";
import { askDaemon, explainVersion, formatVersionWarning } from "../cli/ask-daemon.ts";
import type { CheckedStatus } from "../cli/status-check.ts";
import { watchInterval } from "../cli/status-options.ts";
import type { StatusRow } from "../cli/status-table.ts";
import { showStatusView } from "../cli/status-view.ts";
import { explainPolicy, FileStatusEntries } from "../daemon/file-status.ts";
import { LinkFigureEntries } from "../daemon/link-figures.ts";
import { formatLinkStatus, LinkStatusEntries } from "../daemon/link-status.ts";
import type { LinkStatus } from "../daemon/link-status.ts";
import { AgentStatusSchema, formatAgentStatus } from "./agent-status.ts";
import type { AgentStatus } from "./agent-status.ts";
import type { CliSession } from "../cli/cli-session.ts";
import type { Invocation, Outcome } from "../cli/subcommand.ts";

const StatusSchema = v.object({
  host: v.object({ ...LinkStatusEntries, ...LinkFigureEntries }),
  qga: v.optional(v.nullable(AgentStatusSchema), null),
  ...FileStatusEntries,
});

/** The answer to `status`. */
export type HostLinkStatus = v.InferOutput<typeof StatusSchema>;

/** The daemon's method `status`, which answers with `status()`, after `measure` if the caller wants that. */
export function createHostStatus(
  status: () => Promise<HostLinkStatus>,
  measure: () => Promise<void>,
): Method {
  return defineMethod({
    name: "status",
    isOpen: true,
    own: "question",
    params: v.optional(v.object({ measures: v.exactOptional(v.boolean()) }), {}),
    async run({ measures }) {
      if (measures === true) await measure();
      return { result: await status() };
    },
  });
}

/** Asks the daemon for the status of its link to the host, within `timeoutMs` (0 for no limit). */
export async function askStatus(control: CliSession, timeoutMs?: number): Promise<LinkStatus> {
  return (await askDaemon(control, "status", StatusSchema, { timeoutMs })).host;
}

/** Prints the status of the daemon's link to the host. Throws `NO_CHANNEL` if no daemon runs. */
export async function showStatus({ words, config }: Invocation): Promise<Outcome> {
  const { control } = config.settings.guest;
  const isJson = words.options.has("json");
  const intervalMs = watchInterval(words);
  if (words.options.has("check")) {
    const { checkPeer } = await import("../cli/status-check.ts");
    return checkPeer(() => takeStatus(control), { fine: "the host's daemon is connected", isJson });
  }
  return showStatusView({
    title: "PEER",
    isJson,
    intervalMs,
    async take() {
      const { rows, problems, qga } = await takeStatus(control);
      const remarks = qga === null ? [] : [formatAgentStatus(qga)];
      const lines = rows.flatMap((row) => (isJson ? formatJson(row, qga) : [formatLine(row), ...remarks]));
      return { problems, rows: rows.map((row) => ({ ...row, remarks })), lines };
    },
  });
}

type TakenStatus = CheckedStatus & { qga: AgentStatus | null };

async function takeStatus(control: string): Promise<TakenStatus> {
  await using session = await dialControl("guest", control);
  if (session === undefined) throw noDaemon("guest", control);
  const { host, qga, ...files } = await askDaemon(session, "status", StatusSchema, {
    params: { measures: true },
  });
  const version = formatVersionWarning(explainVersion(session, files));
  const problems = [version, explainPolicy(files)].filter((problem) => problem !== undefined);
  return { rows: [{ name: "host", ...host, remarks: [] }], problems, unreadFile: files.unreadFile, qga };
}

function formatJson(row: StatusRow, qga: AgentStatus | null): string {
  const { name: _, remarks: __, ...host } = row;
  return printableJson(JSON.stringify({ ...host, qga }));
}

/** Scripts read this line. */
function formatLine(host: StatusRow): string {
  const { state, lastError } = host;
  const why = state === "waiting" && lastError === null ? ", no host daemon has connected yet" : "";
  return `host: ${formatLinkStatus(host)}${why}`;
}
