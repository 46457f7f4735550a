/**
 * Owns libc: the system calls that neither Bun nor node's modules offer. Those that change what this process
 * is are in `libc-process.ts`. It loads the library at the first call, so that a command line without such a
 * call does not pay for it. musl replaces every library name that starts with `libc.` (ldso/dynlink.c), so
 * glibc's name works for both.
 */
import { dlopen, ptr, read } from "bun:ffi";

/** Makes a close-on-exec pipe by pipe2(2). Returns its two ends, undefined when the call failed. */
export function openPipe(): [readFd: number, writeFd: number] | undefined {
  const ends = new Int32Array(2);
  if (libc().pipe2(ptr(ends), O_CLOEXEC) !== 0) return undefined;
  const [readFd = -1, writeFd = -1] = ends;
  return [readFd, writeFd];
}

/** Makes a pair of connected, close-on-exec unix stream sockets. Undefined when the call failed. */
export function openSocketPair(): [number, number] | undefined {
  const ends = new Int32Array(2);
  if (libc().socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ptr(ends)) !== 0) return undefined;
  const [one = -1, other = -1] = ends;
  return [one, other];
}

/**
 * Returns the events of poll(2) that one descriptor has now or within `waitMs`, of those in `asked`; POLLERR,
 * POLLHUP and POLLNVAL count always. This thread stands still meanwhile.
 */
export function pollNow(fd: number, asked: number, waitMs = 0): number {
  const descriptors = new Int32Array(pollTable);
  const events = new Int16Array(pollTable);
  descriptors[0] = fd;
  events[POLLFD_ASKED] = asked;
  events[POLLFD_ANSWERED] = 0;
  libc().poll(ptr(pollTable), 1, waitMs);
  return events[POLLFD_ANSWERED] ?? 0;
}

/**
 * Reads into `room` from the byte `start` on. Returns the number of bytes, -1 after a failure: read again
 * with node:fs to learn it.
 */
export function readInto(fd: number, room: Uint8Array, start = 0): number {
  // A pointer with an offset costs far less than a subarray for each read.
  return libc().read(fd, ptr(room, start), room.length - start);
}

/**
 * Writes `bytes` from `start` on, at most `most`. Returns the number of bytes, -1 after a failure: write
 * again with node:fs to learn it.
 */
export function writeFrom(fd: number, bytes: Uint8Array, start = 0, most = bytes.length): number {
  return libc().write(fd, ptr(bytes, start), Math.min(most, bytes.length - start));
}

/**
 * Reads into `room` what is there now, without a wait and without a change of the descriptor's mode, which
 * other processes share. Returns the number of bytes, -1 after a failure. The kernel may refuse it, for pipes
 * before Linux 6.4: then poll(2) says that there are bytes, and this fails all the same.
 */
export function readWithoutWait(fd: number, room: Uint8Array): number {
  inputVector[0] = BigInt(ptr(room));
  inputVector[1] = BigInt(room.length);
  return libc().syscall(PREADV2, fd, ptr(inputVector), 1, AT_THE_OFFSET, 0, RWF_NOWAIT);
}

/**
 * Reads into `room`, from the byte `start` on, what a file has at an offset and the kernel has in memory.
 * Never waits for a file system. Returns the number of bytes, 0 at the end of the file; -1 if the kernel
 * would have to wait, or cannot say so of this file system.
 */
export function readCached(fd: number, room: Uint8Array, start: number, offset: bigint): number {
  inputVector[0] = BigInt(ptr(room, start));
  inputVector[1] = BigInt(room.length - start);
  return libc().syscall(PREADV2, fd, ptr(inputVector), 1, offset, 0, RWF_NOWAIT);
}

/** Moves the offset of a file by that many bytes. Returns the new offset, -1 after a failure. */
export function moveOffset(fd: number, bytes: number): number {
  return Number(libc().lseek(fd, bytes, SEEK_CUR));
}

/** Makes reads and writes of our end of a pipe fail instead of wait; the other end keeps its mode. */
export function setNonBlocking(fd: number): void {
  libc().fcntl(fd, F_SETFL, O_NONBLOCK);
}

/** Asks for a pipe of that capacity. Does nothing when the system refuses, for example over its limits. */
export function resizePipe(fd: number, bytes: number): void {
  libc().fcntl(fd, F_SETPIPE_SZ, bytes);
}

/** Returns a close-on-exec, non-blocking eventfd, -1 after a failure. */
export function openEventFd(): number {
  return libc().eventfd(0, O_CLOEXEC | O_NONBLOCK);
}

/** Returns a close-on-exec epoll descriptor that watches `fd` for nothing yet, -1 after a failure. */
export function openEpoll(fd: number): number {
  const epollFd = libc().epoll_create1(O_CLOEXEC);
  if (epollFd < 0 || libc().epoll_ctl(epollFd, EPOLL_CTL_ADD, fd, ptr(epollEvent)) === 0) return epollFd;
  libc().close(epollFd);
  return -1;
}

/** Changes the events, as in poll(2), for which an epoll descriptor watches `fd`. */
export function setEpollEvents(epollFd: number, fd: number, events: number): void {
  epollEvent[0] = events;
  libc().epoll_ctl(epollFd, EPOLL_CTL_MOD, fd, ptr(epollEvent));
  epollEvent[0] = 0;
}

