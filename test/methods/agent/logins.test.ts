/** The logins in a file of utmp(5), written record by record. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { readLogins } from "../../../src/methods/agent/logins.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const IS_ARM = process.arch === "arm64";
const RECORD_BYTES = IS_ARM ? 400 : 384;
const USER_PROCESS = 7;
const DEAD_PROCESS = 8;

function record(type: number, user: string, seconds: number, microseconds: number): Buffer {
  const bytes = Buffer.alloc(RECORD_BYTES);
  bytes.writeInt16LE(type, 0);
  bytes.write(user, 44, "latin1");
  // The bytes behind the name are those of the host.
  bytes.write("host", 76, "latin1");
  if (IS_ARM) {
    bytes.writeBigInt64LE(BigInt(seconds), 344);
    bytes.writeBigInt64LE(BigInt(microseconds), 352);
  } else {
    bytes.writeInt32LE(seconds, 340);
    bytes.writeInt32LE(microseconds, 344);
  }
  return bytes;
}

async function loginsOf(...records: Buffer[]) {
  await using directory = await createTemporaryDirectory();
  await writeFile(directory.at("utmp"), Buffer.concat(records));
  return await readLogins(directory.at("utmp"));
}

test("users who are logged in have their name and time, in the order of the file", async () => {
  const records = [
    record(USER_PROCESS, "alice", 1_700_000_000, 250_000),
    record(DEAD_PROCESS, "bob", 1_700_000_001, 0),
    record(USER_PROCESS, "carol", 1_700_000_002, 0),
  ];
  expect(await loginsOf(...records)).toEqual([
    { user: "alice", seconds: 1_700_000_000.25 },
    { user: "carol", seconds: 1_700_000_002 },
  ]);
});

test("a name of 32 bytes has no end, and is whole", async () => {
  expect(await loginsOf(record(USER_PROCESS, "x".repeat(32), 1, 0))).toEqual([
    { user: "x".repeat(32), seconds: 1 },
  ]);
});

test("half a record at the end is passed over, and no file has no logins", async () => {
  const whole = record(USER_PROCESS, "alice", 1, 0);
  expect(await loginsOf(whole, whole.subarray(0, RECORD_BYTES - 1))).toHaveLength(1);
  expect(await loginsOf()).toEqual([]);
  expect(await readLogins("/absent/utmp")).toEqual([]);
});
