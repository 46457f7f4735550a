/** The mounts on block devices, from tables of the kernel. */
import { expect, test } from "bun:test";
import { formatDeviceNumber, listBlockMounts } from "../../../src/methods/agent/mounts.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

async function mountsOf(...lines: string[]) {
  await using directory = await createTemporaryDirectory();
  return await listBlockMounts(await directory.write("mountinfo", `${lines.join("\n")}\n`));
}

test("each block device has its first mount, and the newest device comes first", async () => {
  const mounts = await mountsOf(
    "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw",
    "23 22 0:21 / /proc rw - proc proc rw",
    "24 22 8:16 / /srv rw - xfs /dev/sdb rw",
    "25 22 254:1 /home /home rw - ext4 /dev/vda1 rw",
  );
  expect(mounts).toEqual([
    { path: "/srv", type: "xfs", device: "8:16" },
    { path: "/", type: "ext4", device: "254:1" },
  ]);
});

test("octal numbers in a path are its blanks", async () => {
  expect(await mountsOf(String.raw`22 1 254:1 / /a\040b\134c rw - ext4 /dev/vda1 rw`)).toEqual([
    { path: String.raw`/a b\c`, type: "ext4", device: "254:1" },
  ]);
});

test("a btrfs without a block device as its source is left out, and so is an empty table", async () => {
  expect(
    await mountsOf("22 1 0:30 / / rw - btrfs /dev/null rw", "23 1 0:31 / /b rw - btrfs /absent rw"),
  ).toEqual([]);
  expect(await mountsOf()).toEqual([]);
});

test("a btrfs whose number is that of a device keeps it", async () => {
  expect(await mountsOf("22 1 8:1 / / rw - btrfs /absent rw")).toEqual([
    { path: "/", type: "btrfs", device: "8:1" },
  ]);
});

test.each([
  [0x0801, "8:1"],
  [0xfe10, "254:16"],
  [0x1_00_ff, "256:255"],
  [0x10_08_01, "8:257"],
  [0xf_ff_01, "4095:1"],
])("the number %i of a device is %s", (rdev, text) => {
  expect(formatDeviceNumber(rdev)).toBe(text);
});
