/**
 * Owns the calls of libc that judgements need: users, groups, and access lists. `process/libc.ts` owns all
 * others. The functions for users and groups load modules of the system's administrator, which may ask other
 * machines and wait for them: only a child with a deadline may call them (`account-answers.ts`).
 */
import { dlopen, ptr, read } from "bun:ffi";
import type { Pointer } from "bun:ffi";

/** The members of `struct passwd` that we use, as bytes: a name need not be UTF-8. */
export type PasswordEntry = { name: Uint8Array; uid: number; gid: number; home: Uint8Array };
/** The members of `struct group`. A name that is not UTF-8 has U+FFFD in it. */
export type GroupEntry = { name: string; password: string; gid: number; members: string[] };

/**
 * Returns the user with that name (getpwnam) or that id (getpwuid), or undefined if the system does not know
 * one. Throws an error with the number of the system's error, if it could not find out.
 */
export function readUser(nameOrUid: string | number): PasswordEntry | undefined {
  const { getpwnam_r: byName, getpwuid_r: byUid } = libc();
  const name = typeof nameOrUid === "string" ? Buffer.from(`${nameOrUid}\0`) : undefined;
  return readEntry(toPasswordEntry, (entry, buffer, found) =>
    name === undefined
      ? byUid(Number(nameOrUid), ptr(entry), ptr(buffer), buffer.length, ptr(found))
      : byName(ptr(name), ptr(entry), ptr(buffer), buffer.length, ptr(found)),
  );
}

/** Returns the group with that name or id, as `readUser` does. */
export function readGroup(nameOrGid: string | number): GroupEntry | undefined {
  const { getgrnam_r: byName, getgrgid_r: byGid } = libc();
  const name = typeof nameOrGid === "string" ? Buffer.from(`${nameOrGid}\0`) : undefined;
  return readEntry(toGroupEntry, (entry, buffer, found) =>
    name === undefined
      ? byGid(Number(nameOrGid), ptr(entry), ptr(buffer), buffer.length, ptr(found))
      : byName(ptr(name), ptr(entry), ptr(buffer), buffer.length, ptr(found)),
  );
}

/** Returns the ids of all groups of a user, with `gid`, as a login would set them (getgrouplist(3)). */
export function readGroupsOf(name: Uint8Array, gid: number): number[] {
  const terminated = Buffer.concat([name, Buffer.of(0)]);
  for (let room = 64; room <= MOST_GROUPS; room *= 4) {
    const ids = new Uint32Array(room);
    const count = new Int32Array([room]);
    if (libc().getgrouplist(ptr(terminated), gid, ptr(ids), ptr(count)) >= 0)
      return [...new Set(ids.subarray(0, count[0]))];
  }
  throw new Error(`it is in more than ${MOST_GROUPS} groups`);
}

/** Returns all users that the system lists. Some sources of users list none. */
export function listUsers(): PasswordEntry[] {
  const { setpwent, getpwent, endpwent } = libc();
  setpwent();
  const users: PasswordEntry[] = [];
  for (let at = getpwent(); at !== null; at = getpwent()) users.push(toPasswordEntry(Number(at)));
  endpwent();
  return users;
}

/** Returns all groups that the system lists. Two of them may have one id. */
export function listGroups(): GroupEntry[] {
  const { setgrent, getgrent, endgrent } = libc();
  setgrent();
  const groups: GroupEntry[] = [];
  for (let at = getgrent(); at !== null; at = getgrent()) groups.push(toGroupEntry(Number(at)));
  endgrent();
  return groups;
}

/**
 * Returns the extended attribute of a path, without following a link at its end (lgetxattr(2)). `none`: it
 * has no such attribute, or its file system has none. `unknown`: it could not be read.
 */
export function readListAttribute(path: string, name: string): Uint8Array | "none" | "unknown" {
  const value = new Uint8Array(ATTRIBUTE_BYTES);
  const terminated = Buffer.from(`${path}\0`);
  const length = Number(
    libc().lgetxattr(ptr(terminated), ptr(Buffer.from(`${name}\0`)), ptr(value), value.length),
  );
  if (length >= 0) return value.subarray(0, length);
  return [ENODATA, EOPNOTSUPP].includes(readErrno()) ? "none" : "unknown";
}

