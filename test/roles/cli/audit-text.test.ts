/** An entry of the audit is one line: time, direction, peer, user, call, and how it ended. */
import { expect, test } from "bun:test";
import { formatAuditEntry } from "../../../src/roles/cli/audit-text.ts";

const TIME = new Date(2026, 0, 2, 3, 4, 5).getTime();
const CALL = {
  event: "end",
  direction: "incoming",
  peer: { guest: "web1" },
  user: { uid: 7, name: "ann" },
  method: "execute",
  command: "backup",
  arguments: ["a b", "c"],
  argumentCount: 2,
  exitCode: 0,
  endedBy: "command",
  durationMs: 12.6,
};
const HEAD = "2026-01-02 03:04:05";

function format(members: Record<string, unknown>): string {
  return formatAuditEntry({ timeMs: TIME, members });
}

test.each<[Record<string, unknown>, string]>([
  [{}, "in    web1     ann    backup 'a b' c (2 arguments): exit 0, 13 ms"],
  [{ direction: "outgoing" }, "out   web1     ann    backup 'a b' c (2 arguments): exit 0, 13 ms"],
  [{ direction: "local" }, "local web1     ann    backup 'a b' c (2 arguments): exit 0, 13 ms"],
  [{ direction: "constructor" }, "      web1     ann    backup 'a b' c (2 arguments): exit 0, 13 ms"],
  [{ direction: undefined }, "      web1     ann    backup 'a b' c (2 arguments): exit 0, 13 ms"],
  [{ peer: {} }, "in    host     ann    backup 'a b' c (2 arguments): exit 0, 13 ms"],
  [{ peer: null }, "in    -        ann    backup 'a b' c (2 arguments): exit 0, 13 ms"],
  [{ peer: { guest: "a b" } }, "in    'a b'    ann    backup 'a b' c (2 arguments): exit 0, 13 ms"],
  [{ user: { uid: 7 } }, "in    web1     7      backup 'a b' c (2 arguments): exit 0, 13 ms"],
  [{ user: {} }, "in    web1     -      backup 'a b' c (2 arguments): exit 0, 13 ms"],
  [{ user: undefined }, "in    web1     -      backup 'a b' c (2 arguments): exit 0, 13 ms"],
  [{ argumentsClipped: true }, "in    web1     ann    backup 'a b' c …: exit 0, 13 ms"],
  [{ argumentCount: undefined }, "in    web1     ann    backup 'a b' c: exit 0, 13 ms"],
  [{ arguments: "a", argumentCount: undefined }, "in    web1     ann    backup: exit 0, 13 ms"],
  [{ command: undefined }, "in    web1     ann    execute: exit 0, 13 ms"],
  [{ command: 7, method: undefined }, "in    web1     ann    call: exit 0, 13 ms"],
])("a call with the members %j is the line %j", (members, expected) => {
  expect(format({ ...CALL, ...members })).toBe(`${HEAD} ${expected}`);
});

test.each<[Record<string, unknown>, string]>([
  [{ event: "start" }, "has started"],
  [{ decision: "denied", rule: 3, reason: "not you\nnor I" }, "denied by rule 3: not you"],
  [{ decision: "denied" }, "denied"],
  [{ decision: "denied", problem: "no rule" }, "denied: no rule"],
  [{ exitCode: 7, endedBy: "deadline" }, "exit 7, its deadline passed, 13 ms"],
  [{ exitCode: 7, endedBy: "timedOut" }, "exit 7, its deadline passed, 13 ms"],
  [{ exitCode: 7, endedBy: "limit" }, "exit 7, a limit of this side ended it, 13 ms"],
  [{ exitCode: null, signal: "SIGKILL", endedBy: "cancel" }, "ended by SIGKILL, cancelled, 13 ms"],
  [{ exitCode: null, signal: "SIGKILL", endedBy: "cancelled" }, "ended by SIGKILL, cancelled, 13 ms"],
  [{ exitCode: null, errorCode: "BUSY", problem: "too many\nWait" }, "BUSY: too many, 13 ms"],
  [{ exitCode: null, errorCode: "BUSY", durationMs: undefined }, "BUSY"],
  [{ exitCode: null }, "answered, 13 ms"],
  [{ exitCode: null, endedBy: "toString" }, "answered, 13 ms"],
  [{ exitCode: null, endedBy: "cancel", durationMs: "x" }, "cancelled"],
  [{ durationMs: 999.4 }, "exit 0, 999 ms"],
  [{ durationMs: 1000 }, "exit 0, 1.0 s"],
  [{ durationMs: 119_949 }, "exit 0, 119.9 s"],
  [{ durationMs: 120_000 }, "exit 0, 2 min"],
  [{ durationMs: 3_600_000 }, "exit 0, 60 min"],
])("a call with the members %j ends with %j", (members, expected) => {
  const line = format({ ...CALL, arguments: [], argumentCount: undefined, ...members });
  expect(line).toBe(`${HEAD} in    web1     ann    backup: ${expected}`);
});

test.each<[Record<string, unknown>, string]>([
  [
    { event: "left-out", leftOut: 3, since: "noon", commands: { "a b": 2, c: 1 } },
    "3 calls are not written down, since noon ('a b' 2, c 1)",
  ],
  [
    { event: "left-out", leftOut: 9, commands: { c: 1 }, otherCommands: 8 },
    "9 calls are not written down, since an unknown time (c 1, other commands 8)",
  ],
  [{ event: "lost", lostLines: 4, since: "no\u001bon" }, "4 lines are lost, since no\\x1bon"],
])("a count with the members %j is the line %j", (members, expected) => {
  expect(format({ direction: "incoming", peer: { guest: "web1" }, ...members })).toBe(
    `${HEAD} in    web1     -      ${expected}`,
  );
});
