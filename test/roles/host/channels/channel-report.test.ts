/** The table and the JSON of `add-channel` and `remove-channel`. */
import { expect, test } from "bun:test";
import { formatJson, formatRows } from "../../../../src/roles/host/channels/channel-report.ts";
import type { ChannelRow } from "../../../../src/roles/host/channels/channel-report.ts";

function row(guest: string, more: Partial<ChannelRow> = {}): ChannelRow {
  const rest = { uuid: null, state: null, agent: null, reason: undefined, commands: [] };
  return { guest, result: "failed", ...rest, ...more };
}

const ANSWERS = { state: "answers", label: "answers (negotiator 1.2.3)" } as const;
const RESTART = { why: "it has no controller", remedy: "Shut it down\nStart it" };

test("each guest has a line, and guests with the same reason share it and its remedies", () => {
  const rows = [
    row("a", { result: "added", state: "running", agent: ANSWERS }),
    row("b", { result: "restart", state: "paused", reason: RESTART }),
    row("c", { reason: { why: "not a domain\u001b" } }),
    row("d", { result: "restart", state: "running", reason: { ...RESTART, remedy: "Shut it down\nOther" } }),
  ];
  expect(formatRows(rows, 120).split("\n")).toEqual([
    "GUEST  STATE    CHANNEL          AGENT",
    "a      running  added            answers (negotiator 1.2.3)",
    "b      paused   needs a restart  -",
    "c      -        FAILED           -",
    "d      running  needs a restart  -",
    "b, d: it has no controller",
    "  Shut it down",
    "  Start it",
    "  Other",
    "c: not a domain\\x1b",
  ]);
});

test("JSON has one object for each guest, with the reason and its remedy as one message", () => {
  const uuid = "64800e11-3e0a-4844-b181-5e5b9a9fed46";
  const rows = [
    row("a", { uuid, result: "added", state: "running", agent: ANSWERS, commands: ["one"] }),
    row("b", { reason: RESTART }),
    row("c", { reason: { why: "only why" } }),
  ];
  const none = { uuid: null, state: null, result: "failed", agent: null, commands: [] };
  const lines = formatJson(rows).split("\n");
  expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
    {
      guest: "a",
      uuid,
      state: "running",
      result: "added",
      agent: "answers",
      message: null,
      commands: ["one"],
    },
    { guest: "b", ...none, message: "it has no controller\nShut it down\nStart it" },
    { guest: "c", ...none, message: "only why" },
  ]);
});
