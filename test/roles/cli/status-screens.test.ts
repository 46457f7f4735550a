/** The table of `status` at several widths, as it looks on a terminal. */
import { describe, expect, test } from "bun:test";
import { COLOURED, PLAIN } from "../../../src/roles/cli/paint.ts";
import { formatStatusTable } from "../../../src/roles/cli/status-table.ts";
import type { StatusRow } from "../../../src/roles/cli/status-table.ts";
import { widthOf } from "../../../src/roles/cli/table.ts";

const NOW_MS = Date.parse("2026-03-01T12:00:00Z");

function row(name: string, changes: Partial<StatusRow> = {}): StatusRow {
  return {
    name,
    state: "open",
    dialect: "native",
    version: "0.2.0",
    since: "2026-03-01T09:00:00Z",
    calls: { outgoing: 1, incoming: 1 },
    callsDone: { outgoing: 1000, incoming: 43 },
    bytes: { in: 1_234_567, out: 33_000 },
    roundTripMs: 1.234,
    lastError: null,
    remarks: [],
    ...changes,
  };
}

const SILENT = { dialect: null, version: null, roundTripMs: null, bytes: { in: 0, out: 0 } };
const NO_CALLS = { calls: { outgoing: 0, incoming: 0 }, callsDone: { outgoing: 0, incoming: 0 } };

const REFUSED =
  'Cannot connect to "/run/libvirt/qemu/channel/17-web/negotiator-host-to-guest.0": ' +
  "connection refused\nStart it";

const FLEET = [
  row("db1"),
  row("db2", { state: "legacy", dialect: "legacy", version: null, roundTripMs: null }),
  row("mail", { state: "paused", since: "2026-03-01T11:59:18Z", roundTripMs: 105.7 }),
  row("old-customer-portal-staging-environment", {
    state: "unresponsive",
    since: "2026-02-01T12:00:00Z",
    lastError: REFUSED,
  }),
  row("web1", { ...SILENT, ...NO_CALLS, state: "waiting", since: "2026-03-01T11:51:00Z" }),
  row("web2", { ...SILENT, ...NO_CALLS, state: "shut off", since: null }),
  row("web3", { remarks: ["slowed down: it sends more than 1000 messages in a second"] }),
];

function screen(width: number, rows: readonly StatusRow[] = FLEET): string {
  return formatStatusTable(rows, { title: "GUEST", width, paint: PLAIN, nowMs: NOW_MS }).join("\n");
}

test("110 columns", () => {
  expect(`\n${screen(110)}\n`).toBe(`
GUEST                                    STATE         SINCE  AGENT           PING  RUN  DONE    IN  OUT
db1                                      open            3 h  native 0.2.0  1.2 ms    2  1043  1.2M  33k
db2                                      legacy          3 h  legacy                  2  1043  1.2M  33k
mail                                     paused         42 s  native 0.2.0  106 ms    2  1043  1.2M  33k
old-customer-portal-staging-environment  unresponsive   28 d  native 0.2.0  1.2 ms    2  1043  1.2M  33k
  last error: Cannot connect to "/run/libvirt/qemu/channel/17-web/negotiator-host-to-guest.0": connection
    refused
  Start it
web1                                     waiting       9 min                          0     0     0    0
web2                                     shut off                                     0     0     0    0
web3                                     open            3 h  native 0.2.0  1.2 ms    2  1043  1.2M  33k
  slowed down: it sends more than 1000 messages in a second
`);
});

test("80 columns", () => {
  expect(`\n${screen(80)}\n`).toBe(`
GUEST                  STATE         SINCE  AGENT     PING  RUN  DONE    IN  OUT
db1                    open            3 h  0.2.0   1.2 ms    2  1043  1.2M  33k
db2                    legacy          3 h  legacy            2  1043  1.2M  33k
mail                   paused         42 s  0.2.0   106 ms    2  1043  1.2M  33k
old-customer-portal-…  unresponsive   28 d  0.2.0   1.2 ms    2  1043  1.2M  33k
  last error: Cannot connect to
    "/run/libvirt/qemu/channel/17-web/negotiator-host-to-guest.0": connection
    refused
  Start it
web1                   waiting       9 min                    0     0     0    0
web2                   shut off                               0     0     0    0
web3                   open            3 h  0.2.0   1.2 ms    2  1043  1.2M  33k
  slowed down: it sends more than 1000 messages in a second
`);
});

test("40 columns", () => {
  expect(`\n${screen(40)}\n`).toBe(`
GUEST                STATE         SINCE
db1                  open            3 h
db2                  legacy          3 h
mail                 paused         42 s
old-customer-porta…  unresponsive   28 d
  last error: Cannot connect to
    "/run/libvirt/qemu/channel/17-web/ne
    gotiator-host-to-guest.0":
    connection refused
  Start it
web1                 waiting       9 min
web2                 shut off
web3                 open            3 h
  slowed down: it sends more than 1000
    messages in a second
`);
});

describe.each([20, 39, 40, 60, 79, 80, 81, 100, 132])("%d columns", (width) => {
  test("no line is wider", () => {
    for (const line of screen(width).split("\n")) expect(widthOf(line)).toBeLessThanOrEqual(width);
  });
});

test("control characters in names and errors are shown, and wide characters keep the columns", () => {
  const shown = screen(80, [
    row("a\u001b]0;x\u0007\u009b31m", { lastError: "\u001b[2J\u202egone\r\nsecond\u0000" }),
    row("漢字", { version: "\u001b[31m1" }),
  ]);
  expect(`\n${shown}\n`).toBe(`
GUEST                 STATE  SINCE  AGENT        PING  RUN  DONE    IN  OUT
a\\x1b]0;x\\x07\\x9b31m  open     3 h  0.2.0      1.2 ms    2  1043  1.2M  33k
  last error: \\x1b[2J\\u202egone\\r
  second\\x00
漢字                  open     3 h  \\x1b[31m1  1.2 ms    2  1043  1.2M  33k
`);
});

test("states have their colours, and nothing else has one but titles and errors", () => {
  const lines = formatStatusTable([row("web1"), row("web2", { state: "unresponsive", lastError: "gone" })], {
    title: "GUEST",
    width: 80,
    paint: COLOURED,
    nowMs: NOW_MS,
  });
  expect(lines.map((line) => line.replaceAll("\u001b", "^"))).toEqual([
    "^[1mGUEST  STATE         SINCE  AGENT           PING  RUN  DONE    IN  OUT^[0m",
    "web1   ^[32mopen^[0m            3 h  native 0.2.0  1.2 ms    2  1043  1.2M  33k",
    "web2   ^[31munresponsive^[0m    3 h  native 0.2.0  1.2 ms    2  1043  1.2M  33k",
    "  ^[2mlast error: gone^[0m",
  ]);
});