/** Unblocks all signals of this thread, and sets SIGCHLD to its default unless it has a handler. */
export function resetSignals(): void {
  libc().sigprocmask(SIG_SETMASK, ptr(new Uint8Array(SIGSET_BYTES)), null);
  const before = Number(libc().signal(SIGCHLD, SIG_DFL));
  if (before !== SIG_DFL && before !== SIG_IGN) libc().signal(SIGCHLD, before);
}

/** Returns CLOCK_MONOTONIC in microseconds. Bun's own clocks start with the process. */
export function readMonotonicUs(): bigint {
  const time = new BigInt64Array(2);
  libc().clock_gettime(CLOCK_MONOTONIC, ptr(time));
  const [seconds = 0n, nanoseconds = 0n] = time;
  return seconds * 1_000_000n + nanoseconds / 1000n;
}

/**
 * Sets the soft limit of open files of process `pid`, 0 for our own, by prlimit(2); the hard limit stays.
 * Returns the soft limit before, undefined after a failure.
 */
export function setOpenFileLimit(pid: number, soft: number): number | undefined {
  const limits = new BigUint64Array(2);
  if (libc().prlimit(pid, RLIMIT_NOFILE, null, ptr(limits)) !== 0) return undefined;
  const [before = 0n] = limits;
  limits[0] = BigInt(soft);
  return libc().prlimit(pid, RLIMIT_NOFILE, ptr(limits), null) === 0 ? Number(before) : undefined;
}

/** Returns the soft limit of open files of this process; undefined after a failure. */
export function readOpenFileLimit(): number | undefined {
  const limits = new BigUint64Array(2);
  return libc().prlimit(0, RLIMIT_NOFILE, null, ptr(limits)) === 0 ? Number(limits[0]) : undefined;
}

/** Collects one child that has ended, by waitpid(2). Does nothing if it runs, or is not our child. */
export function reapChild(pid: number): void {
  libc().waitpid(pid, null, WNOHANG);
}

/** Most bytes of a unix socket's path, with its closing NUL: `sun_path` of unix(7). */
export const SOCKET_PATH_BYTES = 108;

/** Returns the errno of the last call of libc that failed. */
export function lastErrno(): number {
  // oxlint-disable-next-line no-underscore-dangle -- the name that glibc and musl give it
  const place = libc().__errno_location();
  return place === null ? 0 : read.i32(place, 0);
}

/**
 * Sends one datagram to the unix socket at `path`, which has fewer than `SOCKET_PATH_BYTES`; a leading NUL
 * names an abstract socket. With `canWait` false it does not wait for a receiver that does not read. Returns
 * whether the kernel took all of `message`; `full`: the receiver has not read what it got before.
 */
export function sendDatagram(
  path: Uint8Array,
  message: Uint8Array,
  { canWait = true }: { canWait?: boolean } = {},
): "sent" | "full" | "failed" {
  const address = encodeAddress(path);
  const fd = libc().socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return "failed";
  const flags = MSG_NOSIGNAL | (canWait ? 0 : MSG_DONTWAIT);
  const sent = libc().sendto(fd, ptr(message), message.length, flags, ptr(address), address.length);
  const errno = Number(sent) < 0 ? lastErrno() : 0;
  libc().close(fd);
  if (Number(sent) === message.length) return "sent";
  return errno === EAGAIN ? "full" : "failed";
}

/** Returns the address of a unix socket, for functions of libc. */
export function encodeAddress(path: Uint8Array): Uint8Array {
  const address = new Uint8Array(2 + path.length);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(path, 2);
  return address;
}

/**
 * Takes the lock of an open file, flock(2), without waiting. Returns false if another process has it. It ends
 * when the file is closed, also by the end of the process.
 */
export function tryLockFile(fd: number): boolean {
  return libc().flock(fd, LOCK_EX | LOCK_NB) === 0;
}

/** Fills `value` with an option of a socket, of the level SOL_SOCKET. Returns false on failure. */
export function readSocketOption(fd: number, option: number, value: Int32Array): boolean {
  const length = new Uint32Array([value.byteLength]);
  return libc().getsockopt(fd, SOL_SOCKET, option, ptr(value), ptr(length)) === 0;
}

/**
 * Returns the process at the other end of a connected unix socket, as it was when it connected: SO_PEERCRED
 * of unix(7). Undefined when the call fails. `pid` is 0 for a process outside of our pid namespace.
 */
export function readPeerCredentials(fd: number): { pid: number; uid: number } | undefined {
  const credentials = new Int32Array(3);
  if (!readSocketOption(fd, SO_PEERCRED, credentials)) return undefined;
  const [pid = 0, uid = 0] = credentials;
  return { pid, uid: uid >>> 0 };
}

/**
 * Returns a descriptor of the process at the other end of a connected unix socket: SO_PEERPIDFD, Linux 6.5
 * and newer. `ended` if there is none because that process has ended; undefined if the kernel cannot tell.
 * It stands for that process only, while the number of a process may be used again.
 */
