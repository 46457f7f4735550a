/** Programs on the PATH, of which a directory may not answer. */
import { expect, test } from "bun:test";
import { chmod, chown, mkdir, symlink } from "node:fs/promises";
import { findProgram } from "../../src/process/program-path.ts";
import { mountHanging, whyNoHangingMount } from "../support/hanging-mount.ts";
import { shortestOf } from "../support/shortest.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

test("the first executable file counts, and other files and directories do not", async () => {
  await using directory = await createTemporaryDirectory();
  await mkdir(directory.at("1/tool"), { recursive: true });
  for (const [name, mode] of [
    ["2/tool", 0o644],
    ["3/tool", 0o755],
    ["4/tool", 0o755],
  ] as const) {
    await directory.write(name, "#!/bin/sh\n");
    await chmod(directory.at(name), mode);
  }
  const path = ["relative", ...["1", "2", "3", "4"].map((name) => directory.at(name))].join(":");
  expect(await findProgram("tool", path)).toBe(directory.at("3/tool"));
  expect(await findProgram("none", path)).toBeUndefined();
  expect(await findProgram(directory.at("4/tool"), path)).toBe(directory.at("4/tool"));
});

test.if(process.getuid?.() === 0)("root leaves out a program that others could replace", async () => {
  await using directory = await createTemporaryDirectory();
  for (const name of ["open", "theirs", "written", "safe"]) {
    await directory.write(`${name}/tool`, "#!/bin/sh\n");
    await chmod(directory.at(`${name}/tool`), 0o755);
  }
  await chmod(directory.at("open"), 0o777);
  await chown(directory.at("theirs"), 64_779, 64_779);
  await chmod(directory.at("written/tool"), 0o757);
  await mkdir(directory.at("linked"));
  await symlink(directory.at("open/tool"), directory.at("linked/tool"));
  const pathOf = (...names: string[]): string => names.map((name) => directory.at(name)).join(":");
  const unsafe = ["open", "theirs", "written", "linked"];
  expect(await findProgram("tool", pathOf(...unsafe, "safe"))).toBe(directory.at("safe/tool"));
  for (const name of unsafe) expect(await findProgram("tool", pathOf(name))).toBeUndefined();
});

test("a directory that is not on a disk of this machine is searched last", async () => {
  await using directory = await createTemporaryDirectory();
  await symlink("/proc/self/root/bin", directory.at("far"));
  expect(await findProgram("sh", `${directory.at("far")}:/usr/bin`)).toBe("/usr/bin/sh");
  expect(await findProgram("sh", `/nowhere:${directory.at("far")}`)).toBe(directory.at("far/sh"));
});

test.if(whyNoHangingMount() === undefined)("a directory that does not answer is given up", async () => {
  await using directory = await createTemporaryDirectory();
  using mount = mountHanging(directory.at("mount"));
  const ms = await shortestOf(1000, async () => {
    const startMs = performance.now();
    expect(await findProgram("sh", `${mount.path}:/bin`)).toBe("/bin/sh");
    return performance.now() - startMs;
  });
  expect(ms).toBeLessThan(1000);
  expect(await findProgram("no-such-program", `${mount.path}:/bin`)).toBeUndefined();
});
