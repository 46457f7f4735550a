/** The system calls that change a process, and those for the children of another one. */
import { afterEach, describe, expect, test } from "bun:test";
import { closeSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { EVENTS } from "../../src/process/descriptor-watch.ts";
import { pollNow, readInto } from "../../src/process/libc.ts";
import {
  closeOnExec,
  createSealedFile,
  isSealed,
  mayExecute,
  openProcess,
  sendDescriptors,
} from "../../src/process/libc-process.ts";
import { createPipe, createSocketPair } from "../../src/process/pipe.ts";
import { watchOpenFiles } from "../support/open-files.ts";
import { runProcess } from "../support/program-run.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const IS_ROOT = process.getuid?.() === 0;
const MODULE = join(import.meta.dir, "../../src/process/libc-process.ts");
/** Ids that no other process of a machine has. */
const OTHER = { uid: 1_888_888_881, gid: 1_888_888_882, groups: [1_888_888_883, 1_888_888_884] };

const opened = new Set<number>();

afterEach(() => {
  for (const fd of opened) closeSync(fd);
  opened.clear();
});

function track(fd: number): number {
  opened.add(fd);
  return fd;
}

/**
 * Runs code in another process, in which the exports of the file are `it`. Returns what it prints. `expected`
 * is its exit code.
 */
async function runInChild(code: string, expected = 0): Promise<string> {
  const text = `import * as it from ${JSON.stringify(MODULE)};\nimport * as fs from "node:fs";\n${code}`;
  const { stdout, stderr, exitCode } = await runProcess([process.execPath, "-e", text]);
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: expected });
  return stdout;
}

test("a sealed file has its content and name, and takes no more", () => {
  const fd = track(createSealedFile("a name", Buffer.from("content")));
  const room = Buffer.alloc(16);
  expect([readSync(fd, room, 0, 16, 0), room.toString("latin1", 0, 7)]).toEqual([7, "content"]);
  expect(() => writeSync(fd, "more")).toThrow("EPERM");
  expect(isSealed(fd)).toBe(true);
  expect(readFileSync("/proc/self/maps", "latin1")).not.toContain("a name");
  expect(Buffer.from(linkOf(fd)).toString()).toContain("memfd:a name");
});

function linkOf(fd: number): string {
  return Bun.spawnSync(["readlink", `/proc/${process.pid}/fd/${fd}`]).stdout.toString();
}

test("an empty sealed file is sealed, and another file is not", () => {
  expect(isSealed(track(createSealedFile("empty", new Uint8Array(0))))).toBe(true);
  expect(isSealed(track(openSync("/dev/null", "r")))).toBe(false);
});

test("a sealed file with a name that is too long is refused, and leaves no descriptor", async () => {
  const listOpened = await watchOpenFiles(/memfd/);
  expect(() => createSealedFile("x".repeat(300), new Uint8Array(1))).toThrow("memfd_create has errno 22");
  expect(await listOpened()).toEqual([]);
});

test.each([
  ["an exit code", "exit 7", { exitCode: 7, signal: null }],
  ["a signal", "kill -TERM $$", { exitCode: null, signal: "SIGTERM" }],
])("a child that ends with %s is collected at its end, and not before", async (_, script, facts) => {
  // The runtime collects a child in its next turn, and this code leaves it none.
  const code = `
    const words = ["/bin/sh", "-c", "read -r line; ${script}"];
    const child = Bun.spawn(words, { stdin: "pipe" });
    const before = it.collectChild(child.pid) ?? "runs";
    child.stdin.write("\\n");
    child.stdin.flush();
    let end;
    while (end === undefined) end = it.collectChild(child.pid);
    fs.writeSync(1, JSON.stringify([before, end]));
    process.exit(0);
  `;
  expect(JSON.parse(await runInChild(code))).toEqual(["runs", facts]);
});

test("a descriptor of a process is readable at its end, and is not inherited", async () => {
  const child = Bun.spawn(["/bin/sh", "-c", "read -r line"], { stdin: "pipe" });
  const fd = openProcess(child.pid);
  // A kernel before 5.3 has none.
  if (fd === undefined) return child.kill();
  track(fd);
  expect(pollNow(fd, EVENTS.IN)).toBe(0);
  await child.stdin.end();
  await child.exited;
  expect(pollNow(fd, EVENTS.IN) & EVENTS.IN).toBe(EVENTS.IN);
  expect(openProcess(2 ** 30)).toBeUndefined();
});

