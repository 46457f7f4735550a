/** The number of calls of one local user that are written, and the report of the others. */
import { expect, test } from "bun:test";
import { createAuditLimit } from "../../src/audit/audit-limit.ts";
import type { AuditEntry } from "../../src/audit/audit-line.ts";

const START = Date.parse("2026-01-02T03:04:05.000Z");
const TRAIL_BYTES = 60 * 1024 * 1024;
const LINE_BYTES = 500;
const RAN_PARTS = { decision: "allowed", errorCode: undefined, exitCode: 0 } as const;

/** A refused call of a local user. */
function local(uid: number, guest: string): AuditEntry {
  return {
    role: "host",
    direction: "outgoing",
    peer: { guest },
    user: { uid },
    callId: "c-1",
    method: "execute",
    command: "reboot",
    decision: "denied",
    errorCode: "DENIED",
  };
}

test("refused calls of a local user are limited by uid, whatever guest they name", () => {
  const limit = createAuditLimit(TRAIL_BYTES);
  for (let guest = 0; guest < 60; guest++) expect(limit.admit(local(1000, `g${guest}`), START)).toBe(true);
  expect(limit.admit(local(1000, "another"), START)).toBe(false);
  expect(limit.admit(local(1001, "another"), START)).toBe(true);
});

test.each<NonNullable<AuditEntry["user"]>>([{ uid: 1000, name: "ann" }, { uid: 1001 }, { name: "bob" }])(
  "the line about left-out calls has of the local user %p what the lines of the calls have",
  (user) => {
    const limit = createAuditLimit(TRAIL_BYTES);
    const entry: AuditEntry = { ...local(0, "web1"), user };
    for (let count = 0; count < 61; count++) limit.admit(entry, START);
    expect(limit.settle(Infinity).map((line) => line.user)).toStrictEqual([user]);
  },
);

test("commands that another local user than root makes run elsewhere share one budget by uid", () => {
  const limit = createAuditLimit(TRAIL_BYTES);
  let bytes = 0;
  for (let guest = 0; guest < 50_000; guest++) {
    const entry: AuditEntry = { ...local(1000, `g${guest}`), ...RAN_PARTS };
    if (!limit.admit(entry, START)) continue;
    limit.charge(entry, LINE_BYTES);
    bytes += LINE_BYTES;
  }
  expect(bytes).toBeWithin(TRAIL_BYTES / 16, TRAIL_BYTES / 16 + LINE_BYTES + 1);
  expect(limit.admit({ ...local(1001, "g1"), ...RAN_PARTS }, START)).toBe(true);
  expect(limit.settle(Infinity)).toMatchObject([{ direction: "outgoing", user: { uid: 1000 }, ran: true }]);
});
