/** Calls that cannot be written down: counted by command, or refused. */
import { expect, test } from "bun:test";
import { mkdir, rm } from "node:fs/promises";
import { openAudit } from "../../src/audit/audit.ts";
import type { AuditEntry } from "../../src/audit/audit-line.ts";
import { CommandCounts } from "../../src/audit/command-counts.ts";
import { NegotiatorError } from "../../src/errors.ts";
import { readLines } from "../support/audit-lines.ts";
import { auditOptions, FINISHED } from "../support/audit-sample.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const { exitCode, signal, endedBy, bytes, durationMs, ...CALL } = FINISHED;
const END: AuditEntry = { ...CALL, exitCode, signal, endedBy, bytes, durationMs };
const LONG = { args: ["x".repeat(4000)] };

/** The error code of what throws; undefined if nothing throws. */
function codeOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (thrown) {
    return NegotiatorError.from(thrown).code;
  }
}

test("a start and its end are two lines with one call id in audit.jsonl", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("audit.jsonl");
  const [options, problems] = auditOptions(path);
  using audit = openAudit(options);
  const begun = audit.begin(CALL);
  expect(await readLines(path)).toMatchObject([{ event: "start", callId: "c-1", arguments: ["-p"] }]);
  audit.record(END, begun);
  const [start, end] = await readLines(path);
  expect(end).toMatchObject({ callId: "c-1", exitCode: 0, arguments: ["-p"] });
  expect(end).not.toHaveProperty("event");
  expect(start).not.toHaveProperty("exitCode");
  expect(problems).toEqual([]);
});

test("the end of a started call is in audit.jsonl, also if its outcome is unknown", async () => {
  await using directory = await createTemporaryDirectory();
  using audit = openAudit(auditOptions(directory.at("audit.jsonl"))[0]);
  audit.record({ ...CALL, errorCode: "UNKNOWN_OUTCOME" }, audit.begin(CALL));
  audit.record({ ...CALL, errorCode: "NO_COMMAND" });
  expect(await readLines(directory.at("audit.jsonl"))).toHaveLength(2);
  expect(await readLines(directory.at("audit-denied.jsonl"))).toMatchObject([{ errorCode: "NO_COMMAND" }]);
});

test("onFull = deny refuses a call beyond its caller's share, and not one of another caller", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("audit.jsonl");
  using audit = openAudit(auditOptions(path, { onFull: "deny", maxBytes: 40_000, keep: 1 })[0]);
  const codes = Array.from({ length: 50 }, () => codeOf(() => audit.begin({ ...CALL, ...LONG })));
  const written = codes.filter((code) => code === undefined).length;
  expect(written).toBeWithin(2, 10);
  expect(codes.slice(written)).toEqual(codes.slice(written).map(() => "BUSY"));
  expect(codeOf(() => audit.begin({ ...CALL, peer: { guest: "web2" } }))).toBeUndefined();
  expect(await readLines(path)).toHaveLength(written + 1);
});

test("onFull = deny counts no refused call as lost when the file can be written again", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("audit.jsonl");
  await mkdir(path);
  const [options, problems] = auditOptions(path, { onFull: "deny" });
  using audit = openAudit(options);
  for (let call = 0; call < 3; call++) expect(codeOf(() => audit.begin(CALL))).toBe("BUSY");
  expect(problems.map(({ message }) => message)).toEqual([expect.stringContaining("EISDIR")]);
  await rm(path, { recursive: true });
  audit.begin(CALL);
  expect(await readLines(path)).toMatchObject([{ event: "start" }]);
});

test("with onFull = count lines that are lost are counted by command, starts and ends alike", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("audit.jsonl");
  await mkdir(path);
  using audit = openAudit(auditOptions(path)[0]);
  const begun = audit.begin(CALL);
  audit.record({ ...END, command: "named" }, audit.begin({ ...CALL, command: "named" }));
  await rm(path, { recursive: true });
  audit.record(END, begun);
  expect(await readLines(path)).toMatchObject([
    { event: "lost", lostLines: 3, commands: { uptime: 1, named: 2 } },
    { callId: "c-1", exitCode: 0 },
  ]);
});

test("the end of a call whose start was left out is not written, and the call is counted once", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("audit.jsonl");
  const audit = openAudit(auditOptions(path, { maxBytes: 40_000, keep: 1 })[0]);
  for (let call = 0; call < 50; call++) audit.record({ ...END, ...LONG }, audit.begin({ ...CALL, ...LONG }));
  audit[Symbol.dispose]();
  const lines = await readLines(path);
  const starts = lines.filter(({ event }) => event === "start").length;
  const ends = lines.filter(({ event }) => event === undefined).length;
  expect(ends).toBe(starts);
  expect(lines.at(-1)).toMatchObject({ event: "left-out", ran: true, leftOut: 50 - starts });
});

