/** The kernel's facts about processes: real ones in other namespaces, and made-up ones of other kernels. */
import { expect, test } from "bun:test";
import { mkdir, rm, symlink } from "node:fs/promises";
import {
  findForeignNamespace,
  findForeignRoot,
  hasOurMounts,
  isSameProcess,
  readProcess,
  splitStat,
} from "../../src/trust/host-process.ts";
import { FOREIGN_NAMESPACES, IS_ROOT, startProgram } from "../support/other-process.ts";
import type { OtherProcess } from "../support/other-process.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

const SELF = process.pid;

test("this process has its ids, its parent and its start, and is in our namespaces", () => {
  const facts = readProcess(SELF);
  const uid = process.getuid?.() ?? 0;
  expect(facts).toMatchObject({ pid: SELF, parentPid: process.ppid, uids: [uid, uid, uid, uid] });
  expect(facts?.startTicks).toBeGreaterThan(0);
  expect(isSameProcess({ pid: SELF, startTicks: facts?.startTicks ?? 0 })).toBe(true);
  expect(isSameProcess({ pid: SELF, startTicks: 1 })).toBe(false);
  expect([findForeignNamespace(SELF), hasOurMounts(SELF), findForeignRoot(SELF)]).toEqual([
    undefined,
    true,
    undefined,
  ]);
});

test("the name of a process, which can hold brackets and spaces, moves no word behind it", () => {
  expect(splitStat("12 (x) Z 1 1) S 4 5")).toEqual(["S", "4", "5"]);
});

test("a process that has ended has no facts, and is in no namespace of ours", async () => {
  const child = Bun.spawn(["true"]);
  await child.exited;
  expect(readProcess(child.pid)).toBeUndefined();
  expect(findForeignNamespace(child.pid)).toContain("has ended");
  expect(findForeignRoot(child.pid)).toBe("has ended");
});

/** Starts a shell in other namespaces. Resolves with the process id of the shell, not that of its wrapper. */
async function startIn(wrap: readonly string[]): Promise<OtherProcess & { inner: number }> {
  const started = startProgram([...wrap, "sh", "-c", "echo runs; exec sleep 1000"]);
  await started.says("runs");
  const inner = await until("the shell runs", async () => {
    const text = await Bun.file(`/proc/${started.pid}/task/${started.pid}/children`).text();
    const [child] = text.trim().split(" ");
    return wrap.includes("--fork") && child !== "" ? Number(child) : !wrap.includes("--fork") && started.pid;
  });
  return { ...started, inner };
}

test.if(IS_ROOT).each([
  ["user", FOREIGN_NAMESPACES.user],
  ["process", FOREIGN_NAMESPACES.process],
])("a root process in another %s namespace is found out (needs root)", async (kind, wrap) => {
  await using other = await startIn(wrap);
  expect(findForeignNamespace(other.inner)).toBe(`runs in another ${kind} namespace, as in a container`);
});

test.if(IS_ROOT)(
  "another mount namespace with our root directory is not a foreign root (needs root)",
  async () => {
    await using other = await startIn(["unshare", "--mount"]);
    expect(findForeignNamespace(other.inner)).toBeUndefined();
    expect(hasOurMounts(other.inner)).toBe(false);
    expect(findForeignRoot(other.inner)).toBeUndefined();
  },
);

test.if(IS_ROOT)(
  "a chroot, and a mount namespace with another root, are foreign roots (needs root)",
  async () => {
    await using directory = await createTemporaryDirectory();
    await mkdir(directory.at("root"));
    await Bun.$`mount --bind / ${directory.at("root")}`.quiet();
    try {
      await using other = await startIn(["chroot", directory.at("root")]);
      expect(findForeignRoot(other.inner)).toBe("has another root directory, as in a container");
    } finally {
      await Bun.$`umount --lazy ${directory.at("root")}`.quiet();
    }
  },
);

/** Makes a /proc with `self`, and a process 11 in namespaces with these numbers. */
async function makeProc(directory: TemporaryDirectory, namespaces: Record<string, string>): Promise<void> {
  for (const [name, numbers] of Object.entries({ self: { user: "1", pid: "2", mnt: "3" }, 11: namespaces })) {
    await mkdir(directory.at(name, "ns"), { recursive: true });
    for (const [kind, number] of Object.entries(numbers))
      await symlink(`${kind}:[${number}]`, directory.at(name, "ns", kind));
    await symlink("/", directory.at(name, "root"));
  }
}

test("the mount namespace of process 1 counts as ours", async () => {
  await using directory = await createTemporaryDirectory();
  await makeProc(directory, { user: "1", pid: "2", mnt: "4" });
  expect(hasOurMounts(11, directory.path)).toBe(false);
  await mkdir(directory.at("1", "ns"), { recursive: true });
  await symlink("mnt:[4]", directory.at("1", "ns", "mnt"));
  expect(hasOurMounts(11, directory.path)).toBe(true);
  await rm(directory.at("1"), { recursive: true });
});

test.if(IS_ROOT).each([
  ["our own", [], "same"],
  ["another user", FOREIGN_NAMESPACES.user, "foreign"],
  ["another process", FOREIGN_NAMESPACES.process, "foreign"],
])(
  "a user without rights sees whether root's process is in %s namespace (needs root)",
  async (_, wrap, is) => {
    await using other = await startIn(wrap);
    const code = `import { findForeignNamespace } from "${import.meta.dir}/../../src/trust/host-process.ts";
    import { readlinkSync } from "node:fs";
    process.setuid(65534);
    let denied = false;
    try { readlinkSync("/proc/${other.inner}/ns/user"); } catch { denied = true; }
    console.log(denied, findForeignNamespace(${other.inner}) === undefined ? "same" : "foreign");`;
    const { stdout } = await Bun.$`${process.execPath} -e ${code}`.quiet();
    expect(stdout.toString().trim()).toBe(`true ${is}`);
  },
);
