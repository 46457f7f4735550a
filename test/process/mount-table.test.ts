/** Paths that are walked without a step onto a file system that may hang. */
import { expect, test } from "bun:test";
import { mkdir, symlink } from "node:fs/promises";
import { walkLocally } from "../../src/process/mount-table.ts";
import { readMounts } from "../../src/trust/mounts.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const ROOT = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n";

test("a path on the disk of the root directory leads to itself, with its status", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("file", "text");
  const place = walkLocally(path, readMounts(ROOT));
  expect(place?.path).toBe(path);
  expect(place?.status?.size).toBe(4);
});

test("a missing file on a local disk is known to be missing", async () => {
  await using directory = await createTemporaryDirectory();
  expect(walkLocally(directory.at("none/file"), readMounts(ROOT))).toEqual({
    path: directory.at("none"),
    status: undefined,
  });
});

test.each(["nfs4", "fuse.sshfs", "9p", "virtiofs", "cifs", "autofs", "ceph", "proc", "made-up"])(
  "a path on a mount of type %s is not walked",
  async (type) => {
    await using directory = await createTemporaryDirectory();
    await mkdir(directory.at("net"));
    const mounts = readMounts(`${ROOT}90 27 0:50 / ${directory.at("net")} rw - ${type} source rw\n`);
    expect(walkLocally(directory.at("net"), mounts)).toBeUndefined();
    expect(walkLocally(directory.at("net/file"), mounts)).toBeUndefined();
    expect(walkLocally(directory.at("other"), mounts)).toBeDefined();
  },
);

test("links are followed, and one that leads onto a network mount is not walked to its end", async () => {
  await using directory = await createTemporaryDirectory();
  await mkdir(directory.at("net"));
  await mkdir(directory.at("disk"));
  await directory.write("disk/file", "");
  await symlink("disk", directory.at("relative"));
  await symlink(directory.at("disk/../disk/./file"), directory.at("absolute"));
  await symlink(directory.at("net/file"), directory.at("far"));
  await symlink("../net/file", directory.at("disk/up"));
  const mounts = readMounts(`${ROOT}90 27 0:50 / ${directory.at("net")} rw - nfs server:/ rw\n`);
  expect(walkLocally(directory.at("relative/file"), mounts)?.path).toBe(directory.at("disk/file"));
  expect(walkLocally(directory.at("absolute"), mounts)?.path).toBe(directory.at("disk/file"));
  expect(walkLocally(directory.at("far"), mounts)).toBeUndefined();
  expect(walkLocally(directory.at("relative/up"), mounts)).toBeUndefined();
});

test("a loop of links ends, and the place is not known", async () => {
  await using directory = await createTemporaryDirectory();
  await symlink("loop", directory.at("loop"));
  expect(walkLocally(directory.at("loop"), readMounts(ROOT))).toBeUndefined();
});

test("a network mount over the parent of a local mount hides the local one", async () => {
  await using directory = await createTemporaryDirectory();
  await mkdir(directory.at("a/b"), { recursive: true });
  const mounts = readMounts(
    `${ROOT}90 27 8:1 / ${directory.at("a/b")} rw - ext4 /dev/sda1 rw\n` +
      `91 27 0:50 / ${directory.at("a")} rw - nfs server:/ rw\n`,
  );
  expect(walkLocally(directory.at("a/b"), mounts)).toBeUndefined();
});

test("of two mounts at one place, the later one counts", async () => {
  await using directory = await createTemporaryDirectory();
  await mkdir(directory.at("a"));
  const place = directory.at("a");
  const under = `90 27 0:50 / ${place} rw - nfs server:/ rw\n`;
  const over = `91 90 0:51 / ${place} rw - tmpfs tmpfs rw\n`;
  expect(walkLocally(place, readMounts(`${ROOT}${under}`))).toBeUndefined();
  expect(walkLocally(place, readMounts(`${ROOT}${under}${over}`))?.path).toBe(place);
});

test("a mount point with a blank in its name is found", async () => {
  await using directory = await createTemporaryDirectory();
  await mkdir(directory.at("two words"));
  const place = directory.at("two words").replaceAll(" ", "\\040");
  const mounts = readMounts(`${ROOT}90 27 0:50 / ${place} rw - nfs server:/ rw\n`);
  expect(walkLocally(directory.at("two words"), mounts)).toBeUndefined();
});

test("without a table of mounts, no path is known", () => {
  expect(walkLocally("/", readMounts(""))).toBeUndefined();
});

test("the table of this machine knows /bin/sh as local, and /proc not", () => {
  expect(walkLocally("/bin/sh")?.status?.isFile()).toBe(true);
  expect(walkLocally("/proc/self/exe")).toBeUndefined();
});
