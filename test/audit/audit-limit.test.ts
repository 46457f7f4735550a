/** The number of calls of one peer that are written, and the report of the others. */
import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { openAudit } from "../../src/audit/audit.ts";
import { createAuditLimit } from "../../src/audit/audit-limit.ts";
import { formatLeftOut } from "../../src/audit/audit-line.ts";
import type { AuditEntry } from "../../src/audit/audit-line.ts";
import { auditOptions } from "../support/audit-sample.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const START = Date.parse("2026-01-02T03:04:05.000Z");

/** The default: six files of 10 MiB. */
const TRAIL_BYTES = 6 * 10 * 1024 * 1024;
const SMALL_TRAIL_BYTES = 4 * 1024 * 1024;
const LINE_BYTES = 500;

const DENIED: AuditEntry = {
  role: "host",
  direction: "incoming",
  peer: { guest: "web1" },
  callId: "c-1",
  method: "execute",
  command: "reboot",
  decision: "denied",
  errorCode: "DENIED",
};
const RAN: AuditEntry = { ...DENIED, decision: "allowed", errorCode: undefined, exitCode: 0 };
const OTHER_RAN: AuditEntry = { ...RAN, peer: { guest: "web2" } };
const OTHER: AuditEntry = { ...DENIED, peer: { guest: "web2" } };

/** The number of entries that are admitted, of `count` at that time. */
function admitted(limit: ReturnType<typeof createAuditLimit>, entry: AuditEntry, nowMs: number, count = 100) {
  return Array.from({ length: count }, () => limit.admit(entry, nowMs)).filter(Boolean).length;
}

test("sixty denied calls a minute are written for each peer, the others are counted as left out", () => {
  const limit = createAuditLimit(TRAIL_BYTES);
  expect(admitted(limit, DENIED, START, 59)).toBe(59);
  expect(admitted(limit, DENIED, START + 59_000)).toBe(1);
  expect(admitted(limit, OTHER, START + 59_000)).toBe(60);
  expect(admitted(limit, DENIED, START + 59_500, 1)).toBe(0);
  expect(limit.settle(START + 68_999)).toEqual([]);
  expect(limit.settle(START + 69_000)).toMatchObject([
    { role: "host", peer: { guest: "web1" }, leftOut: 100, sinceMs: START + 59_000 },
    { role: "host", peer: { guest: "web2" }, leftOut: 40, sinceMs: START + 59_000 },
  ]);
  expect(admitted(limit, DENIED, START + 69_000)).toBe(60);
  expect(admitted(limit, OTHER, START + 69_000)).toBe(0);
  expect(limit.settle(Infinity).map(({ peer, leftOut }) => [peer.guest, leftOut])).toEqual([
    ["web1", 40],
    ["web2", 100],
  ]);
  expect(limit.settle(Infinity)).toEqual([]);
});

test.each<[string, AuditEntry]>([
  ["that ran a user command", RAN],
  ["that a signal ended", { ...RAN, exitCode: null, signal: "SIGKILL" }],
  ["that root makes and that ran", { ...RAN, direction: "outgoing", user: { uid: 0 } }],
])("calls %s are all written", (_, entry) => {
  const limit = createAuditLimit(TRAIL_BYTES);
  expect(admitted(limit, entry, START, 500)).toBe(500);
  expect(limit.settle(Infinity)).toEqual([]);
});

test("refused notices that a local user sends out are limited, because they cost nothing", () => {
  const notice: AuditEntry = {
    ...DENIED,
    direction: "outgoing",
    callId: undefined,
    errorCode: "BAD_REQUEST",
  };
  expect(admitted(createAuditLimit(TRAIL_BYTES), notice, START, 500)).toBe(60);
});

test("calls of built-in commands, refused calls and calls of user commands have separate limits", () => {
  const limit = createAuditLimit(TRAIL_BYTES);
  const builtin = { ...RAN, builtin: true };
  expect(admitted(limit, builtin, START, 70)).toBe(60);
  expect(admitted(limit, DENIED, START, 70)).toBe(60);
  expect(admitted(limit, RAN, START, 100)).toBe(100);
  expect(limit.settle(Infinity)).toMatchObject([
    { ran: true, leftOut: 10 },
    { ran: false, leftOut: 10 },
  ]);
});

