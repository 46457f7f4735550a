/** The logins in a file of utmp(5), written record by record. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { readLogins } from "../../../src/methods/agent/logins.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { RECORD_BYTES, USER_PROCESS, utmpRecord } from "./utmp-record.ts";

const DEAD_PROCESS = 8;

async function loginsOf(...records: Buffer[]) {
  await using directory = await createTemporaryDirectory();
  await writeFile(directory.at("utmp"), Buffer.concat(records));
  return await readLogins(directory.at("utmp"));
}

test("users who are logged in have their name and time, in the order of the file", async () => {
  const records = [
    utmpRecord(USER_PROCESS, "alice", 1_700_000_000, 250_000),
    utmpRecord(DEAD_PROCESS, "bob", 1_700_000_001, 0),
    utmpRecord(USER_PROCESS, "carol", 1_700_000_002, 0),
  ];
  expect(await loginsOf(...records)).toEqual([
    { user: "alice", seconds: 1_700_000_000.25 },
    { user: "carol", seconds: 1_700_000_002 },
  ]);
});

test("a name of 32 bytes has no end, and is whole", async () => {
  expect(await loginsOf(utmpRecord(USER_PROCESS, "x".repeat(32), 1, 0))).toEqual([
    { user: "x".repeat(32), seconds: 1 },
  ]);
});

test("half a record at the end is passed over, and no file has no logins", async () => {
  const whole = utmpRecord(USER_PROCESS, "alice", 1, 0);
  expect(await loginsOf(whole, whole.subarray(0, RECORD_BYTES - 1))).toHaveLength(1);
  expect(await loginsOf()).toEqual([]);
  expect(await readLogins("/absent/utmp")).toEqual([]);
});
