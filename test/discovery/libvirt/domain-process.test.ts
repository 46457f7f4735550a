/** The QEMU process of a domain, by a pid file as libvirt writes it. */
import { expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { chmod, chown, mkdir, symlink } from "node:fs/promises";
import {
  expectDomain,
  findPidDirectory,
  listDomainProcesses,
  pidFileOf,
} from "../../../src/discovery/libvirt/domain-process.ts";
import { dialSocket } from "../../../src/channels/socket/socket.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { IS_ROOT, OTHER_UID, startListener, startProgram } from "../../support/other-process.ts";
import type { OtherProcess } from "../../support/other-process.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";

const SELF = process.geteuid?.() ?? 0;
const SYSTEM = { directory: "/run/libvirt/qemu", uid: 0 };

test("a URI leads to the pid files of its libvirt, and to none for our own session", async () => {
  await using directory = await createTemporaryDirectory();
  await directory.write("libvirt/sock", "");
  const socket = directory.at("libvirt/sock");
  const own = directory.at("libvirt/qemu");
  expect(await findPidDirectory("qemu:///system")).toEqual(SYSTEM);
  expect(await findPidDirectory("qemu+unix:///system")).toEqual(SYSTEM);
  expect(await findPidDirectory("qemu:///session")).toEqual(SELF === 0 ? SYSTEM : undefined);
  expect(await findPidDirectory(`qemu:///session?socket=${socket}`)).toEqual({
    directory: `${own}/run`,
    uid: SELF,
  });
  expect((await findPidDirectory(`qemu:///system?socket=${socket}`))?.directory).toStartWith(own);
  expect(await findPidDirectory()).toEqual(SELF === 0 ? SYSTEM : undefined);
});

test("a libvirt's socket that another user could replace is refused with DENIED", async () => {
  await using directory = await createTemporaryDirectory();
  await directory.write("libvirt/sock", "");
  await chmod(directory.at("libvirt"), 0o1777);
  const uri = `qemu:///session?socket=${directory.at("libvirt/sock")}`;
  expect(await rejectionOf(findPidDirectory(uri))).toMatchObject({
    code: "DENIED",
    message: expect.stringContaining(`"${uri}": others may make files in "${directory.at("libvirt")}"\n`),
  });
});

test("the pid file of a domain has its name, and no name leads to another directory", () => {
  expect(pidFileOf("my guest", SYSTEM)).toEqual({ path: "/run/libvirt/qemu/my guest.pid", uid: 0 });
  expect(pidFileOf("it's", SYSTEM)?.path).toBe("/run/libvirt/qemu/it&apos;s.pid");
  expect(pidFileOf("../web1", SYSTEM)).toBeUndefined();
  expect(pidFileOf("web1", undefined)).toBeUndefined();
});

/** Writes the pid file of `web1` for this process. */
async function writePid(directory: TemporaryDirectory, pid: number | string = process.pid) {
  const path = await directory.write("libvirt/web1.pid", `${pid}\n`);
  return { path, uid: SELF };
}

test("the process of the pid file is accepted, and another one of the same user is not", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  await using other = await startListener(path);
  const file = await writePid(directory, other.pid);
  const listener = () => expectDomain("web1", file);
  await (await dialSocket(path, { listener })).close();
  await other.says("closed");
  await writePid(directory);
  expect(await rejectionOf(dialSocket(path, { listener }))).toMatchObject({
    code: "DENIED",
    message:
      `Cannot connect to "${path}": process ${other.pid} listens there, ` +
      `which is not the guest's QEMU, which libvirt started as process ${process.pid}\n` +
      `Look at it: ps -fp ${other.pid}\nTo get its socket back: virsh destroy web1; virsh start web1`,
  });
});

test.each([
  [
    "missing",
    async (directory: TemporaryDirectory) => void (await Bun.$`rm ${directory.at("libvirt/web1.pid")}`),
    "it is not there",
  ],
  ["empty", (directory: TemporaryDirectory) => writePid(directory, ""), "it has no process id"],
  ["without a number", (directory: TemporaryDirectory) => writePid(directory, "1 2"), "it has no process id"],
  [
    "of no process",
    (directory: TemporaryDirectory) => writePid(directory, 4_194_305),
    "process 4194305 has ended",
  ],
  [
    "open to others",
    (directory: TemporaryDirectory) => chmod(directory.at("libvirt/web1.pid"), 0o666),
    "its group or everybody may write",
  ],
  [
    "in an open directory",
    (directory: TemporaryDirectory) => chmod(directory.at("libvirt"), 0o777),
    "everybody may write to",
  ],
])("a pid file that is %s is a fault with a remedy", async (_, spoil, words) => {
  await using directory = await createTemporaryDirectory();
  const file = await writePid(directory);
  expect(await expectDomain("web1", file)).toHaveProperty("placeUid", SELF);
  await spoil(directory);
  const fault = await expectDomain("web1", file);
  expect(fault).toMatchObject({
    problem: expect.stringContaining(words),
    remedy: expect.stringMatching(/\w/),
  });
});

