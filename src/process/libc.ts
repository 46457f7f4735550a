/**
 * Owns libc: the system calls that neither Bun nor node's modules offer. It loads the library at the first
 * call, so that a command line without such a call does not pay for it. musl replaces every library name that
 * starts with `libc.` (ldso/dynlink.c), so glibc's name works for both.
 */
import { dlopen, ptr } from "bun:ffi";

/** Makes a close-on-exec pipe by pipe2(2). Returns its two ends, undefined when the call failed. */
export function openPipe(): [readFd: number, writeFd: number] | undefined {
  const ends = new Int32Array(2);
  if (libc().pipe2(ptr(ends), O_CLOEXEC) !== 0) return undefined;
  const [readFd = -1, writeFd = -1] = ends;
  return [readFd, writeFd];
}

/**
 * Blocks the thread in poll(2) until a descriptor is ready or `timeoutMs` is over; -1 waits without a limit.
 * `table` is an array of `struct pollfd`, 8 bytes each, to which the kernel writes the events.
 */
export function poll(table: ArrayBuffer, timeoutMs: number): void {
  libc().poll(ptr(table), table.byteLength / POLLFD_BYTES, timeoutMs);
}

/** Returns CLOCK_MONOTONIC in microseconds. Bun's own clocks start with the process. */
export function readMonotonicUs(): bigint {
  const time = new BigInt64Array(2);
  libc().clock_gettime(CLOCK_MONOTONIC, ptr(time));
  const [seconds = 0n, nanoseconds = 0n] = time;
  return seconds * 1_000_000n + nanoseconds / 1000n;
}

/** Most bytes of a unix socket's path, with its closing NUL: `sun_path` of unix(7). */
export const SOCKET_PATH_BYTES = 108;

/**
 * Sends one datagram to the unix socket at `path`, which has fewer than `SOCKET_PATH_BYTES`; a leading NUL
 * names an abstract socket. Returns whether the kernel took all of `message`.
 */
export function sendDatagram(path: Uint8Array, message: Uint8Array): boolean {
  const address = new Uint8Array(2 + path.length);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(path, 2);
  const fd = libc().socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const sent = libc().sendto(fd, ptr(message), message.length, 0, ptr(address), address.length);
  libc().close(fd);
  return Number(sent) === message.length;
}

/**
 * Returns the process at the other end of a connected unix socket, as it was when it connected: SO_PEERCRED of
 * unix(7). Undefined when the call fails. `pid` is 0 for a process outside of our pid namespace.
 */
export function readPeerCredentials(fd: number): { pid: number; uid: number } | undefined {
  const credentials = new Int32Array(3);
  const length = new Uint32Array([credentials.byteLength]);
  if (libc().getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ptr(credentials), ptr(length)) !== 0) return undefined;
  const [pid = 0, uid = 0] = credentials;
  return { pid, uid: uid >>> 0 };
}

/** The same numbers on all architectures we build for (include/uapi/asm-generic/socket.h). */
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** The same number on all architectures we build for (include/uapi/asm-generic/fcntl.h). */
const O_CLOEXEC = 0o2000000;
const POLLFD_BYTES = 8;
/** clock_gettime(2), include/uapi/linux/time.h. */
const CLOCK_MONOTONIC = 1;
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = O_CLOEXEC;

let symbols: ReturnType<typeof load>["symbols"] | undefined;

function libc(): ReturnType<typeof load>["symbols"] {
  symbols ??= load().symbols;
  return symbols;
}

function load() {
  return dlopen("libc.so.6", {
    pipe2: { args: ["ptr", "i32"], returns: "i32" },
    poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
    clock_gettime: { args: ["i32", "ptr"], returns: "i32" },
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
    getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
  });
}
