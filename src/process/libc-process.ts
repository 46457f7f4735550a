/**
 * Owns the system calls that change what this process is: its ids, rights, keyring, limits and program. And
 * those that a program needs which goes on with the children of another one.
 */
import { ptr } from "bun:ffi";
import type { Pointer } from "bun:ffi";
import { closeSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { signalName } from "../signals.ts";
import { lastErrno, libc } from "./libc.ts";

/** A user and groups, as numbers. `groups` are the supplementary ones. */
export type Ids = { uid: number; gid: number; groups: readonly number[] };

/** Becomes another user, for good. Returns 0, or the errno of the step that failed. */
export function becomeUser({ uid, gid, groups }: Ids): number {
  const list = new Uint32Array(groups);
  const isDone =
    libc().setgroups(list.length, list.length === 0 ? null : ptr(list)) === 0 &&
    libc().setresgid(gid, gid, gid) === 0 &&
    libc().setresuid(uid, uid, uid) === 0;
  return isDone ? 0 : lastErrno();
}

/**
 * Returns whether that user may execute all these files. Only this thread's ids for files change for the
 * moment, so that the user gets no right over this process (setfsuid(2)). Undefined if it cannot be found
 * out. Waits for the file systems.
 */
export function mayExecute({ uid, gid, groups }: Ids, files: readonly string[]): boolean | undefined {
  const ours = new Uint32Array(process.getgroups?.() ?? []);
  const theirs = new Uint32Array(groups);
  const changeGroups = (list: Uint32Array): boolean =>
    systemCall(FS.setgroups, list.length, list.length === 0 ? 0 : ptr(list)) === 0;
  if (!changeGroups(theirs)) return undefined;
  const ourGid = systemCall(FS.setfsgid, gid);
  const ourUid = systemCall(FS.setfsuid, uid);
  const outcomes = files.map((file) => {
    const isAllowed = systemCall(FACCESSAT2, 0, ptr(toText(file)), X_OK, AT_EACCESS) === 0;
    return isAllowed ? 0 : lastErrno();
  });
  systemCall(FS.setfsuid, ourUid >>> 0);
  systemCall(FS.setfsgid, ourGid >>> 0);
  if (!changeGroups(ours)) throw new Error("Cannot take our own groups again");
  if (outcomes.includes(ENOSYS)) return undefined;
  return outcomes.every((errno) => errno === 0);
}

/**
 * `kept`: the descriptors that stay open, besides 0, 1 and 2. `blocked`: the numbers of the signals that the
 * new program does not get before it unblocks them.
 */
export type ReplaceOptions = { kept?: readonly number[]; blocked?: readonly number[] };

/**
 * Replaces this process by the program at `path`, which must be absolute. Signals that this process ignores
 * get their default meaning, because the program would ignore them too. Returns the errno; on success it does
 * not return.
 */
export function replaceProgram(
  path: string | Uint8Array,
  argv: readonly (string | Uint8Array)[],
  env: readonly (string | Uint8Array)[],
  { kept = [], blocked = [] }: ReplaceOptions = {},
): number {
  for (const fd of readdirSync("/proc/self/fd").map(Number))
    if (fd >= FIRST_CLOSED) libc().fcntl(fd, F_SETFD, kept.includes(fd) ? 0 : FD_CLOEXEC);
  const program = toText(path);
  const words = toList(argv);
  const variables = toList(env);
  const ignored = resetIgnoredSignals();
  blockSignals(blocked);
  libc().execve(ptr(program), ptr(words.list), ptr(variables.list));
  const errno = lastErrno();
  blockSignals([]);
  for (const signal of ignored) libc().signal(signal, SIG_IGN);
  // The lists must live until here.
  return words.texts.length + variables.texts.length < 0 ? 0 : errno;
}

/** Closes these descriptors when another program replaces this one, and in all children. */
export function closeOnExec(fds: readonly number[]): void {
  for (const fd of fds) libc().fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/** A program keeps ignored signals, while execve(2) itself takes handlers away. Returns those signals. */
function resetIgnoredSignals(): number[] {
  const [, mask = "0"] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "latin1")) ?? [];
  const bits = BigInt(`0x${mask}`);
  const ignored: number[] = [];
  for (let signal = 1; signal <= LAST_SIGNAL; signal++)
    if (((bits >> BigInt(signal - 1)) & 1n) === 1n) ignored.push(signal);
  for (const signal of ignored) libc().signal(signal, SIG_DFL);
  return ignored;
}

/** Blocks exactly these signals of this thread. */
function blockSignals(signals: readonly number[]): void {
  const set = new Uint8Array(SIGSET_BYTES);
  for (const signal of signals)
    set[(signal - 1) >> 3] = (set[(signal - 1) >> 3] ?? 0) | (1 << ((signal - 1) & 7));
  libc().sigprocmask(SIG_SETMASK, ptr(set), null);
}