export function openPeerProcess(fd: number): number | "ended" | undefined {
  const descriptor = new Int32Array([-1]);
  if (readSocketOption(fd, SO_PEERPIDFD, descriptor)) return descriptor[0];
  return lastErrno() === ENOPROTOOPT ? undefined : "ended";
}

/**
 * Forbids others to pass descriptors through this unix socket, and through those that it accepts from now on:
 * SO_PASSRIGHTS of Linux 6.16. We would have to close what they pass, and the close of another's file may
 * take for ever. Returns false on an older kernel.
 */
export function refuseDescriptors(fd: number): boolean {
  const off = new Int32Array([0]);
  return libc().setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, ptr(off), off.byteLength) === 0;
}

/** The same numbers on all architectures we build for (include/uapi/asm-generic/socket.h). */
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_PEERPIDFD = 77;
const SO_PASSRIGHTS = 83;
/** The same number on all architectures we build for (include/uapi/asm-generic/fcntl.h). */
const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
/** fcntl(2), include/uapi/linux/fcntl.h. */
const F_SETFL = 4;
const F_SETPIPE_SZ = 1031;
/** preadv2(2). The call's numbers are from syscalls(2), the rest from include/uapi/linux/fs.h. */
const PREADV2 = process.arch === "arm64" ? 286 : 327;
const RWF_NOWAIT = 8;
const AT_THE_OFFSET = 0xffff_ffff_ffff_ffffn;
/** One `struct iovec`. */
const inputVector = new BigUint64Array(2);
const SEEK_CUR = 1;
/** `struct pollfd`: a 32-bit descriptor, 16 bits asked and 16 bits answered. */
const pollTable = new ArrayBuffer(8);
const POLLFD_ASKED = 2;
const POLLFD_ANSWERED = 3;
/** epoll_ctl(2). The structure has 12 bytes on x86-64 and 16 elsewhere, and starts with the events. */
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_MOD = 3;
const epollEvent = new Uint32Array(4);
/** sigprocmask(2) and signal(2), include/uapi/asm-generic/signal.h. glibc's set has 1024 bits. */
const SIG_SETMASK = 2;
const SIGSET_BYTES = 128;
const SIGCHLD = 17;
const SIG_DFL = 0;
const SIG_IGN = 1;
/** The same number on all architectures we build for (include/uapi/asm-generic/resource.h). */
const RLIMIT_NOFILE = 7;
/** waitpid(2), include/uapi/linux/wait.h. */
const WNOHANG = 1;
/** clock_gettime(2), include/uapi/linux/time.h. */
const CLOCK_MONOTONIC = 1;
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = O_CLOEXEC;
/** send(2), include/linux/socket.h. */
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** flock(2), include/uapi/asm-generic/fcntl.h. */
const LOCK_EX = 2;
const LOCK_NB = 4;
/** The same numbers on all architectures we build for (include/uapi/asm-generic/errno-base.h and errno.h). */
const EAGAIN = 11;
const ENOPROTOOPT = 92;

let symbols: ReturnType<typeof load>["symbols"] | undefined;

/** Returns the functions of libc; for the other files of libc in this folder only. */
export function libc(): ReturnType<typeof load>["symbols"] {
  symbols ??= load().symbols;
  return symbols;
}

function load() {
  return dlopen("libc.so.6", {
    pipe2: { args: ["ptr", "i32"], returns: "i32" },
    poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
    clock_gettime: { args: ["i32", "ptr"], returns: "i32" },
    socketpair: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
    getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
    setsockopt: { args: ["i32", "i32", "i32", "ptr", "i32"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
    flock: { args: ["i32", "i32"], returns: "i32" },
    sigprocmask: { args: ["i32", "ptr", "ptr"], returns: "i32" },
    signal: { args: ["i32", "i64"], returns: "i64" },
    prlimit: { args: ["i32", "i32", "ptr", "ptr"], returns: "i32" },
    waitpid: { args: ["i32", "ptr", "i32"], returns: "i32" },
    connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    listen: { args: ["i32", "i32"], returns: "i32" },
    accept4: { args: ["i32", "ptr", "ptr", "i32"], returns: "i32" },
    __errno_location: { args: [], returns: "ptr" },
    // Ours are small enough for the lower half of the result, and 64 bits would make a bigint each time.
    read: { args: ["i32", "ptr", "u64"], returns: "i32" },
    write: { args: ["i32", "ptr", "u64"], returns: "i32" },
    fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
    eventfd: { args: ["u32", "i32"], returns: "i32" },
    epoll_create1: { args: ["i32"], returns: "i32" },
    epoll_ctl: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
    lseek: { args: ["i32", "i64", "i32"], returns: "i64" },
    syscall: { args: ["i64", "u64", "u64", "u64", "u64", "u64", "u64"], returns: "i32" },
    execve: { args: ["ptr", "ptr", "ptr"], returns: "i32" },
    setgroups: { args: ["u64", "ptr"], returns: "i32" },
    setresgid: { args: ["u32", "u32", "u32"], returns: "i32" },
    setresuid: { args: ["u32", "u32", "u32"], returns: "i32" },
  });
}