test("an audit that ends while its file cannot be written reports the lost lines by command", async () => {
  await using directory = await createTemporaryDirectory();
  await mkdir(directory.at("audit.jsonl"));
  const [options, problems] = auditOptions(directory.at("audit.jsonl"));
  const audit = openAudit(options);
  for (const command of ["a", "b\u001b", "a"]) audit.begin({ ...CALL, command });
  audit[Symbol.dispose]();
  expect(problems.at(-1)?.message).toEndWith(String.raw`are lost: 3 ("a" 2, "b\u001b" 1)`);
});

test("with fsync every start is synced, and rotation does not disturb it", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("audit.jsonl");
  const [options, problems] = auditOptions(path, { fsync: true, maxBytes: 2000, keep: 500 });
  using audit = openAudit(options);
  const own = { ...CALL, direction: "outgoing", user: { uid: 0 } } as const;
  const begun = Array.from({ length: 300 }, () => audit.begin(own));
  const waits = begun.flatMap(({ synced }) => (synced === undefined ? [] : [synced()]));
  expect(waits).toHaveLength(300);
  await Promise.all(waits);
  expect(problems).toEqual([]);
});

test("copies get every line; those that could not be sent are counted in the next copy", async () => {
  await using directory = await createTemporaryDirectory();
  const copies: Record<string, unknown>[] = [];
  let isDown = false;
  const forward = (line: string): void => {
    if (isDown) throw new NegotiatorError("NO_CHANNEL", "nobody listens");
    copies.push(JSON.parse(line));
  };
  const [options, problems] = auditOptions(directory.at("audit.jsonl"), { forward });
  using audit = openAudit(options);
  audit.record(END, audit.begin(CALL));
  isDown = true;
  audit.record(END, audit.begin(CALL));
  isDown = false;
  audit.record({ ...CALL, errorCode: "NO_COMMAND" });
  expect(copies).toMatchObject([
    { event: "start" },
    { exitCode: 0 },
    { event: "lost", lostLines: 2, commands: { uptime: 2 } },
    { errorCode: "NO_COMMAND" },
  ]);
  expect(problems.map(({ code }) => code)).toEqual(["NO_CHANNEL"]);
  expect(await readLines(directory.at("audit.jsonl"))).toHaveLength(4);
});

test("a line that the file cannot take is copied all the same", async () => {
  await using directory = await createTemporaryDirectory();
  await mkdir(directory.at("audit.jsonl"));
  const copies: string[] = [];
  const forward = (line: string): void => void copies.push(line);
  using audit = openAudit(auditOptions(directory.at("audit.jsonl"), { forward })[0]);
  audit.begin(CALL);
  expect(copies).toEqual([expect.stringContaining('"event":"start"')]);
});

test("a file whose lock another process keeps grows up to its bound, then its lines are lost", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("audit.jsonl");
  const [options, problems] = auditOptions(path, { maxBytes: 1000, tryLock: () => false });
  using audit = openAudit(options);
  const own = { ...CALL, ...LONG, direction: "outgoing", user: { uid: 0 } } as const;
  for (let call = 0; call < 200; call++) audit.begin(own);
  expect(problems).toEqual([]);
  for (let call = 0; call < 200; call++) audit.begin(own);
  expect(problems.map(({ message }) => message)).toEqual([
    expect.stringContaining("another process rotates"),
  ]);
  expect(Bun.file(path).size).toBeWithin(1024 * 1024 - 5000, 1024 * 1024 + 1001);
});

test("counts have at most 64 names of 64 bytes, and the others as one number", () => {
  const counts = new CommandCounts();
  for (let command = 0; command < 100; command++) counts.add(`${command}${"\u001b".repeat(1000)}`);
  counts.add("0".repeat(3), 2);
  counts.add(undefined);
  const { commands = {}, otherCommands } = counts.members();
  expect(Object.keys(commands)).toHaveLength(64);
  expect(otherCommands).toBe(38);
  const line = JSON.stringify(commands);
  expect(Buffer.byteLength(line)).toBeLessThan(64 * 72);
});

test.each(["__proto__", "constructor", "7", ""])("a command named %j is counted as any other", (name) => {
  const counts = new CommandCounts();
  counts.add(name);
  counts.add(name);
  expect(JSON.stringify(counts.members())).toBe(`{"commands":{${JSON.stringify(name)}:2}}`);
});
