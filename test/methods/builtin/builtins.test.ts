/** The built-in commands: their formats, and comparisons with the programs of this system. */
import { expect, test } from "bun:test";
import { formatDiskUsage, readDisks } from "../../../src/methods/builtin/disk-usage.ts";
import type { DiskSource } from "../../../src/methods/builtin/disk-usage.ts";
import { parseDistribution, readDistribution } from "../../../src/methods/builtin/distribution.ts";
import { formatAddresses } from "../../../src/methods/builtin/ip-addresses.ts";
import { BUILTINS } from "../../../src/methods/builtin/builtins.ts";
import { runScript } from "../../support/captured-run.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

test("the built-ins have the names of python-negotiator's, sorted, each with a description", () => {
  expect(BUILTINS.map(({ name }) => name)).toEqual([
    "find-disk-usage",
    "find-distribution-codename",
    "find-distribution-release",
    "find-distributor-id",
    "find-ip-addresses",
  ]);
  for (const { description } of BUILTINS) expect(description).not.toBe("");
});

test("each built-in runs on this machine and ends every line", async () => {
  for (const { run } of BUILTINS) expect(await run()).toMatch(/^(?:.+\n)*$/);
});

/**
 * A source with a disk of 4096 bytes for each mount point, 1024 of them free. `over` has mounts over others.
 */
function createSource(mountinfo: string, over: Record<string, string> = {}): DiskSource {
  const numbers = new Map(
    mountinfo.split("\n").map((line) => [line.split(" ")[4]?.replaceAll("\\040", " "), line.split(" ")[2]]),
  );
  return {
    mountinfo: async () => mountinfo,
    deviceAt: async (mountPoint) => over[mountPoint] ?? numbers.get(mountPoint),
    usageOf: async (mountPoint) =>
      mountPoint === "/gone"
        ? undefined
        : { totalBytes: mountPoint === "/empty" ? 0 : 4096, freeBytes: 1024 },
    resolve: async () => "/dev/dm-0",
  };
}

async function usageOf(mountinfo: string, over?: Record<string, string>): Promise<string[]> {
  const text = formatDiskUsage(await readDisks(createSource(mountinfo, over)));
  return text.split("\n").slice(0, -1);
}

test("find-disk-usage shows device, mount point, total and used bytes of disks only", async () => {
  const mountinfo = [
    "22 27 0:21 / /proc rw,relatime - proc proc rw",
    "25 24 0:23 / /dev/shm rw - tmpfs tmpfs rw",
    "27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw",
    "28 27 8:1 / /srv/two\\040words rw - xfs /dev/sda1 rw",
    "29 27 0:50 / /net rw - nfs4 server:/export rw",
    "30 27 8:2 / /gone rw - ext4 /dev/sda2 rw",
    "31 27 8:3 / /empty rw - ext4 /dev/sda3 rw",
    "",
  ].join("\n");
  expect(await usageOf(mountinfo)).toEqual(["/dev/vda / 4096 3072", "/dev/sda1 /srv/two words 4096 3072"]);
});

test("find-disk-usage shows the shortest mount point of a device that is not only a part of it", async () => {
  expect(
    await usageOf(
      [
        "1 1 8:1 / /long/place rw - ext4 /dev/sda1 rw",
        "2 1 8:1 / /short rw - ext4 /dev/sda1 rw",
        "3 1 8:1 /part /s rw - ext4 /dev/sda1 rw",
        "4 1 8:2 /part /b/deep rw - ext4 /dev/sdb1 rw",
        "5 1 8:2 / /b rw - ext4 /dev/sdb1 rw",
      ].join("\n"),
    ),
  ).toEqual(["/dev/sda1 /short 4096 3072", "/dev/sdb1 /b 4096 3072"]);
});

test("find-disk-usage leaves out file systems of users' programs, whatever device they name", async () => {
  const mountinfo = [
    "1 0 0:51 / /mnt rw - fuse /dev/sda1 rw,user_id=1000",
    "2 0 0:52 / /ntfs rw - fuseblk /dev/sdb1 rw,user_id=0",
    "3 0 0:53 / /ssh rw - fuse.sshfs /dev/sdc1 rw,user_id=1000",
    "4 0 8:1 / /b rw - ext4 /dev/sdd1 rw",
  ].join("\n");
  expect(await usageOf(mountinfo)).toEqual(["/dev/sdd1 /b 4096 3072"]);
});

test("find-disk-usage shows the first of two mount points of a device that are equally long", async () => {
  const mountinfo = ["1 0 8:1 / /a rw - ext4 /dev/sda1 rw", "2 0 8:1 / /b rw - ext4 /dev/sda1 rw"].join("\n");
  expect(await usageOf(mountinfo)).toEqual(["/dev/sda1 /a 4096 3072"]);
});

test("find-disk-usage leaves out a disk that another mount covers", async () => {
  const mountinfo = [
    "1 1 8:1 / /a rw - ext4 /dev/sda1 rw",
    "2 1 8:2 / /a rw - ext4 /dev/sda2 rw",
    "3 1 8:3 / /b rw - ext4 /dev/sda3 rw",
    "4 3 0:60 / /b rw - tmpfs none rw",
  ].join("\n");
  expect(await usageOf(mountinfo, { "/a": "8:2", "/b": "0:60" })).toEqual(["/dev/sda2 /a 4096 3072"]);
});

