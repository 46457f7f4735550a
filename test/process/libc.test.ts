/** The system calls of libc on real pipes, sockets and files. */
import { afterEach, expect, test } from "bun:test";
import { ptr } from "bun:ffi";
import { closeSync, openSync, readFileSync } from "node:fs";
import { EVENTS } from "../../src/process/descriptor-watch.ts";
import {
  encodeAddress,
  lastErrno,
  libc,
  moveOffset,
  openEpoll,
  openEventFd,
  openPeerProcess,
  openPipe,
  openSocketPair,
  pollNow,
  readCached,
  readInto,
  readMonotonicUs,
  readOpenFileLimit,
  readPeerCredentials,
  readSocketOption,
  readWithoutWait,
  resetSignals,
  resizePipe,
  sendDatagram,
  setEpollEvents,
  setNonBlocking,
  setOpenFileLimit,
  tryLockFile,
  writeFrom,
} from "../../src/process/libc.ts";
import { watchOpenFiles } from "../support/open-files.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const CLOSE_ON_EXEC = 0o2000000;
const NON_BLOCKING = 0o4000;
const EAGAIN = 11;
const EBADF = 9;
const NO_DESCRIPTOR = 1_000_000;

const opened = new Set<number>();

afterEach(() => {
  for (const fd of opened) closeSync(fd);
  opened.clear();
});

function track<Fds extends number[]>(...fds: Fds): Fds {
  for (const fd of fds) opened.add(fd);
  return fds;
}

function close(fd: number): void {
  opened.delete(fd);
  closeSync(fd);
}

function pipe(): [number, number] {
  const ends = openPipe();
  if (ends === undefined) throw new Error("no pipe");
  return track(...ends);
}

function socketPair(): [number, number] {
  const ends = openSocketPair();
  if (ends === undefined) throw new Error("no sockets");
  return track(...ends);
}

/** The flags of open(2) that a descriptor has (proc(5)). */
function flagsOf(fd: number): number {
  const [, flags = ""] = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1")) ?? [];
  return Number.parseInt(flags, 8);
}

function has(fd: number, flag: number): boolean {
  return (flagsOf(fd) & flag) === flag;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);

test("a pipe carries bytes from its second end to its first, and no program inherits it", () => {
  const [readFd, writeFd] = pipe();
  expect([readFd, writeFd].map((fd) => has(fd, CLOSE_ON_EXEC))).toEqual([true, true]);
  const room = new Uint8Array(8);
  expect(writeFrom(writeFd, bytes("abc"))).toBe(3);
  expect(readInto(readFd, room)).toBe(3);
  expect(Buffer.from(room.subarray(0, 3)).toString()).toBe("abc");
});

test("sockets of a pair carry bytes both ways, and no program inherits them", () => {
  const [one, other] = socketPair();
  expect([one, other].map((fd) => has(fd, CLOSE_ON_EXEC))).toEqual([true, true]);
  const room = new Uint8Array(8);
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    // A stream joins what was written twice; datagrams would stay apart.
    expect([writeFrom(from, bytes("ab")), writeFrom(from, bytes("c"))]).toEqual([2, 1]);
    expect(readInto(to, room)).toBe(3);
  }
});

test("a descriptor has only the events that were asked for, and a hangup always", () => {
  const [readFd, writeFd] = pipe();
  expect([pollNow(readFd, EVENTS.IN), pollNow(writeFd, EVENTS.OUT)]).toEqual([0, EVENTS.OUT]);
  writeFrom(writeFd, bytes("a"));
  expect([pollNow(readFd, EVENTS.IN), pollNow(readFd, 0)]).toEqual([EVENTS.IN, 0]);
  close(writeFd);
  expect(pollNow(readFd, 0)).toBe(EVENTS.HUP);
  expect(pollNow(NO_DESCRIPTOR, EVENTS.IN)).toBe(0x20);
});

test("a look without a time returns at once", () => {
  const [readFd] = pipe();
  const timesMs = Array.from({ length: 100 }, () => {
    const startMs = performance.now();
    pollNow(readFd, EVENTS.IN);
    return performance.now() - startMs;
  });
  expect(Math.min(...timesMs)).toBeLessThan(0.9);
});

test("a look waits as long as it may, and does not wait by itself", () => {
  const [readFd] = pipe();
  const startMs = performance.now();
  expect(pollNow(readFd, EVENTS.IN, 30)).toBe(0);
  expect(performance.now() - startMs).toBeGreaterThan(25);
});

