/** Owns the system calls that look at the whole machine or change it: its clock and its addresses. */
import { dlopen, ptr, read } from "bun:ffi";
import type { Pointer } from "bun:ffi";
import { lastErrno } from "./libc.ts";

/** Returns CLOCK_REALTIME in microseconds since 1970. */
export function readClockUs(): bigint {
  const time = new BigInt64Array(2);
  libc().clock_gettime(CLOCK_REALTIME, ptr(time));
  const [seconds = 0n, nanoseconds = 0n] = time;
  return seconds * MILLION + nanoseconds / 1000n;
}

/** Sets CLOCK_REALTIME, by clock_settime(2). Returns 0, or the errno. */
export function setClockUs(time: bigint): number {
  const parts = new BigInt64Array([time / MILLION, (time % MILLION) * 1000n]);
  return libc().clock_settime(CLOCK_REALTIME, ptr(parts)) === 0 ? 0 : lastErrno();
}

/** Freezes the file system of an open directory (ioctl_fs(2)). Returns 0, or the errno. May take long. */
export function freezeFileSystem(descriptor: number): number {
  return libc().ioctl(descriptor, FIFREEZE, null) === 0 ? 0 : lastErrno();
}

/** Thaws the file system of an open directory. Returns 0, or the errno: EINVAL if it is not frozen. */
export function thawFileSystem(descriptor: number): number {
  return libc().ioctl(descriptor, FITHAW, null) === 0 ? 0 : lastErrno();
}

/**
 * Gives the unused blocks of a file system back to its disk, in pieces of at least so many bytes. Returns
 * the number of trimmed bytes, or the errno. May take long.
 */
export function trimFileSystem(descriptor: number, minimum: bigint): { trimmed: bigint } | { errno: number } {
  const range = new BigUint64Array([0n, 0xffff_ffff_ffff_ffffn, minimum]);
  if (libc().ioctl(descriptor, FITRIM, ptr(range)) !== 0) return { errno: lastErrno() };
  return { trimmed: range[1] ?? 0n };
}

/** An interface, once for each of its addresses, and once without one. */
export type InterfaceAddress = {
  name: string;
  address: { family: "ipv4" | "ipv6"; text: string; prefix: number } | undefined;
};

/** Returns the addresses of all interfaces, by getifaddrs(3). There are none after a failure. */
export function listAddresses(): InterfaceAddress[] {
  const head = new BigUint64Array(1);
  if (libc().getifaddrs(ptr(head)) !== 0) return [];
  const first = toPointer(head[0]);
  const found: InterfaceAddress[] = [];
  for (let entry = first; entry !== null; entry = readPointer(entry, IFADDRS.next)) {
    const name = readPointer(entry, IFADDRS.name);
    if (name === null) continue;
    found.push({ name: readName(name), address: readAddress(entry) });
  }
  libc().freeifaddrs(first);
  return found;
}

function readAddress(entry: Pointer): InterfaceAddress["address"] {
  const address = readPointer(entry, IFADDRS.address);
  const mask = readPointer(entry, IFADDRS.mask);
  if (address === null) return undefined;
  const family = read.u16(address, 0);
  if (family === AF_INET)
    return {
      family: "ipv4",
      text: bytesAt(address, SOCKADDR.four, 4).join("."),
      prefix: mask === null ? 0 : countBits(bytesAt(mask, SOCKADDR.four, 4)),
    };
  if (family !== AF_INET6) return undefined;
  const words =
    Buffer.from(bytesAt(address, SOCKADDR.six, 16))
      .toString("hex")
      .match(/.{4}/g) ?? [];
  return {
    family: "ipv6",
    text: new URL(`http://[${words.join(":")}]`).hostname.slice(1, -1),
    prefix: mask === null ? 0 : countBits(bytesAt(mask, SOCKADDR.six, 16)),
  };
}

function readName(place: Pointer): string {
  let end = 0;
  while (read.u8(place, end) !== 0) end++;
  return Buffer.from(bytesAt(place, 0, end)).toString();
}

function bytesAt(place: Pointer, offset: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => read.u8(place, offset + index));
}

function countBits(bytes: readonly number[]): number {
  return bytes.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0);
}

function readPointer(place: Pointer, offset: number): Pointer | null {
  return toPointer(read.u64(place, offset));
}

function toPointer(address: bigint | undefined): Pointer | null {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a pointer is a number to Bun
  return address === undefined || address === 0n ? null : (Number(address) as Pointer);
}

/** include/uapi/linux/fs.h; the same numbers on all architectures we build for. */
const FIFREEZE = 0xc004_5877;
const FITHAW = 0xc004_5878;
const FITRIM = 0xc018_5879;
const MILLION = 1_000_000n;
/** clock_gettime(2), include/uapi/linux/time.h. */
const CLOCK_REALTIME = 0;
const AF_INET = 2;
const AF_INET6 = 10;
/** Places in `struct ifaddrs` of getifaddrs(3), on machines of 64 bits. */
const IFADDRS = { next: 0, name: 8, address: 24, mask: 32 } as const;
/** Places of the address in `struct sockaddr_in` and `sockaddr_in6` (ip(7), ipv6(7)). */
const SOCKADDR = { four: 4, six: 8 } as const;

let symbols: ReturnType<typeof load>["symbols"] | undefined;

function libc(): ReturnType<typeof load>["symbols"] {
  symbols ??= load().symbols;
  return symbols;
}

/** Only the guest agent's commands need these. `libc.ts` says why the name is right for musl too. */
function load() {
  return dlopen("libc.so.6", {
    clock_gettime: { args: ["i32", "ptr"], returns: "i32" },
    clock_settime: { args: ["i32", "ptr"], returns: "i32" },
    ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
    getifaddrs: { args: ["ptr"], returns: "i32" },
    freeifaddrs: { args: ["ptr"], returns: "void" },
  });
}