/**
 * Makes a file in memory with this name and content, which no process can change any longer. Returns its
 * close-on-exec descriptor. Throws the system's error if there is no room (memfd_create(2), Linux 3.17).
 */
export function createSealedFile(name: string, content: Uint8Array): number {
  const fd = systemCall(MEMFD_CREATE, ptr(toText(name)), MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) throw new Error(`memfd_create has errno ${lastErrno()}`);
  try {
    for (let start = 0; start < content.length;) start += writeSync(fd, content, start);
    if (libc().fcntl(fd, F_ADD_SEALS, ALL_SEALS) === 0) return fd;
    throw new Error(`fcntl has errno ${lastErrno()}`);
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
}

/** Whether the descriptor is that of a file of `createSealedFile`. */
export function isSealed(fd: number): boolean {
  return libc().fcntl(fd, F_GET_SEALS, 0) === ALL_SEALS;
}

/** The end of a process: with an exit code, or by a signal such as `SIGTERM` (`SIG34` without a name). */
export type ExitFacts = { exitCode: number | null; signal: string | null };

/** Collects one child that has ended, and returns its end; undefined if it runs. Source: wait(2). */
export function collectChild(pid: number): ExitFacts | undefined {
  const status = new Int32Array(1);
  if (libc().waitpid(pid, ptr(status), WNOHANG) === 0) return undefined;
  const [word = 0] = status;
  const signal = word & 0x7f;
  return signal === 0
    ? { exitCode: (word >> 8) & 0xff, signal: null }
    : { exitCode: null, signal: signalName(signal) };
}

/**
 * Returns a close-on-exec descriptor of a process, which can be read at its end; undefined after a failure.
 */
export function openProcess(pid: number): number | undefined {
  const fd = systemCall(PIDFD_OPEN, pid);
  return fd < 0 ? undefined : fd;
}

/**
 * Gives this thread a new, empty session keyring (keyctl(2)); its children get that one. Does nothing where
 * the kernel does not permit it.
 */
export function joinNewKeyring(): void {
  systemCall(KEYCTL, KEYCTL_JOIN_SESSION_KEYRING);
}

/**
 * Lets the children of this thread start with usual scheduling and a priority of at best 0, although this
 * thread may have more: `SCHED_RESET_ON_FORK` of sched(7). Children keep a lower priority.
 */
export function resetPriorityOfChildren(): void {
  const policy = systemCall(SCHED.get);
  if (policy < 0 || (policy & SCHED_RESET_ON_FORK) !== 0) return;
  const parameters = new Int32Array(1);
  if (systemCall(SCHED.getParameters, 0, ptr(parameters)) !== 0) return;
  systemCall(SCHED.set, 0, policy | SCHED_RESET_ON_FORK, ptr(parameters));
}

/**
 * Empties the inheritable and ambient capabilities of this thread, which a program would get through
 * execve(2) although its user does not have them. Also lets a change of the user take all capabilities
 * away, as usual (capabilities(7)). Our own capabilities stay.
 */
export function stopInheritingCapabilities(): void {
  const header = new Uint32Array([CAPABILITY_VERSION_3, 0]);
  // Effective, permitted and inheritable; twice, for 64 capabilities.
  const sets = new Uint32Array(6);
  if (systemCall(CAP.get, ptr(header), ptr(sets)) === 0 && (sets[2] || sets[5])) {
    sets[2] = 0;
    sets[5] = 0;
    systemCall(CAP.set, ptr(header), ptr(sets));
  }
  systemCall(PRCTL, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
  const bits = systemCall(PRCTL, PR_GET_SECUREBITS);
  if (bits < 0 || (bits & GRANTING_BITS) === 0) return;
  systemCall(PRCTL, PR_SET_SECUREBITS, bits & ~GRANTING_BITS);
}

/**
 * Lowers both our limits of processes of one user to `most`, by prlimit(2). Disposing sets them as they were.
 * Does nothing after a failure.
 */
export function lowerProcessLimit(most: number): Disposable {
  const before = new BigUint64Array(2);
  const isKnown = libc().prlimit(0, RLIMIT_NPROC, null, ptr(before)) === 0;
  const lowered = before.map((value) => (value > most ? BigInt(most) : value));
  const isLowered = isKnown && libc().prlimit(0, RLIMIT_NPROC, ptr(lowered), null) === 0;
  return {
    [Symbol.dispose]: () => void (isLowered && libc().prlimit(0, RLIMIT_NPROC, ptr(before), null)),
  };
}

/**
 * Sends one byte and duplicates of descriptors through a unix socket, without waiting: sendmsg(2), unix(7).
 * The kernel keeps the files open until the receiver reads the byte. Returns whether it has taken them.
 */
export function sendDescriptors(socketFd: number, byte: number, fds: readonly number[]): boolean {
  const data = new Uint8Array([byte]);
  const part = new BigUint64Array([BigInt(ptr(data)), BigInt(data.length)]);
  const control = new DataView(new ArrayBuffer(CMSG_HEADER_BYTES + Math.ceil(fds.length / 2) * 8));
  control.setBigUint64(0, BigInt(CMSG_HEADER_BYTES + 4 * fds.length), true);
  control.setInt32(8, SOL_SOCKET, true);
  control.setInt32(12, SCM_RIGHTS, true);
  for (const [index, fd] of fds.entries()) control.setInt32(CMSG_HEADER_BYTES + 4 * index, fd, true);
  // `struct msghdr`: no address, one part, and the descriptors.
  const message = new BigUint64Array(7);
  message[2] = BigInt(ptr(part));
  message[3] = 1n;
  message[4] = BigInt(ptr(control));
  message[5] = BigInt(control.byteLength);
  return systemCall(SENDMSG, socketFd, ptr(message), MSG_DONTWAIT | MSG_NOSIGNAL) === 1;
}

type List = { list: BigUint64Array; texts: Uint8Array[] };

/** A list of pointers to texts, with a null pointer at its end. `texts` keeps the texts alive. */
function toList(words: readonly (string | Uint8Array)[]): List {
  const texts = words.map(toText);
  return { list: new BigUint64Array([...texts.map((text) => BigInt(ptr(text))), 0n]), texts };
}

function toText(text: string | Uint8Array): Uint8Array {
  return Buffer.concat([typeof text === "string" ? Buffer.from(text) : text, new Uint8Array(1)]);
}

const IS_ARM = process.arch === "arm64";
/** The numbers are from syscalls(2). */
const PRCTL = IS_ARM ? 167 : 157;
const SENDMSG = IS_ARM ? 211 : 46;
const KEYCTL = IS_ARM ? 219 : 250;
const SCHED = IS_ARM
  ? { set: 119, get: 120, getParameters: 121 }
  : { set: 144, get: 145, getParameters: 143 };
const CAP = IS_ARM ? { get: 90, set: 91 } : { get: 125, set: 126 };
const FS = IS_ARM
  ? { setgroups: 159, setfsuid: 151, setfsgid: 152 }
  : { setgroups: 116, setfsuid: 122, setfsgid: 123 };
/** Linux 5.8 and newer. */
const FACCESSAT2 = 439;
const AT_EACCESS = 0x200;
const X_OK = 1;
const ENOSYS = 38;
/** unix(7), sendmsg(2): the same numbers on all architectures we build for. */
const CMSG_HEADER_BYTES = 16;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** wait(2), include/uapi/linux/wait.h. */
const WNOHANG = 1;
/** pidfd_open(2), Linux 5.3. */
const PIDFD_OPEN = 434;
/** memfd_create(2), include/uapi/linux/memfd.h. */
const MEMFD_CREATE = IS_ARM ? 279 : 319;
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
/** fcntl(2), include/uapi/linux/fcntl.h. All seals: no new seals, no smaller, no larger, no other content. */
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
const ALL_SEALS = 0xf;
/** The same number on all architectures we build for (include/uapi/asm-generic/resource.h). */
const RLIMIT_NPROC = 6;
/** fcntl(2). */
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const FIRST_CLOSED = 3;
/** include/uapi/linux/keyctl.h. */
const KEYCTL_JOIN_SESSION_KEYRING = 1;
/** include/uapi/linux/sched.h. */
const SCHED_RESET_ON_FORK = 0x4000_0000;
/** include/uapi/linux/capability.h and prctl.h. */
const CAPABILITY_VERSION_3 = 0x2008_0522;
const PR_GET_SECUREBITS = 27;
const PR_SET_SECUREBITS = 28;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
/** `SECBIT_NO_SETUID_FIXUP` and `SECBIT_KEEP_CAPS`: they leave capabilities to another user. */
const GRANTING_BITS = 0b1_0100;
/** signal(2), include/uapi/asm-generic/signal.h. glibc's set has 1024 bits. */
const LAST_SIGNAL = 64;
const SIG_DFL = 0;
const SIG_IGN = 1;
const SIG_SETMASK = 2;
const SIGSET_BYTES = 128;

/** Calls syscall(2). The words that a call does not have are 0. */
function systemCall(number: number, ...words: (number | Pointer)[]): number {
  const [first = 0, second = 0, third = 0, fourth = 0, fifth = 0] = words;
  return libc().syscall(number, first, second, third, fourth, fifth, 0);
}
