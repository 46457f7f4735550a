/** THE TABLE of rows. */
import type { Row } from "./row.ts";

const RELAYS = "bare relays";
const BARE_PROGRAM = "bare program in the guest";

const speed = { unit: "MB/s", judged: "ratio", better: "more" } as const;
const bulk = { ...speed, family: "bulk" } as const;
const machine = { ...speed, family: "virtual-machine" } as const;
const call = { family: "calls", unit: "ms", better: "less" } as const;
const start = { family: "starts", unit: "ms", judged: "ratio", better: "less" } as const;
const idle = { family: "idle-guest", unit: "MiB", judged: "ratio", better: "less" } as const;
const agent = { family: "guest-agent", yardstick: "QEMU guest agent", judged: "ratio" } as const;
const many = { family: "many-guests", judged: "figure", better: "less" } as const;
const slow = {
  family: "slow-reader",
  unit: "MiB",
  judged: "figure",
  better: "less",
  goal: 24,
  floor: 8,
} as const;
const replaced = {
  family: "replacement",
  unit: "ms",
  yardstick: "longest of other calls",
  judged: "figure",
  better: "less",
  goal: 300,
  floor: 100,
} as const;

/** All rows, in the order of the table. */
export const ROWS: readonly Row[] = [
  { ...bulk, name: "bulk-out", what: "200 MB random, out", yardstick: RELAYS, goal: 0.8 },
  { ...bulk, name: "bulk-in", what: "200 MB random, in", yardstick: RELAYS, goal: 0.8 },
  { ...bulk, name: "encoded-out", what: "the same, out, rawPayloads = false", yardstick: RELAYS, goal: 0.4 },
  { ...bulk, name: "encoded-in", what: "the same, in, rawPayloads = false", yardstick: RELAYS, goal: 0.4 },
  { ...bulk, name: "zeros-out", what: "200 MB zeros, out", yardstick: "random, out", goal: 0.9 },
  { ...bulk, name: "text-out", what: "200 MB log lines, out", yardstick: "random, out", goal: 0.9 },
  { ...machine, name: "vm-out-64k", what: "VM, pieces of 64 KiB, out", yardstick: BARE_PROGRAM, goal: 0.8 },
  { ...machine, name: "vm-out-cat", what: "VM, pieces of 64 KiB, out", yardstick: "cat to the port" },
  { ...machine, name: "vm-out-4k", what: "VM, pieces of 4 KiB, out", yardstick: BARE_PROGRAM, goal: 1.5 },
  { ...machine, name: "vm-in", what: "VM, in", yardstick: BARE_PROGRAM, goal: 0.8 },
  {
    ...machine,
    name: "vm-small-call",
    what: "VM, small call beside a bulk stream",
    unit: "ms",
    yardstick: "on the idle port",
    better: "less",
    goal: 2,
  },
  {
    ...call,
    name: "call",
    what: "call through both daemons, open session",
    yardstick: "bare spawn",
    judged: "ratio",
    goal: 1.4,
  },
  {
    ...call,
    name: "port-call",
    what: "call over the port, open session",
    yardstick: "bare spawn",
    judged: "ratio",
  },
  {
    ...call,
    name: "user-call",
    what: "processor time of a call as another user",
    yardstick: "bare setpriv",
    judged: "ratio",
    goal: 1.2,
  },
  {
    ...call,
    name: "list-commands",
    what: "list-commands over the port, open session",
    yardstick: "info",
    judged: "figure",
    goal: 0.3,
  },
  { ...start, name: "version", what: "negotiator --version", yardstick: "empty program", goal: 1.5 },
  { ...start, name: "execute", what: "host execute, with the daemon", yardstick: "empty program", goal: 4 },
  { ...idle, name: "guest-rss", what: "idle guest daemon, RSS", yardstick: "waiting program", goal: 1.5 },
  {
    ...idle,
    name: "guest-anonymous",
    what: "idle guest daemon, anonymous memory",
    yardstick: "waiting program",
    goal: 2.5,
  },
  { ...agent, name: "agent-ping", what: "guest-ping", unit: "µs", better: "less", goal: 2 },
  {
    ...agent,
    name: "agent-exec",
    what: "guest-exec of true, to its end",
    unit: "ms",
    better: "less",
    goal: 1,
  },
  { ...agent, name: "agent-output", what: "the same, with output", unit: "ms", better: "less", goal: 1 },
  { ...agent, name: "agent-write", what: "guest-file-write, 1 MiB", unit: "MB/s", better: "more", goal: 1 },
  { ...agent, name: "agent-read", what: "guest-file-read, 1 MiB", unit: "MB/s", better: "more", goal: 1 },
  { ...agent, name: "agent-memory", what: "guest agent after one ping, RSS", unit: "MiB", better: "less" },
  { ...agent, name: "agent-peak", what: "guest agent, peak of RSS in all", unit: "MiB", better: "less" },
  { ...many, name: "guests-memory", what: "host daemon, 1000 guests, memory of each", unit: "KiB", goal: 50 },
  { ...many, name: "guests-open", what: "host daemon, until 1000 guests are open", unit: "s", floor: 0.5 },
  {
    ...many,
    name: "guests-processor",
    what: "host daemon, 1000 idle guests, one core",
    unit: "%",
    goal: 1,
    floor: 0.5,
  },
  { ...slow, name: "slow-guest", what: "1 GiB to a slow reader, guest daemon above idle" },
  { ...slow, name: "slow-host", what: "1 GiB to a slow reader, host daemon above idle" },
  { ...slow, name: "slow-client", what: "1 GiB to a slow reader, command line above idle" },
  { ...replaced, name: "reexec-host", what: "longest call while the host's daemon is replaced" },
  { ...replaced, name: "reexec-guest", what: "longest call while the guest's daemon is replaced" },
];

/** Whether a row needs a virtual machine. */
export function needsMachine({ family }: Row): boolean {
  return family === "virtual-machine";
}