/** The number of entries that are admitted, of `count` with `stepMs` between them. */
function written(
  limit: ReturnType<typeof createAuditLimit>,
  entry: AuditEntry,
  count: number,
  stepMs: number,
) {
  let lines = 0;
  for (let call = 0; call < count; call++) {
    const nowMs = START + call * stepMs;
    limit.settle(nowMs);
    if (!limit.admit(entry, nowMs)) continue;
    limit.charge(entry, LINE_BYTES);
    lines++;
  }
  return lines;
}

test("one call a second for a day, and two thousand calls at once, are all written", () => {
  for (const trailBytes of [SMALL_TRAIL_BYTES, TRAIL_BYTES]) {
    expect(written(createAuditLimit(trailBytes), RAN, 86_400, 1000)).toBe(86_400);
    expect(written(createAuditLimit(trailBytes), RAN, 2000, 1)).toBe(2000);
  }
});

test("one peer fills less than a quarter of all files in an hour; the rest is counted as left out", () => {
  const limit = createAuditLimit(TRAIL_BYTES);
  const lines = written(limit, RAN, 360_000, 10);
  expect(lines * LINE_BYTES).toBeGreaterThan(TRAIL_BYTES / 16);
  expect(lines * LINE_BYTES).toBeLessThan(TRAIL_BYTES / 4);
  expect(limit.settle(Infinity)).toMatchObject([{ ran: true, peer: RAN.peer }]);
  expect(limit.admit(OTHER, START)).toBe(true);
  expect(limit.admit(DENIED, START + 3_600_000)).toBe(true);
});

test("long lines of denied calls fill less than a quarter of all files in an hour", () => {
  const limit = createAuditLimit(TRAIL_BYTES);
  let bytes = 0;
  for (let nowMs = START; nowMs < START + 3_600_000; nowMs += 1000) {
    limit.settle(nowMs);
    if (!limit.admit(DENIED, nowMs)) continue;
    limit.charge(DENIED, 30_000);
    bytes += 30_000;
  }
  expect(bytes).toBeLessThan(TRAIL_BYTES / 4);
});

test("guests with equal names and different uuids, and the host, are limited separately", () => {
  const limit = createAuditLimit(TRAIL_BYTES);
  for (const peer of [{ guest: "a", uuid: "u-1" }, { guest: "a", uuid: "u-2" }, {}])
    expect(admitted(limit, { ...DENIED, peer }, START, 61)).toBe(60);
  expect(limit.settle(Infinity).map(({ peer }) => peer)).toEqual([
    { guest: "a", uuid: "u-1" },
    { guest: "a", uuid: "u-2" },
    {},
  ]);
});

test.each<[string, AuditEntry["peer"], AuditEntry["peer"]]>([
  ["a guest called host and the host", { guest: "host" }, {}],
  ["a uuid and a guest of that name", { guest: "web1", uuid: "web2" }, { guest: "web2" }],
  ["an empty name and the host", { guest: "" }, {}],
  ["a guest called true x and a guest called x", { guest: "true x" }, { guest: "x" }],
])("%s are limited separately", (_, used, other) => {
  const limit = createAuditLimit(TRAIL_BYTES);
  expect(admitted(limit, { ...DENIED, peer: used }, START, 61)).toBe(60);
  expect(admitted(limit, { ...DENIED, peer: other }, START, 61)).toBe(60);
});

test("after the clock is set back, calls are written and the left-out ones are counted", () => {
  const limit = createAuditLimit(TRAIL_BYTES);
  admitted(limit, DENIED, START, 70);
  expect(limit.settle(START - 1)).toMatchObject([{ leftOut: 10 }]);
  expect(limit.admit(DENIED, START - 1)).toBe(true);
});

test("after the clock is set back a day, lines that a peer has filled its share with are admitted", () => {
  const limit = createAuditLimit(TRAIL_BYTES);
  expect(limit.admit(RAN, START)).toBe(true);
  limit.charge(RAN, 1024);
  const earlierMs = START - 86_400_000;
  expect(limit.admit(RAN, earlierMs)).toBe(true);
  limit.charge(RAN, 1024);
  expect(limit.admit(RAN, earlierMs)).toBe(true);
});

test("the counts of a minute are removed when it is over", () => {
  const limit = createAuditLimit(TRAIL_BYTES);
  for (let guest = 0; guest < 1000; guest++)
    admitted(limit, { ...DENIED, peer: { guest: `g${guest}` } }, START, 61);
  expect(limit.settle(START + 60_000)).toHaveLength(1000);
  expect(limit.settle(Infinity)).toEqual([]);
});

