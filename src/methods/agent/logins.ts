/** Reads the file of logins, utmp(5). */
import { readFile } from "node:fs/promises";

/** A login, in seconds since 1970. */
export type Login = { user: string; seconds: number };

/**
 * Places in a record, in bytes; on arm64, times have 64 bits (utmp(5), bits/types/struct_utmp.h of glibc).
 */
const RECORD =
  process.arch === "arm64"
    ? { bytes: 400, user: 44, seconds: 344, microseconds: 352, isWide: true }
    : { bytes: 384, user: 44, seconds: 340, microseconds: 344, isWide: false };
const USER_BYTES = 32;
const USER_PROCESS = 7;

/** Returns the logins of users who are logged in now. There are none without the file. */
export async function readLogins(path = "/run/utmp"): Promise<Login[]> {
  const bytes = await readFile(path).catch(() => Buffer.alloc(0));
  const logins: Login[] = [];
  for (let at = 0; at + RECORD.bytes <= bytes.length; at += RECORD.bytes) {
    if (bytes.readInt16LE(at) !== USER_PROCESS) continue;
    const name = bytes.subarray(at + RECORD.user, at + RECORD.user + USER_BYTES);
    const end = name.indexOf(0);
    const seconds = readNumber(bytes, at + RECORD.seconds);
    const microseconds = readNumber(bytes, at + RECORD.microseconds);
    logins.push({
      user: name.subarray(0, end === -1 ? USER_BYTES : end).toString(),
      seconds: seconds + microseconds / 1_000_000,
    });
  }
  return logins;
}

function readNumber(bytes: Buffer, at: number): number {
  return RECORD.isWide ? Number(bytes.readBigInt64LE(at)) : bytes.readInt32LE(at);
}