/** NGROUPS_MAX of include/uapi/linux/limits.h. */
const MOST_GROUPS = 65_536;
/** XATTR_SIZE_MAX of include/uapi/linux/limits.h. */
const ATTRIBUTE_BYTES = 65_536;
/** Numbers of include/uapi/asm-generic/errno.h and errno-base.h. */
const ENOENT = 2;
const ESRCH = 3;
const ERANGE = 34;
const ENODATA = 61;
const EOPNOTSUPP = 95;
/** More than `struct passwd` and `struct group` have. */
const ENTRY_BYTES = 128;
const MOST_ENTRY_BYTES = 16 * 1024 * 1024;

type Reader = (entry: Uint8Array, buffer: Uint8Array, found: BigUint64Array) => number;

function readEntry<Entry>(convert: (at: number) => Entry, reader: Reader): Entry | undefined {
  const entry = new Uint8Array(ENTRY_BYTES);
  const found = new BigUint64Array(1);
  for (let room = 16 * 1024; room <= MOST_ENTRY_BYTES; room *= 4) {
    const buffer = new Uint8Array(room);
    const errno = reader(entry, buffer, found);
    if (errno === ERANGE) continue;
    // Both mean "not found" on some systems (getpwnam(3)).
    if (errno !== 0 && errno !== ENOENT && errno !== ESRCH)
      throw new Error(`the system's error ${errno} came instead of an answer`);
    return found[0] === 0n || errno !== 0 ? undefined : convert(Number(ptr(entry)));
  }
  throw new Error("its entry is too long");
}

/** Both glibc and musl have this order of members, on 64 bits. */
function toPasswordEntry(address: number): PasswordEntry {
  const at = toPointer(address);
  return {
    name: bytesAt(read.ptr(at, 0)),
    uid: read.u32(at, 16),
    gid: read.u32(at, 20),
    home: bytesAt(read.ptr(at, 32)),
  };
}

function toGroupEntry(address: number): GroupEntry {
  const at = toPointer(address);
  const members: string[] = [];
  const list = read.ptr(at, 24);
  const memberAt = (index: number): number => (list === 0 ? 0 : read.ptr(toPointer(list), index * 8));
  for (let member = memberAt(0); member !== 0; member = memberAt(members.length))
    members.push(textAt(member));
  const [name, password] = [textAt(read.ptr(at, 0)), textAt(read.ptr(at, 8))];
  return { name, password, gid: read.u32(at, 16), members };
}

function textAt(address: number): string {
  return Buffer.from(bytesAt(address)).toString();
}

function bytesAt(address: number): Uint8Array {
  const bytes: number[] = [];
  if (address === 0) return Uint8Array.from(bytes);
  const at = toPointer(address);
  for (let byte = read.u8(at, 0); byte !== 0; byte = read.u8(at, bytes.length)) bytes.push(byte);
  return Uint8Array.from(bytes);
}

function toPointer(address: number): Pointer {
  // Pointers are numbers with another type.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return address as Pointer;
}

function readErrno(): number {
  // oxlint-disable-next-line no-underscore-dangle -- the name that glibc and musl give it
  const place = libc().__errno_location();
  return place === null ? 0 : read.i32(place, 0);
}

let symbols: ReturnType<typeof load>["symbols"] | undefined;

function libc(): ReturnType<typeof load>["symbols"] {
  symbols ??= load().symbols;
  return symbols;
}

function load() {
  return dlopen("libc.so.6", {
    getpwnam_r: { args: ["ptr", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
    getpwuid_r: { args: ["u32", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
    getgrnam_r: { args: ["ptr", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
    getgrgid_r: { args: ["u32", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
    getgrouplist: { args: ["ptr", "u32", "ptr", "ptr"], returns: "i32" },
    setpwent: { args: [], returns: "void" },
    getpwent: { args: [], returns: "ptr" },
    endpwent: { args: [], returns: "void" },
    setgrent: { args: [], returns: "void" },
    getgrent: { args: [], returns: "ptr" },
    endgrent: { args: [], returns: "void" },
    lgetxattr: { args: ["ptr", "ptr", "ptr", "u64"], returns: "i64" },
    __errno_location: { args: [], returns: "ptr" },
  });
}