/** Whether this process has CAP_SYS_RESOURCE, which root of a container may lack. */
function mayRaiseLimits(): boolean {
  const [, set = "0"] = /^CapEff:\s+(\w+)$/m.exec(readFileSync("/proc/self/status", "latin1")) ?? [];
  return ((BigInt(`0x${set}`) >> 24n) & 1n) === 1n;
}

/** An id as the kernel shows it: the real, effective, saved and file system id. */
function four(id: number): string {
  return Array.from({ length: 4 }, () => id).join("\t");
}

describe.if(IS_ROOT)("as root", () => {
  test("both limits of processes are lowered, and come back where the kernel permits it", async () => {
    const code = `
      const read = () => fs.readFileSync("/proc/self/limits", "latin1");
      const limits = () => /^Max processes +(\\S+ +\\S+)/m.exec(read())[1].replace(/ +/, " ");
      const all = [limits()];
      const one = it.lowerProcessLimit(1000);
      all.push(limits());
      const other = it.lowerProcessLimit(2000);
      all.push(limits());
      other[Symbol.dispose]();
      all.push(limits());
      one[Symbol.dispose]();
      console.log(JSON.stringify([...all, limits()]));
    `;
    const [before, ...after] = JSON.parse(await runInChild(code));
    const low = "1000 1000";
    expect(after).toEqual([low, low, low, mayRaiseLimits() ? before : low]);
  });

  test("a user may execute what its modes allow, by its own or its groups' bits", async () => {
    await using directory = await createTemporaryDirectory();
    await chmod(directory.path, 0o755);
    const [all, none] = [await directory.write("all", ""), await directory.write("none", "")];
    await chmod(all, 0o755);
    await chmod(none, 0o700);
    const before = readFileSync("/proc/thread-self/status", "latin1").match(/^(?:Uid|Gid|Groups):.*$/gm);
    expect([
      mayExecute(OTHER, [all]),
      mayExecute(OTHER, [all, none]),
      mayExecute(OTHER, []),
      mayExecute({ ...OTHER, groups: [] }, [all]),
    ]).toEqual([true, false, true, true]);
    expect(readFileSync("/proc/thread-self/status", "latin1").match(/^(?:Uid|Gid|Groups):.*$/gm)).toEqual(
      before,
    );
    for (const gid of [OTHER.gid, OTHER.groups[1] ?? 0]) {
      Bun.spawnSync(["chgrp", String(gid), none]);
      await chmod(none, 0o710);
      expect(mayExecute(OTHER, [none])).toBe(true);
    }
    Bun.spawnSync(["chown", String(OTHER.uid), none]);
    await chmod(none, 0o100);
    expect(mayExecute(OTHER, [none])).toBe(true);
  });

  test.each([2, 0])("a process becomes another user for good, with %i more groups", async (count) => {
    const ids = { ...OTHER, groups: OTHER.groups.slice(0, count) };
    const code = `
      const errno = it.becomeUser(${JSON.stringify(ids)});
      const again = it.becomeUser({ uid: 0, gid: 0, groups: [] });
      const status = fs.readFileSync("/proc/thread-self/status", "latin1");
      console.log(errno, again, status.match(/^(?:Uid|Gid|Groups):.*$/gm).join());
    `;
    const { uid, gid, groups } = ids;
    const list = groups.map((group) => `${group} `).join("");
    expect((await runInChild(code)).trimEnd()).toBe(
      `0 1 Uid:\t${four(uid)},Gid:\t${four(gid)},Groups:\t${list}`.trimEnd(),
    );
  });
});

test("descriptors reach the other end of a socket with their byte, and stay open here", () => {
  const { ourFd, theirFd } = createSocketPair();
  const { readFd, writeFd } = createPipe();
  for (const fd of [ourFd, theirFd, readFd]) track(fd);
  expect(sendDescriptors(ourFd, 0x41, [writeFd])).toBe(true);
  closeSync(writeFd);
  // The message keeps the pipe open until it is read.
  expect(pollNow(readFd, EVENTS.IN)).toBe(0);
  const room = Buffer.alloc(4);
  expect([readInto(theirFd, room), room[0]]).toEqual([1, 0x41]);
  expect(pollNow(readFd, EVENTS.IN)).toBe(EVENTS.HUP);
});