/** An audit with a clock of the test, and the lines of its file. */
async function createAudit() {
  const directory = await createTemporaryDirectory();
  const path = directory.at("audit.jsonl");
  const clock = { nowMs: START };
  const now = (): number => clock.nowMs;
  const [options, problems] = auditOptions(path, { maxBytes: 1e7, keep: 0, now });
  const audit = openAudit(options);
  return {
    audit,
    clock,
    async lines(file = "audit-denied.jsonl"): Promise<Record<string, unknown>[]> {
      const text = await readFile(directory.at(file), "utf8");
      return text
        .split("\n")
        .filter(Boolean)
        .map((line): Record<string, unknown> => JSON.parse(line));
    },
    async [Symbol.asyncDispose]() {
      audit[Symbol.dispose]();
      await directory[Symbol.asyncDispose]();
      expect(problems).toEqual([]);
    },
  };
}

test("left-out entries are reported with their commands before the next entry after the minute", async () => {
  for (const next of [DENIED, OTHER, RAN]) {
    await using stage = await createAudit();
    for (let count = 0; count < 200; count++) stage.audit.record(DENIED);
    stage.audit.record(RAN);
    const calls = Array.from({ length: 60 }, () => undefined);
    expect((await stage.lines()).map(({ event }) => event)).toEqual(calls);
    stage.clock.nowMs += 60_000;
    stage.audit.record(next);
    expect((await stage.lines())[60]).toEqual({
      time: "2026-01-02T03:05:05.000Z",
      event: "left-out",
      role: "host",
      direction: "incoming",
      peer: { guest: "web1" },
      ran: false,
      leftOut: 140,
      commands: { reboot: 140 },
      since: "2026-01-02T03:04:05.000Z",
    });
    const file = next === RAN ? "audit.jsonl" : "audit-denied.jsonl";
    expect((await stage.lines(file)).at(-1)).toMatchObject({ peer: next.peer, decision: next.decision });
    stage.audit.record(next);
    expect(await stage.lines()).toHaveLength(next === RAN ? 61 : 63);
  }
});

test("closing the audit writes the counts of left-out entries, once", async () => {
  await using stage = await createAudit();
  for (const entry of [DENIED, OTHER]) for (let count = 0; count < 61; count++) stage.audit.record(entry);
  stage.audit[Symbol.dispose]();
  stage.audit[Symbol.dispose]();
  const lines = await stage.lines();
  expect(lines).toHaveLength(122);
  expect(lines.slice(120)).toMatchObject([
    { event: "left-out", peer: { guest: "web1" }, leftOut: 1, commands: { reboot: 1 } },
    { event: "left-out", peer: { guest: "web2" }, leftOut: 1, commands: { reboot: 1 } },
  ]);
});

test("a minute without left-out entries writes no line about them", async () => {
  await using stage = await createAudit();
  for (let count = 0; count < 60; count++) stage.audit.record(DENIED);
  stage.clock.nowMs += 60_000;
  stage.audit.record(DENIED);
  stage.audit[Symbol.dispose]();
  expect((await stage.lines()).map(({ event }) => event)).toEqual(
    Array.from({ length: 61 }, () => undefined),
  );
});

test("a caller whose share is full gets a line for another command, once an hour", () => {
  const limit = createAuditLimit(TRAIL_BYTES);
  limit.admit(RAN, START);
  limit.charge(RAN, TRAIL_BYTES / 4);
  const named: AuditEntry = { ...RAN, command: "named" };
  expect(limit.admit(RAN, START)).toBe(false);
  expect(limit.admit(named, START)).toBe(true);
  expect(limit.admit(named, START + 3_599_999)).toBe(false);
  expect(limit.admit(named, START + 3_600_000)).toBe(true);
  expect(limit.settle(Infinity).map(({ counts }) => counts.members())).toEqual([
    { commands: { reboot: 1, named: 1 } },
  ]);
});

test("a caller whose share is full gets no line for a new command after 64 others", () => {
  const limit = createAuditLimit(TRAIL_BYTES);
  limit.admit(RAN, START);
  limit.charge(RAN, TRAIL_BYTES / 4);
  const named = (command: number): AuditEntry => ({ ...RAN, command: `${command}` });
  const lines = Array.from({ length: 100 }, (_, command) => limit.admit(named(command), START)).filter(
    Boolean,
  );
  expect(lines).toHaveLength(63);
});