test("a read fills the room from a byte on, and no more than the room", () => {
  const [readFd, writeFd] = pipe();
  writeFrom(writeFd, bytes("abcdef"));
  const room = Buffer.from("------");
  expect(readInto(readFd, room, 4)).toBe(2);
  expect(room.toString()).toBe("----ab");
  expect(readInto(readFd, room)).toBe(4);
  expect(room.toString()).toBe("cdefab");
});

test("a read or write that fails returns -1, and the errno stays", () => {
  const [readFd, writeFd] = pipe();
  setNonBlocking(readFd);
  expect([readInto(readFd, new Uint8Array(1)), lastErrno()]).toEqual([-1, EAGAIN]);
  expect([writeFrom(NO_DESCRIPTOR, bytes("a")), lastErrno()]).toEqual([-1, EBADF]);
  expect([has(readFd, NON_BLOCKING), has(writeFd, NON_BLOCKING)]).toEqual([true, false]);
});

test("a write starts at a byte and takes at most so many", () => {
  const [readFd, writeFd] = pipe();
  const room = Buffer.alloc(16);
  expect(writeFrom(writeFd, bytes("abcdef"), 1, 3)).toBe(3);
  expect(writeFrom(writeFd, bytes("abcdef"), 4)).toBe(2);
  expect(writeFrom(writeFd, bytes("abcdef"), 5, 3)).toBe(1);
  expect(room.toString("latin1", 0, readInto(readFd, room))).toBe("bcdeff");
});

test("a smaller pipe takes fewer bytes", () => {
  const [, writeFd] = pipe();
  setNonBlocking(writeFd);
  resizePipe(writeFd, 4096);
  expect(writeFrom(writeFd, new Uint8Array(100_000))).toBe(4096);
});

test("a read without a wait leaves a blocking file as it is, and moves its offset", async () => {
  await using directory = await createTemporaryDirectory();
  const [fd] = track(openSync(await directory.write("file", "abcdef"), "r"));
  // The runtime has just read the file into the kernel's memory.
  readFileSync(directory.at("file"));
  const room = Buffer.alloc(4);
  expect([readWithoutWait(fd, room), room.toString()]).toEqual([4, "abcd"]);
  expect([readWithoutWait(fd, room), room.toString("latin1", 0, 2)]).toEqual([2, "ef"]);
  expect(has(fd, NON_BLOCKING)).toBe(false);
  expect([moveOffset(fd, -4), moveOffset(fd, 1)]).toEqual([2, 3]);
  expect([readWithoutWait(fd, room), room.toString("latin1", 0, 3)]).toEqual([3, "def"]);
  expect(moveOffset(pipe()[0], 1)).toBe(-1);
});

test("a cached read takes bytes at an offset, behind a byte of the room, and none at the end", async () => {
  await using directory = await createTemporaryDirectory();
  const [fd] = track(openSync(await directory.write("file", "abcdef"), "r"));
  readFileSync(directory.at("file"));
  const room = Buffer.from("----");
  expect([readCached(fd, room, 1, 2n), room.toString()]).toEqual([3, "-cde"]);
  expect(readCached(fd, room, 0, 6n)).toBe(0);
  expect(readCached(NO_DESCRIPTOR, room, 0, 0n)).toBe(-1);
  // The file's own offset stays.
  expect(moveOffset(fd, 0)).toBe(0);
});

test("an eventfd starts without an event, does not block, and is not inherited", () => {
  const [fd] = track(openEventFd());
  expect(pollNow(fd, EVENTS.IN)).toBe(0);
  expect([has(fd, CLOSE_ON_EXEC), has(fd, NON_BLOCKING)]).toEqual([true, true]);
});

test("an epoll descriptor has an event once it watches for that event", () => {
  const [readFd, writeFd] = pipe();
  writeFrom(writeFd, bytes("a"));
  const [epollFd] = track(openEpoll(readFd));
  expect(has(epollFd, CLOSE_ON_EXEC)).toBe(true);
  expect(pollNow(epollFd, EVENTS.IN)).toBe(0);
  setEpollEvents(epollFd, readFd, EVENTS.IN);
  expect(pollNow(epollFd, EVENTS.IN)).toBe(EVENTS.IN);
  // The next one watches for nothing again.
  const [next] = track(openEpoll(readFd));
  expect(pollNow(next, EVENTS.IN)).toBe(0);
  setEpollEvents(epollFd, readFd, 0);
  expect(pollNow(epollFd, EVENTS.IN)).toBe(0);
});

test("a file that epoll cannot watch gives -1, and leaves no descriptor behind", async () => {
  await using directory = await createTemporaryDirectory();
  const listOpened = await watchOpenFiles(/eventpoll/);
  const [fd] = track(openSync(await directory.write("file", ""), "r"));
  expect(openEpoll(fd)).toBe(-1);
  expect(await listOpened()).toEqual([]);
});