test.each([0, 1, 2, 3])("a message with %i descriptors is taken", (count) => {
  const { ourFd, theirFd } = createSocketPair();
  for (const fd of [ourFd, theirFd]) track(fd);
  const pipes = Array.from({ length: count }, () => createPipe());
  for (const { readFd } of pipes) track(readFd);
  expect(
    sendDescriptors(
      ourFd,
      1,
      pipes.map(({ writeFd }) => writeFd),
    ),
  ).toBe(true);
  for (const { writeFd } of pipes) closeSync(writeFd);
  expect(pipes.map(({ readFd }) => pollNow(readFd, EVENTS.IN))).toEqual(pipes.map(() => 0));
});

test("descriptors are not taken by a socket without another end, nor by a full one", () => {
  const { ourFd, theirFd } = createSocketPair();
  track(ourFd);
  expect(sendDescriptors(ourFd, 1, [1_000_000])).toBe(false);
  let sent = 0;
  while (sendDescriptors(ourFd, 1, [])) sent++;
  expect(sent).toBeGreaterThan(0);
  closeSync(theirFd);
  expect(sendDescriptors(ourFd, 1, [])).toBe(false);
});

test("a program that replaces this one has its words, its variables and the kept descriptors", async () => {
  const script = 'printf "%s\\n" "$0" "$1" "$NAME"; readlink /proc/$$/fd/7 /proc/$$/fd/8';
  const code = `
    const { symbols } = (await import("bun:ffi")).dlopen("libc.so.6", {
      dup2: { args: ["i32", "i32"], returns: "i32" },
    });
    for (const fd of [7, 8]) symbols.dup2(fs.openSync("/dev/null", "r"), fd);
    const words = ["sh", "-c", ${JSON.stringify(script)}, "zero", Buffer.from("one")];
    it.replaceProgram("/bin/sh", words, ["NAME=value", "PATH=/usr/bin:/bin"], { kept: [7] });
  `;
  const lines = (await runInChild(code, 1)).trim().split("\n");
  expect(lines).toEqual(["zero", "one", "value", "/dev/null"]);
});

test("a program that replaces this one ignores no signal and blocks only those that are named", async () => {
  const code = `
    const { symbols } = (await import("bun:ffi")).dlopen("libc.so.6", {
      signal: { args: ["i32", "i64"], returns: "i64" },
    });
    for (const signal of [1, 64]) symbols.signal(signal, 1);
    const words = ["grep", "-E", "Sig(Ign|Blk)", "/proc/self/status"];
    const options = { blocked: [1, 8, 9, 64] };
    const errno = it.replaceProgram("/absent", words, [], options);
    const status = fs.readFileSync("/proc/thread-self/status", "latin1");
    fs.writeSync(1, errno + "\\n" + status.match(/^Sig(?:Ign|Blk).*$/gm).join("\\n") + "\\n");
    it.replaceProgram("/bin/grep", words, [], options);
  `;
  const lines = (await runInChild(code)).trim().split("\n");
  const [errno, blocked, ignored = ""] = lines;
  // After the failure it has its own signals again: 1 and 64 are the bits 0 and 63.
  expect([errno, blocked]).toEqual(["2", "SigBlk:\t0000000000000000"]);
  expect(BigInt(`0x${ignored.split("\t")[1] ?? "0"}`) & 0x8000000000000001n).toBe(0x8000000000000001n);
  // The kernel blocks SIGKILL, which is 9, for no process.
  expect(lines.slice(3)).toEqual(["SigBlk:\t8000000000000081", "SigIgn:\t0000000000000000"]);
});

test("a descriptor that closes on exec has that flag", () => {
  const fd = track(openSync("/dev/null", "r"));
  closeOnExec([fd]);
  const [, flags = ""] = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1")) ?? [];
  expect(Number.parseInt(flags, 8) & 0o2000000).toBe(0o2000000);
});
