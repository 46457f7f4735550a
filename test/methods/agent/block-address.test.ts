/** The addresses of disks, from a tree as in /sys. */
import { expect, test } from "bun:test";
import { mkdir, symlink } from "node:fs/promises";
import { findDiskAddress, findDiskAddresses, readText } from "../../../src/methods/agent/block-address.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";

const SLOT = "devices/pci0000:00/0000:00:05.1";

/** Makes a block device below a PCI device with that driver. Returns its path. */
async function plug(root: TemporaryDirectory, driver: string, below: string): Promise<string> {
  await mkdir(root.at("drivers", driver), { recursive: true });
  await mkdir(root.at(SLOT), { recursive: true });
  await symlink(root.at("drivers", driver), root.at(SLOT, "driver")).catch(() => undefined);
  await mkdir(root.at(SLOT, below), { recursive: true });
  return root.at(SLOT, below);
}

const CONTROLLER = { domain: 0, bus: 0, slot: 5, function: 1 };
const AT_ZERO = { bus: 0, target: 0, unit: 0 };

test.each([
  ["virtio-pci", "virtio1/block/vda", { "bus-type": "virtio", ...AT_ZERO, dev: "/dev/vda" }],
  [
    "virtio-pci",
    "virtio1/host2/target2:1:3/2:1:3:4/block/sda",
    { "bus-type": "scsi", bus: 1, target: 3, unit: 4, dev: "/dev/sda" },
  ],
  [
    "megaraid_sas",
    "host2/target2:1:3/2:1:3:4/block/sda",
    { "bus-type": "scsi", bus: 1, target: 3, unit: 4, dev: "/dev/sda" },
  ],
  ["nvme", "nvme/nvme0/nvme0n1", { "bus-type": "nvme", ...AT_ZERO, dev: "/dev/nvme0n1" }],
  [
    "xhci_hcd",
    "usb1/1-1/host2/target2:1:3/2:1:3:4/block/sdb",
    { "bus-type": "usb", ...AT_ZERO, dev: "/dev/sdb" },
  ],
])("a disk of %s at %s has its address", async (driver, below, address) => {
  await using root = await createTemporaryDirectory();
  const path = await plug(root, driver, below);
  expect(await findDiskAddress(path)).toEqual({ "pci-controller": CONTROLLER, ...address });
});

test.each([
  ["xhci_hcd", "usb1/1-1/block/sdb"],
  ["other", "host2/target2:1:3/2:1:3:4/block/sdb"],
])("a disk of %s at %s has no address", async (driver, below) => {
  await using root = await createTemporaryDirectory();
  expect(await findDiskAddress(await plug(root, driver, below))).toBeUndefined();
});

test("a disk behind two PCI devices is that of the last one, with its hexadecimal numbers", async () => {
  await using root = await createTemporaryDirectory();
  await mkdir(root.at("drivers/virtio-pci"), { recursive: true });
  const path = root.at("devices/pci0000:00/0000:00:02.0/0001:1a:1f.7/virtio1/block/vda");
  await mkdir(path, { recursive: true });
  await symlink(
    root.at("drivers/virtio-pci"),
    root.at("devices/pci0000:00/0000:00:02.0/0001:1a:1f.7/driver"),
  );
  expect(await findDiskAddress(path)).toMatchObject({
    "pci-controller": { domain: 1, bus: 26, slot: 31, function: 7 },
  });
});

test("a device without PCI, and one without a driver, have no address", async () => {
  await using root = await createTemporaryDirectory();
  await mkdir(root.at("devices/virtual/block/loop0"), { recursive: true });
  await mkdir(root.at(SLOT, "virtio1/block/vda"), { recursive: true });
  expect(await findDiskAddress(root.at("devices/virtual/block/loop0"))).toBeUndefined();
  expect(await findDiskAddress(root.at(SLOT, "virtio1/block/vda"))).toBeUndefined();
});

test.each([
  ["ahci", "ata3/host4/target4:0:1/4:0:1:0/block/sda", { "bus-type": "sata", bus: 0, target: 0, unit: 2 }],
  ["ata_piix", "ata3/host4/target4:0:1/4:0:1:0/block/sda", { "bus-type": "ide", bus: 2, target: 0, unit: 1 }],
])("a disk of %s has the channel as its distance to the first host", async (driver, below, place) => {
  await using root = await createTemporaryDirectory();
  const path = await plug(root, driver, below);
  await mkdir(root.at(SLOT, "ata1/host2"), { recursive: true });
  await mkdir(root.at(SLOT, "ata2/host3"), { recursive: true });
  // These are not hosts of this controller's channels.
  await mkdir(root.at(SLOT, "power/host0"), { recursive: true });
  await mkdir(root.at(SLOT, "hostile1"), { recursive: true });
  expect(await findDiskAddress(path)).toMatchObject(place);
});

test("a channel right below the controller counts too", async () => {
  await using root = await createTemporaryDirectory();
  const path = await plug(root, "ahci", "host3/target3:0:0/3:0:0:0/block/sda");
  await mkdir(root.at(SLOT, "host1"), { recursive: true });
  expect(await findDiskAddress(path)).toMatchObject({ "bus-type": "sata", unit: 2 });
});

test("a partition has the address and its own name, and a device on several disks has theirs", async () => {
  await using root = await createTemporaryDirectory();
  const disk = await plug(root, "virtio-pci", "virtio1/block/vda");
  await root.write(`${SLOT}/virtio1/block/vda/vda1/partition`, "1\n");
  const other = await plug(root, "virtio-pci", "virtio2/block/vdb");
  expect(await findDiskAddresses(`${disk}/vda1`)).toMatchObject([{ dev: "/dev/vda1" }]);
  await mkdir(root.at("devices/virtual/block/dm-0/slaves"), { recursive: true });
  await symlink(`${disk}/vda1`, root.at("devices/virtual/block/dm-0/slaves/vda1"));
  await symlink(other, root.at("devices/virtual/block/dm-0/slaves/vdb"));
  const found = await findDiskAddresses(root.at("devices/virtual/block/dm-0"));
  expect(found.map(({ dev }) => dev).toSorted()).toEqual(["/dev/vda1", "/dev/vdb"]);
  await mkdir(root.at("devices/virtual/block/dm-1/slaves"), { recursive: true });
  expect(await findDiskAddresses(root.at("devices/virtual/block/dm-1"))).toEqual([]);
});

test("a text loses one line end, and a file that is not there has none", async () => {
  await using root = await createTemporaryDirectory();
  expect(await readText(await root.write("a", "text\n\n"))).toBe("text\n");
  expect(await readText(await root.write("b", ""))).toBe("");
  expect(await readText(root.at("c"))).toBeUndefined();
});
