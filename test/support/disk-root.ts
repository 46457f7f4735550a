/** Owns a root directory on an ext4 disk, for guests of libvirt: all of it can be frozen. */
import { chown, cp, mkdir, truncate } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { GuestFile } from "./guest-image.ts";
import { vmRequirements } from "./requirements.ts";
import type { Tool } from "./requirements.ts";
import { runProcess } from "./program-run.ts";

/** The program that makes the file system. */
export const DISK_TOOLS: readonly Tool[] = [{ program: "mkfs.ext4", package: "e2fsprogs", version: "-V" }];

const SPARE_BYTES = 64 * 1024 * 1024;
const BINARY = "usr/bin/negotiator";

/** Writes a disk to `file`, for QEMU as the user `uid`. The binary is on it already. */
export async function writeDisk(
  file: string,
  { binary, uid }: { binary: string; uid: number },
): Promise<void> {
  const root = `${file}.root`;
  await mkdir(dirname(join(root, BINARY)), { recursive: true });
  await cp(binary, join(root, BINARY));
  await Bun.write(file, "");
  await truncate(file, Bun.file(binary).size + SPARE_BYTES);
  const { exitCode, stderr } = await runProcess(["mkfs.ext4", "-q", "-d", root, file], {
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
  });
  if (exitCode !== 0) throw new Error(`mkfs.ext4: ${stderr}`);
  await chown(file, uid, uid);
}

/** The modules that such a guest needs as files. */
export async function diskFiles(): Promise<Record<string, GuestFile>> {
  const requirements = await vmRequirements();
  const modules = requirements.ready ? requirements.parts.diskModules : [];
  return Object.fromEntries(modules.map(({ name, path }) => [`/modules/disk/${name}.ko`, { source: path }]));
}

/** The place of the disk's file system in the guest. */
export const DISK_ROOT = "/disk";

/** The shell line that mounts the disk in the guest, and copies the guest's own files to it. */
export const MOUNT_DISK = [
  "for name in virtio_blk crc32c_generic crc16 mbcache jbd2 ext4; do",
  "[ ! -e /modules/disk/$name.ko ] || insmod /modules/disk/$name.ko || exit; done",
  `mkdir ${DISK_ROOT} && mount -t ext4 /dev/vda ${DISK_ROOT} && cd /`,
  // The binary is there already.
  `mv ${BINARY} /binary && cp -a bin sbin etc lib lib64 root usr var ${DISK_ROOT} || exit`,
  `mv /binary ${BINARY} || exit`,
  "for name in dev proc sys run tmp; do",
  `mkdir -p ${DISK_ROOT}/$name && mount -o rbind /$name ${DISK_ROOT}/$name || exit; done`,
].join("\n");