test("find-disk-usage shows btrfs subvolumes separately, by the device numbers of stat", async () => {
  const mountinfo = [
    "1 1 0:30 /@ / rw - btrfs /dev/sda2 rw",
    "2 1 0:30 /@home /home rw - btrfs /dev/sda2 rw",
  ].join("\n");
  expect(await usageOf(mountinfo, { "/": "0:31", "/home": "0:32" })).toEqual([
    "/dev/sda2 / 4096 3072",
    "/dev/sda2 /home 4096 3072",
  ]);
});

test("find-disk-usage masks control characters and resolves devices named by UUID", async () => {
  const uuid = "828fc648-9f30-43d8-a0b1-f7196a2edb66";
  expect(
    await usageOf(
      [
        "1 1 8:1 / /x\\012/dev/forged\\040/\\0401\\0401 rw - ext4 /dev/sda1 rw",
        `2 1 8:2 / /y rw - ext4 /dev/mapper/luks-${uuid} rw`,
        "torn line",
      ].join("\n"),
    ),
  ).toEqual(["/dev/sda1 /x?/dev/forged / 1 1 4096 3072", "/dev/dm-0 /y 4096 3072"]);
});

test("find-disk-usage agrees with df on this machine", async () => {
  if (Bun.which("df") === null) return expect(await BUILTINS[0]?.run()).toBeString();
  const { stdout } = await runScript("df -B 1 --output=source,target,size");
  const expected = stdout.split("\n").flatMap((line) => {
    const [, device, mountPoint, total] = /^(\/dev\/\S+) +(\/.*?) +(\d+)$/.exec(line) ?? [];
    return device === undefined ? [] : [`${device} ${mountPoint} ${total}`];
  });
  const disks = await readDisks();
  expect(disks.map(({ device, mountPoint, totalBytes }) => `${device} ${mountPoint} ${totalBytes}`)).toEqual(
    expected,
  );
});

const DISTRIBUTIONS: [string, string, string, [string, string, string]][] = [
  [
    "Debian 12",
    "",
    'NAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION="12 (bookworm)"\n' +
      "VERSION_CODENAME=bookworm\nID=debian\n",
    ["Debian", "12", "bookworm"],
  ],
  ["Debian 8", "", 'VERSION_ID="8"\nVERSION="8 (jessie)"\nID=debian\n', ["Debian", "8", "jessie"]],
  [
    "Ubuntu 22.04",
    'DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=22.04\nDISTRIB_CODENAME=jammy\nDISTRIB_DESCRIPTION="Ubuntu 22.04"\n',
    'NAME="Ubuntu"\nVERSION_ID="22.04"\nVERSION="22.04.4 LTS (Jammy Jellyfish)"\n' +
      "VERSION_CODENAME=jammy\nID=ubuntu\n",
    ["Ubuntu", "22.04", "jammy"],
  ],
  [
    "CentOS 7",
    "LSB_VERSION=core\n",
    'ID="centos"\nVERSION_ID="7"\nVERSION="7 (Core)"\n',
    ["CentOS", "7", "Core"],
  ],
  [
    "Fedora",
    "",
    'NAME="Fedora Linux"\nVERSION="40 (Server Edition)"\nID=fedora\nVERSION_ID=40\nVERSION_CODENAME=""\n',
    ["Fedora", "40", "n/a"],
  ],
  ["AlmaLinux", "", "NAME='AlmaLinux'\nID=almalinux\n", ["AlmaLinux", "n/a", "n/a"]],
  ["RHEL", "", 'ID="rhel"\nVERSION_ID="8.5"\nVERSION="8.5 (Ootpa)"\n', ["RedHatEnterprise", "8.5", "Ootpa"]],
  [
    "a system with quotes",
    "",
    String.raw`ID="a\"b\$c"` + "\n# ID=no\nVERSION_ID=1=2\n",
    ['A"b$c', "1=2", "n/a"],
  ],
  ["a system without files", "", "", ["n/a", "n/a", "n/a"]],
];

test.each(DISTRIBUTIONS)(
  "the os-release of %s gives the values of lsb_release",
  (_name, lsb, system, [id, release, codename]) => {
    expect(parseDistribution(lsb, system)).toEqual({ id, release, codename });
  },
);

test("/usr/lib/os-release counts if /etc has no os-release; without both every value is n/a", async () => {
  await using root = await createTemporaryDirectory();
  expect(await readDistribution(root.path)).toEqual({ id: "n/a", release: "n/a", codename: "n/a" });
  await root.write("usr/lib/os-release", "ID=debian\nVERSION_ID=11\n");
  expect(await readDistribution(root.path)).toMatchObject({ id: "Debian", release: "11" });
  await root.write("etc/os-release", "ID=arch\n");
  expect(await readDistribution(root.path)).toMatchObject({ id: "Arch", release: "n/a" });
});

test("find-ip-addresses lists IPv4 addresses, also secondary ones, in the order of the interfaces", () => {
  const addresses = formatAddresses({
    lo: [
      { family: "IPv4", cidr: "127.0.0.1/8" },
      { family: "IPv6", cidr: "::1/128" },
    ],
    down: undefined,
    eth0: [
      { family: "IPv4", cidr: "192.0.2.2/24" },
      { family: "IPv4", cidr: "192.0.2.3/24" },
      { family: "IPv4", cidr: null },
    ],
  });
  expect(addresses).toBe("127.0.0.1/8\n192.0.2.2/24\n192.0.2.3/24\n");
  expect(formatAddresses({})).toBe("");
});