const LAST_PID = "/proc/sys/kernel/ns_last_pid";
const canChoosePid = IS_ROOT && existsSync(LAST_PID);

/** Starts a process that gets this number. */
async function startWithPid(pid: number): Promise<OtherProcess> {
  for (let tries = 0; tries < 100; tries++) {
    writeFileSync(LAST_PID, `${pid - 1}`);
    const started = startProgram(["sleep", "600"]);
    if (started.pid === pid) return started;
    await started[Symbol.asyncDispose]();
  }
  throw new Error(`Cannot start a process with the number ${pid}`);
}

test.if(canChoosePid)(
  "a pid file that outlived its process names no other process (needs root)",
  async () => {
    await using directory = await createTemporaryDirectory();
    const path = directory.at("socket");
    const first = await startListener(path);
    const file = await writePid(directory, first.pid);
    expect(await expectDomain("web1", file)).toHaveProperty("placeUid", SELF);
    await first[Symbol.asyncDispose]();
    await using second = await startWithPid(first.pid);
    expect(second.pid).toBe(first.pid);
    expect(await expectDomain("web1", file)).toMatchObject({
      problem: expect.stringContaining(`process ${first.pid} has ended`),
    });
    expect(await listDomainProcesses({ directory: directory.at("libvirt"), uid: SELF })).toEqual(new Set());
  },
);

test("without a pid file, a socket that is there is refused, and another one is missing", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  const listener = () => expectDomain("web1", { path: directory.at("web1.pid"), uid: SELF });
  expect(await rejectionOf(dialSocket(path, { listener }))).toMatchObject({
    code: "NO_CHANNEL",
    message: expect.stringContaining("there is no such socket"),
  });
  await using other = await startListener(path);
  expect(await rejectionOf(dialSocket(path, { listener }))).toMatchObject({
    code: "DENIED",
    message: expect.stringContaining("does not say which process is the guest's QEMU: it is not there\n"),
  });
  expect(other.printed()).not.toContain("connected");
});

test("a pid file that is a link is a fault", async () => {
  await using directory = await createTemporaryDirectory();
  await mkdir(directory.at("libvirt"));
  await symlink(await directory.write("other.pid", `${process.pid}\n`), directory.at("libvirt/web1.pid"));
  expect(await expectDomain("web1", { path: directory.at("libvirt/web1.pid"), uid: SELF })).toHaveProperty(
    "problem",
  );
});

test("the processes of all domains are those of the pid files", async () => {
  await using directory = await createTemporaryDirectory();
  await writePid(directory);
  await directory.write("libvirt/web2.pid", `${process.ppid}`);
  await directory.write("libvirt/web3.pid", "x");
  await directory.write("libvirt/web4.xml", "4713");
  const place = { directory: directory.at("libvirt"), uid: SELF };
  expect(await listDomainProcesses(place)).toEqual(new Set([process.pid, process.ppid]));
  expect([...(await listDomainProcesses({ ...place, directory: directory.at("none") }))]).toEqual([]);
});

test.if(IS_ROOT)(
  "a domain's user may own its socket's directory, and gets nothing there himself (needs root)",
  async () => {
    await using directory = await createTemporaryDirectory();
    await chmod(directory.path, 0o711);
    const path = directory.at("domain-1-web1", "socket");
    await mkdir(directory.at("domain-1-web1"));
    await chown(directory.at("domain-1-web1"), OTHER_UID, OTHER_UID);
    const file = { ...(await writePid(directory)), uid: 0 };
    const listener = () => expectDomain("web1", file);
    await using qemu = await startListener(path, { uid: OTHER_UID });
    await writePid(directory, qemu.pid);
    await (await dialSocket(path, { listener })).close();
    await using thief = await startListener(path, { uid: OTHER_UID });
    expect((await rejectionOf(dialSocket(path, { listener }))).message).toContain(
      `process ${thief.pid} listens there`,
    );
    await thief.says("connected\nclosed");
    expect(thief.printed()).not.toContain("got");
    // A pid file of that user proves nothing.
    await chown(file.path, OTHER_UID, OTHER_UID);
    expect(await expectDomain("web1", file)).toMatchObject({
      problem: expect.stringContaining("belongs to user"),
    });
  },
);
