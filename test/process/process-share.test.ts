import { describe, expect, test } from "bun:test";
import { findProcessShare } from "../../src/process/process-share.ts";
import { runScript } from "../support/captured-run.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const IS_ROOT = process.getuid?.() === 0;
/** Ids that no other process of a machine has. */
const OTHER = { uid: 1_888_888_888, gid: 1_888_888_888 };

async function limitsOf(options: Parameters<typeof runScript>[1]): Promise<string[]> {
  const { stdout } = await runScript("grep 'Max processes' /proc/self/limits", options);
  return stdout.trim().split(/\s+/).slice(2, 4);
}

describe.if(IS_ROOT)("a command with another user", () => {
  test.each([
    { kind: "chroot", path: "/usr/sbin/chroot" },
    { kind: "setpriv", path: "/usr/bin/setpriv" },
    { kind: "own" },
  ] as const)("by $kind has the share as soft and hard limit", async (way) => {
    const share = String(findProcessShare());
    expect(await limitsOf({ user: OTHER, chooseWay: () => way })).toEqual([share, share]);
  });
});

describe("findProcessShare", () => {
  const kernel = { "threads-max": "8000\n", pid_max: "32768\n" };

  test("takes a quarter of the kernel's bounds without cgroups", async () => {
    await using places = await makePlaces({ ...kernel, cgroup: "", mountinfo: "" });
    expect(findProcessShare(places.names)).toBe(2000);
  });

  test("takes the smallest bound of a cgroup of version 2 and those above it", async () => {
    await using places = await makePlaces({
      ...kernel,
      cgroup: "0::/a.slice/b.service/daemon\n",
      mountinfo: "30 23 0:26 / DIRECTORY/group rw - cgroup2 cgroup2 rw\n",
      "group/a.slice/pids.max": "4000\n",
      "group/a.slice/b.service/pids.max": "600\n",
      "group/a.slice/b.service/daemon/pids.max": "max\n",
    });
    expect(findProcessShare(places.names)).toBe(150);
  });

  test("takes the bound of the controller of version 1, below a mounted part", async () => {
    await using places = await makePlaces({
      ...kernel,
      cgroup: "9:name=systemd:/other\n8:cpu,pids:/docker/b\n0::/\n",
      mountinfo: "30 23 0:26 /docker DIRECTORY/group rw - cgroup cgroup rw,cpu,pids\n",
      "group/b/pids.max": "200\n",
    });
    expect(findProcessShare(places.names)).toBe(50);
  });

  test("is undefined if nothing can be read", () => {
    expect(findProcessShare({ self: "/nonexistent", kernel: "/nonexistent" })).toBeUndefined();
  });
});

async function makePlaces(files: Readonly<Record<string, string>>) {
  const directory = await createTemporaryDirectory();
  for (const [name, text] of Object.entries(files))
    await directory.write(name, text.replaceAll("DIRECTORY", directory.path));
  return {
    names: { self: directory.path, kernel: directory.path },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}