/** The signals of a line of proc_pid_status(5), for this thread. */
function signalsOf(line: "SigBlk" | "SigCgt"): bigint {
  const status = readFileSync("/proc/thread-self/status", "latin1");
  return BigInt(`0x${new RegExp(`^${line}:\\s+(\\w+)$`, "m").exec(status)?.[1] ?? "0"}`);
}

function onChild(): void {
  // The handler itself is what the test is about.
}

test("blocked signals are unblocked, and a handler of SIGCHLD stays", () => {
  process.on("SIGCHLD", onChild);
  const caught = signalsOf("SigCgt");
  const set = new Uint8Array(128);
  // SIGUSR2.
  set[1] = 1 << 3;
  libc().sigprocmask(0, ptr(set), null);
  expect(signalsOf("SigBlk") & 0x800n).toBe(0x800n);
  resetSignals();
  expect([signalsOf("SigBlk"), signalsOf("SigCgt"), caught & 0x10000n]).toEqual([0n, caught, 0x10000n]);
  process.off("SIGCHLD", onChild);
});

test("the monotonic clock counts microseconds since the boot", () => {
  const aroundMs = performance.now();
  const startUs = readMonotonicUs();
  for (const fromMs = performance.now(); performance.now() - fromMs < 3;);
  const passedUs = Number(readMonotonicUs() - startUs);
  expect(passedUs).toBeGreaterThanOrEqual(2900);
  expect(passedUs).toBeLessThanOrEqual((performance.now() - aroundMs) * 1000 + 100);
  const [uptime = 0] = readFileSync("/proc/uptime", "latin1").split(" ").map(Number);
  // A machine that was suspended has been up for longer than this clock has run.
  expect(Number(startUs)).toBeLessThanOrEqual((uptime + 1) * 1e6);
});

test("the limit of open files is changed for a process, and the one before is returned", () => {
  const before = readOpenFileLimit();
  if (before === undefined) throw new Error("no limit");
  try {
    expect(setOpenFileLimit(0, before - 1)).toBe(before);
    expect(readOpenFileLimit()).toBe(before - 1);
    expect(readFileSync("/proc/self/limits", "latin1")).toMatch(
      new RegExp(`^Max open files +${before - 1} `, "m"),
    );
  } finally {
    expect(setOpenFileLimit(process.pid, before)).toBe(before - 1);
  }
  expect(readOpenFileLimit()).toBe(before);
  expect(setOpenFileLimit(0, 2 ** 52)).toBeUndefined();
  expect(setOpenFileLimit(2 ** 30, 16)).toBeUndefined();
});

test("a datagram without a receiver fails, and leaves no socket behind", async () => {
  await using directory = await createTemporaryDirectory();
  const path = Buffer.from(directory.at("socket"));
  const listOpened = await watchOpenFiles(/^socket:/);
  expect(sendDatagram(path, bytes("a"))).toBe("failed");
  expect(await listOpened()).toEqual([]);
  expect(encodeAddress(bytes("/a"))).toEqual(Uint8Array.from([1, 0, 0x2f, 0x61]));
});

test("only one open file has the lock", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("lock", "");
  const [one, other] = track(openSync(path, "r+"), openSync(path, "r+"));
  expect([tryLockFile(one), tryLockFile(other), tryLockFile(one)]).toEqual([true, false, true]);
  close(one);
  expect(tryLockFile(other)).toBe(true);
});

test("the other end of a socket pair is this process", () => {
  const [one] = socketPair();
  expect(readPeerCredentials(one)).toEqual({ pid: process.pid, uid: process.getuid?.() ?? -1 });
  const fd = openPeerProcess(one);
  // A kernel before 6.5 cannot tell.
  if (fd === undefined) return;
  if (fd === "ended") throw new Error("this process has not ended");
  track(fd);
  expect(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1")).toMatch(
    new RegExp(`^Pid:\\s+${process.pid}$`, "m"),
  );
});

test("a descriptor that is not a socket has neither a peer nor options", () => {
  const [readFd] = pipe();
  expect(readPeerCredentials(readFd)).toBeUndefined();
  expect(openPeerProcess(readFd)).toBe("ended");
  expect(readSocketOption(readFd, 3, new Int32Array(1))).toBe(false);
});

test("an option of a socket comes into the given numbers", () => {
  const [one] = socketPair();
  const type = new Int32Array([-1]);
  expect([readSocketOption(one, 3, type), type[0]]).toEqual([true, 1]);
});