/** Lets so many guests call until `untilMs` as often as they can. Returns the bytes of their lines. */
function flood(
  limit: ReturnType<typeof createAuditLimit>,
  guests: number,
  entry: AuditEntry,
  untilMs: number,
) {
  let bytes = 0;
  for (let nowMs = START; nowMs < untilMs; nowMs += 1000) {
    for (const { ran } of limit.settle(nowMs)) {
      limit.chargeCount(ran, LINE_BYTES);
      bytes += LINE_BYTES;
    }
    for (let guest = 0; guest < guests; guest++) {
      const theirs = { ...entry, peer: { guest: `g${guest}` } };
      for (let call = 0; call < 200 && limit.admit(theirs, nowMs); call++) {
        limit.charge(theirs, LONG_LINE_BYTES);
        bytes += LONG_LINE_BYTES;
      }
    }
  }
  return bytes;
}

const LONG_LINE_BYTES = 16_384;
const QUARTER_HOUR_MS = 15 * 60_000;

test.each([
  ["ran something", RAN],
  ["ran nothing", DENIED],
])("two hundred callers together do not fill the files in a quarter of an hour: %s", (_, entry) => {
  const limit = createAuditLimit(TRAIL_BYTES);
  const bytes = flood(limit, 200, entry, START + QUARTER_HOUR_MS);
  expect(bytes).toBeWithin(TRAIL_BYTES / 4, TRAIL_BYTES);
});

test("after a flood of many callers, another caller's command has a line or a count", () => {
  const limit = createAuditLimit(TRAIL_BYTES);
  flood(limit, 17, RAN, START + 60_000);
  const nowMs = START + 59_000;
  expect(limit.admit(OTHER_RAN, nowMs)).toBe(true);
  expect(limit.admit(OTHER_RAN, nowMs)).toBe(false);
  const left = limit.settle(Infinity).find(({ peer }) => peer.guest === "web2");
  expect(left?.counts.members()).toEqual({ commands: { reboot: 1 } });
});

test("a trail of any size is not filled by one caller", () => {
  for (const trailBytes of [10_000, 100_000, 1_000_000, 10_000_000, 1_000_000_000]) {
    const limit = createAuditLimit(trailBytes);
    const lines = written(limit, RAN, 20_000, 1);
    expect(lines * LINE_BYTES).toBeLessThan(trailBytes / 3);
  }
});

const NAMES_OF_CALLS = Array.from({ length: 400 }, (_, index) => `name-${index}`);

test("left-out calls of a known command are counted by its name behind any number of other names", () => {
  const limit = createAuditLimit(TRAIL_BYTES, 0, (name) => name === "wipe-disk");
  for (const command of NAMES_OF_CALLS) limit.admit({ ...DENIED, command }, START);
  for (const command of ["wipe-disk", "wipe-disk", "other"]) limit.admit({ ...DENIED, command }, START);
  const [leftOut] = limit.settle(Infinity);
  const { commands = {}, otherCommands } = leftOut?.counts.members() ?? {};
  expect(commands["wipe-disk"]).toBe(2);
  expect(Object.keys(commands)).toHaveLength(65);
  expect(otherCommands).toBe(400 - 60 - 64 + 1);
});

test("a command that has run for one caller is known when another one's calls of it are left out", () => {
  const limit = createAuditLimit(TRAIL_BYTES);
  const ran = { ...RAN, command: "take-backup" };
  limit.admit(ran, START);
  limit.charge(ran, LINE_BYTES);
  for (const command of NAMES_OF_CALLS) limit.admit({ ...OTHER, command }, START);
  limit.admit({ ...OTHER, command: "take-backup" }, START);
  const [leftOut] = limit.settle(Infinity);
  expect(leftOut?.counts.members().commands?.["take-backup"]).toBe(1);
});

test("a count of as many names as it takes fits into a line of 16 KiB", () => {
  const limit = createAuditLimit(TRAIL_BYTES, 0, (name) => name.startsWith("known"));
  const long = "\u001b".repeat(20);
  for (const kind of ["name", "known"])
    for (let index = 0; index < 400; index++)
      limit.admit({ ...DENIED, command: `${kind}-${index}${long}` }, START);
  const [leftOut] = limit.settle(Infinity);
  if (leftOut === undefined) throw new Error("nothing was left out");
  expect(formatLeftOut(leftOut, "2026-01-02T03:04:05.000Z").length).toBeLessThan(16 * 1024);
});
