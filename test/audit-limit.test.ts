/** Calls that ran nothing: how many are written, and what is told of the others. */
import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { openAudit } from "../src/audit.ts";
import { createAuditLimit } from "../src/audit-limit.ts";
import type { AuditEntry } from "../src/audit-line.ts";
import { createTemporaryDirectory } from "./support/temporary-directory.ts";

const START = Date.parse("2026-01-02T03:04:05.000Z");

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
const OTHER: AuditEntry = { ...DENIED, peer: { guest: "web2" } };

/** How many of `count` entries at that time are admitted. */
function admitted(limit: ReturnType<typeof createAuditLimit>, entry: AuditEntry, nowMs: number, count = 100) {
  return Array.from({ length: count }, () => limit.admit(entry, nowMs)).filter(Boolean).length;
}

test("sixty a minute are written for each peer, the rest is counted", () => {
  const limit = createAuditLimit();
  expect(admitted(limit, DENIED, START, 59)).toBe(59);
  expect(admitted(limit, DENIED, START + 59_000)).toBe(1);
  expect(admitted(limit, OTHER, START + 59_000)).toBe(60);
  expect(admitted(limit, DENIED, START + 59_500, 1)).toBe(0);
  expect(limit.settle(START + 59_999)).toEqual([]);
  expect(limit.settle(START + 60_000)).toMatchObject([
    { role: "host", peer: { guest: "web1" }, leftOut: 100, sinceMs: START + 59_000 },
  ]);
  expect(admitted(limit, DENIED, START + 60_000)).toBe(60);
  expect(limit.settle(Infinity).map(({ peer, leftOut }) => [peer.guest, leftOut])).toEqual([
    ["web2", 40],
    ["web1", 40],
  ]);
  expect(limit.settle(Infinity)).toEqual([]);
});

test.each<[string, AuditEntry]>([
  ["that ran something", RAN],
  ["that a signal ended", { ...RAN, exitCode: null, signal: "SIGKILL" }],
  ["of our own, which a peer cannot make", { ...DENIED, direction: "outgoing" }],
])("calls %s are all written", (_, entry) => {
  const limit = createAuditLimit();
  expect(admitted(limit, entry, START, 500)).toBe(500);
  expect(limit.settle(Infinity)).toEqual([]);
});

test("guests of one name and different uuids are different peers; the host is one without either", () => {
  const limit = createAuditLimit();
  for (const peer of [{ guest: "a", uuid: "u-1" }, { guest: "a", uuid: "u-2" }, {}])
    expect(admitted(limit, { ...DENIED, peer }, START, 61)).toBe(60);
  expect(limit.settle(Infinity).map(({ peer }) => peer)).toEqual([
    { guest: "a", uuid: "u-1" },
    { guest: "a", uuid: "u-2" },
    {},
  ]);
});

test("a clock that is set back silences nobody", () => {
  const limit = createAuditLimit();
  admitted(limit, DENIED, START, 70);
  expect(limit.settle(START - 1)).toMatchObject([{ leftOut: 10 }]);
  expect(limit.admit(DENIED, START - 1)).toBe(true);
});

test("what is over is forgotten", () => {
  const limit = createAuditLimit();
  for (let guest = 0; guest < 1000; guest++)
    admitted(limit, { ...DENIED, peer: { guest: `g${guest}` } }, START, 61);
  expect(limit.settle(START + 60_000)).toHaveLength(1000);
  expect(limit.settle(Infinity)).toEqual([]);
});

/** An audit whose clock stands, and the lines of its file. */
async function createAudit() {
  const directory = await createTemporaryDirectory();
  const path = directory.at("audit.jsonl");
  const clock = { nowMs: START };
  const now = (): number => clock.nowMs;
  const problems: Error[] = [];
  const onProblem = (problem: Error): void => void problems.push(problem);
  const audit = openAudit({ path, maxBytes: 1e6, keep: 0, redactArguments: false, onProblem, now });
  return {
    audit,
    clock,
    async lines(): Promise<Record<string, unknown>[]> {
      const text = await readFile(path, "utf8");
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

test("the first entry after the minute has the line in front of it, whoever's it is", async () => {
  for (const next of [DENIED, OTHER, RAN]) {
    await using stage = await createAudit();
    for (let count = 0; count < 200; count++) stage.audit.record(DENIED);
    stage.audit.record(RAN);
    expect((await stage.lines()).map(({ event }) => event)).toEqual(
      Array.from({ length: 61 }, () => undefined),
    );
    stage.clock.nowMs += 60_000;
    stage.audit.record(next);
    expect((await stage.lines()).slice(61)).toEqual([
      {
        time: "2026-01-02T03:05:05.000Z",
        event: "left-out",
        role: "host",
        direction: "incoming",
        peer: { guest: "web1" },
        leftOut: 140,
        since: "2026-01-02T03:04:05.000Z",
      },
      expect.objectContaining({ peer: next.peer, decision: next.decision }),
    ]);
    stage.audit.record(next);
    expect(await stage.lines()).toHaveLength(64);
  }
});

test("what is not told by the end is told then, once", async () => {
  await using stage = await createAudit();
  for (const entry of [DENIED, OTHER]) for (let count = 0; count < 61; count++) stage.audit.record(entry);
  stage.audit[Symbol.dispose]();
  stage.audit[Symbol.dispose]();
  const lines = await stage.lines();
  expect(lines).toHaveLength(122);
  expect(lines.slice(120)).toMatchObject([
    { event: "left-out", peer: { guest: "web1" }, leftOut: 1 },
    { event: "left-out", peer: { guest: "web2" }, leftOut: 1 },
  ]);
});

test("where nothing was left out, nothing is told", async () => {
  await using stage = await createAudit();
  for (let count = 0; count < 60; count++) stage.audit.record(DENIED);
  stage.clock.nowMs += 60_000;
  stage.audit.record(DENIED);
  stage.audit[Symbol.dispose]();
  expect((await stage.lines()).map(({ event }) => event)).toEqual(
    Array.from({ length: 61 }, () => undefined),
  );
});
