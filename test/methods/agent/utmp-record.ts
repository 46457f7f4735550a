/** Writes records of utmp(5) for this processor. */
const IS_ARM = process.arch === "arm64";

/** The length of a record. */
export const RECORD_BYTES = IS_ARM ? 400 : 384;
/** The type of a record about a user who is logged in. */
export const USER_PROCESS = 7;

/** Returns a record of a login at this time since 1970. */
export function utmpRecord(type: number, user: string, seconds: number, microseconds: number): Buffer {
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
