/**
 * One line of the audit file: bounded in length, without control characters, with marks where it is
 * shortened.
 */
import { expect, test } from "bun:test";
import { formatAuditLine, formatLeftOut } from "../../src/audit/audit-line.ts";
import type { AuditEntry, LeftOut } from "../../src/audit/audit-line.ts";
import { CommandCounts } from "../../src/audit/command-counts.ts";
import { FINISHED } from "../support/audit-sample.ts";

const TIME = "2026-01-02T03:04:05.678Z";

const LEFT_OUT: LeftOut = {
  role: "host",
  direction: "incoming",
  peer: {},
  ran: false,
  leftOut: 7,
  sinceMs: Date.parse(TIME),
  counts: new CommandCounts(),
};

test("with redactArguments a line has the count and digest of the arguments instead", async () => {
  const line = formatAuditLine({ ...FINISHED, args: ["--password", "s3cret"] }, TIME, true);
  expect(line).not.toContain("s3cret");
  expect(JSON.parse(line)).toMatchObject({
    argumentCount: 2,
    argumentsSha256: new Bun.CryptoHasher("sha256").update('["--password","s3cret"]').digest("hex"),
  });
  expect(JSON.parse(line)).not.toHaveProperty("arguments");
});

test.each([
  ["one huge argument", ["\u0000".repeat(1e6)]],
  ["many arguments", Array.from({ length: 1e5 }, (_, index) => `argument ${index}`)],
  ["many huge arguments", Array.from({ length: 1000 }, () => "\u009b".repeat(1000))],
])("a line with %s stays below 16 KiB and is marked as clipped", (_, args) => {
  const long = "\u0001".repeat(1e5);
  const entry: AuditEntry = {
    ...FINISHED,
    peer: { guest: long, uuid: long },
    callId: long,
    method: long,
    command: long,
    reason: long,
    signal: long,
    problem: long,
    args,
  };
  const line = formatAuditLine(entry, TIME, false);
  expect(Buffer.byteLength(line)).toBeLessThan(16_384);
  expect(JSON.parse(line)).toMatchObject({
    argumentsClipped: true,
    argumentCount: args.length,
    argumentsSha256: new Bun.CryptoHasher("sha256").update(JSON.stringify(args)).digest("hex"),
    command: `${"\u0001".repeat(84)}…`,
  });
});

test("a line about left-out entries stays below 4 KiB, with a long guest name too", () => {
  const peer = { guest: "\u001b".repeat(1e5), uuid: undefined };
  const line = formatLeftOut({ ...LEFT_OUT, peer }, TIME);
  expect(line.length).toBeLessThan(4096);
  expect(JSON.parse(line)).toEqual({
    time: TIME,
    event: "left-out",
    role: "host",
    direction: "incoming",
    peer: { guest: `${"\u001b".repeat(84)}…` },
    ran: false,
    leftOut: 7,
    since: TIME,
  });
});

test("control characters in the guest's name of a line about left-out entries are escaped", () => {
  const peer = { guest: "a\u009b2J\u001b[2J\u2028", uuid: undefined };
  const line = formatLeftOut({ ...LEFT_OUT, peer }, TIME);
  expect(line).toContain(String.raw`"a\u009b2J\u001b[2J\u2028"`);
  expect(JSON.parse(line)).toMatchObject({ peer: { guest: peer.guest } });
});

test.each([
  ["of control characters", Array.from({ length: 64 }, () => "\u009b".repeat(60))],
  ["of quotes", ['"'.repeat(2100)]],
  ["of three-byte letters", ["€".repeat(1400), "x"]],
  ["of half surrogate pairs", ["\ud800".repeat(4000)]],
  ["that are empty", Array.from({ length: 4096 }, () => "")],
])("arguments %s take at most 4 KiB of the line", (_, args) => {
  const line = formatAuditLine({ ...FINISHED, args }, TIME, false);
  const { arguments: shown, ...others } = JSON.parse(line);
  expect(others).toMatchObject({ argumentsClipped: true, argumentCount: args.length });
  expect(Buffer.byteLength(line)).toBeLessThan(4096 + 700);
  for (const [index, argument] of shown.entries()) expect(args[index]).toStartWith(argument);
});

test("arguments below 4 KiB are complete; a built-in command has no arguments member", () => {
  const args = ["x".repeat(2000), "y".repeat(2000)];
  expect(JSON.parse(formatAuditLine({ ...FINISHED, args }, TIME, false))).toMatchObject({ arguments: args });
  const builtin = JSON.parse(formatAuditLine({ ...FINISHED, args: undefined, builtin: true }, TIME, false));
  expect(builtin).toMatchObject({ command: "uptime", builtin: true });
  expect(builtin).not.toHaveProperty("arguments");
});

test("a huge first argument does not hide the next one", () => {
  const line = formatAuditLine({ ...FINISHED, args: ["x".repeat(1e6), "--force"] }, TIME, false);
  expect(line).toContain('"--force"');
});

test("control characters in arguments are escaped, and parsing the line returns the same arguments", () => {
  const args = ['a\n{"callId":"forged"}', "\u001b[2J\u009b2J\u007f", "\u202egpj.exe\u2028", "\ud800", "é😀"];
  const line = formatAuditLine({ ...FINISHED, args }, TIME, false);
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
  expect(JSON.parse(line)).toMatchObject({ arguments: args });
  expect(line).toContain("é😀");
});

test.each([
  ["control characters", "\u0001"],
  ["quotes", '"'],
  ["emoji", "😀"],
  ["half surrogate pairs", "\ud800"],
])("a line whose members are all long and made of %s has at most 16 KiB", (_, unit) => {
  const long = unit.repeat(50_000);
  const entry: AuditEntry = {
    ...FINISHED,
    peer: { guest: long, uuid: long },
    callId: long,
    method: long,
    user: { uid: 1, name: long, pid: 2, program: long },
    command: long,
    args: [long, long],
    rule: long,
    reason: long,
    signal: long,
    endedBy: long,
    problem: long,
  };
  const line = formatAuditLine(entry, TIME, false);
  expect(Buffer.byteLength(line)).toBeLessThanOrEqual(16 * 1024);
  expect(() => JSON.parse(line)).not.toThrow();
});
