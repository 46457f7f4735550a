/** `guest-get-fsinfo`. */
import { statfs } from "node:fs/promises";
import { basename } from "node:path";
import { defineAgentCommand } from "./agent-command.ts";
import { findDiskAddresses, readText, sysPathOf } from "./block-address.ts";
import { listBlockMounts } from "./mounts.ts";
import type { BlockMount } from "./mounts.ts";

/**
 * Returns the mounted file systems on block devices, with their disks and sizes. Without a size, if a program
 * serves the file system: it may never answer, and each look would hold one of the few threads for files.
 */
export const GET_FSINFO = defineAgentCommand({
  name: "guest-get-fsinfo",
  access: "usual",
  run: async () => Promise.all((await listBlockMounts()).map(describe)),
});

async function describe({ path, type, device }: BlockMount) {
  const sysPath = await sysPathOf(device).catch(() => undefined);
  const mapped = sysPath === undefined ? undefined : await readText(`${sysPath}/dm/name`);
  return {
    name: mapped ?? (sysPath === undefined ? device : basename(sysPath)),
    mountpoint: path,
    type,
    disk: sysPath === undefined ? [] : await findDiskAddresses(sysPath),
    ...(type.startsWith("fuse") ? {} : await measure(path)),
  };
}

async function measure(path: string) {
  const facts = await statfs(path, { bigint: true }).catch(() => undefined);
  if (facts === undefined) return {};
  const { bsize, blocks, bfree, bavail } = facts;
  const used = blocks - bfree;
  return {
    "used-bytes": used * bsize,
    "total-bytes": (used + bavail) * bsize,
    "total-bytes-privileged": blocks * bsize,
  };
}
