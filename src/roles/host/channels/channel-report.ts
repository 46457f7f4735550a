/** Shows which guests have got or lost their channel. */
import { printable, printableJson } from "../../../printable.ts";
import type { DomainFacts } from "../../../discovery/libvirt/domain-facts.ts";
import { formatTable } from "../../cli/table.ts";
import type { Cell } from "../../cli/table.ts";
import type { Reason } from "./channel-plan.ts";
import type { AgentState } from "./agent-wait.ts";

/** `present` and `absent`: nothing was to be done. `restart`: done for the guest's next start. */
export type ChannelResult = "added" | "present" | "removed" | "absent" | "restart" | "failed";

/** One guest. `commands` are the steps as lines of shell. */
export type ChannelRow = {
  guest: string;
  uuid: string | null;
  state: DomainFacts["state"] | null;
  result: ChannelResult;
  agent: { state: AgentState; label: string } | null;
  reason: Reason | undefined;
  commands: readonly string[];
};

/** Returns one object of JSON for each guest. */
export function formatJson(rows: readonly ChannelRow[]): string {
  return rows
    .map(({ reason, agent, ...row }) => {
      const message = reason === undefined ? null : [reason.why, reason.remedy ?? []].flat().join("\n");
      const { commands, ...first } = row;
      return printableJson(JSON.stringify({ ...first, agent: agent?.state ?? null, message, commands }));
    })
    .join("\n");
}

const WORDS: Readonly<Record<ChannelResult, string>> = {
  added: "added",
  present: "there already",
  removed: "removed",
  absent: "was not there",
  restart: "needs a restart",
  failed: "FAILED",
};

/** Returns a table with a line for each guest, and below it the reasons and remedies. */
export function formatRows(rows: readonly ChannelRow[], width: number): string {
  const column = (textOf: (row: ChannelRow) => string): Cell[] =>
    rows.map((row) => ({ text: printable(textOf(row)) }));
  const table = formatTable(
    [
      { title: "GUEST", cells: column(({ guest }) => guest), leastWidth: 8 },
      { title: "STATE", cells: column(({ state }) => state ?? "-"), rank: 1 },
      { title: "CHANNEL", cells: column(({ result }) => WORDS[result]) },
      { title: "AGENT", cells: column(({ agent }) => agent?.label ?? "-"), leastWidth: 8 },
    ],
    { width },
  );
  return [...table, ...formatReasons(rows).map(printable)].join("\n");
}

/** Many guests can have the same reason, so it stands there once. */
function formatReasons(rows: readonly ChannelRow[]): string[] {
  const reasons = rows.flatMap(({ guest, reason }) => (reason === undefined ? [] : [{ guest, ...reason }]));
  const groups = [...Map.groupBy(reasons, ({ why }) => why)];
  return groups.flatMap(([why, group]) => {
    const remedies = new Set(group.flatMap(({ remedy }) => remedy?.split("\n") ?? []));
    const names = group.map(({ guest }) => guest).join(", ");
    return [`${names}: ${why}`, ...[...remedies].map((line) => `  ${line}`)];
  });
}
