/**
 * Owns the guest's parts from Debian in a cache: the cloud kernel, its virtio modules and a static busybox.
 */
import { access, copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { $ } from "bun";
import { downloadPackages } from "./apt.ts";

/** The parts, as paths on this machine. */
export interface GuestParts {
  readonly kernel: string;
  readonly busybox: string;
  /** In load order. */
  readonly modules: readonly GuestModule[];
  /** For an ext4 file system on a virtio disk, in load order. No guest loads them by itself. */
  readonly diskModules: readonly GuestModule[];
}

/** A kernel module. */
export type GuestModule = { readonly name: string; readonly path: string };

const CACHE = join(import.meta.dir, "../../.cache/vm");
/** Another name with each change of what is in it. */
const PARTS = join(CACHE, "guest-2");
const MODULES = [
  "virtio_ring",
  "virtio",
  "virtio_pci_legacy_dev",
  "virtio_pci_modern_dev",
  "virtio_pci",
  "virtio_console",
];
const DISK_MODULES = ["virtio_blk", "crc32c_generic", "crc16", "mbcache", "jbd2", "ext4"];

/** The lock file for callers that look for the parts or bring them. */
export const CACHE_LOCK = join(CACHE, "lock");

/** Returns the parts in the cache, undefined if they have not been downloaded yet. */
export async function findGuestParts(): Promise<GuestParts | undefined> {
  const complete = await access(PARTS).then(
    () => true,
    () => false,
  );
  if (!complete) {
    return undefined;
  }
  // A module that is built into the kernel has no file.
  const present = new Set(await readdir(join(PARTS, "modules")));
  const find = (names: readonly string[]): GuestModule[] =>
    names
      .filter((name) => present.has(`${name}.ko`))
      .map((name) => ({ name, path: join(PARTS, "modules", `${name}.ko`) }));
  return {
    kernel: join(PARTS, "vmlinuz"),
    busybox: join(PARTS, "busybox"),
    modules: find(MODULES),
    diskModules: find(DISK_MODULES),
  };
}

/**
 * Downloads Debian's packages and unpacks them into the cache. Installs nothing, so this machine's boot setup
 * stays unchanged. Needs fresh package lists. Delete `.cache/vm` to get a newer kernel.
 */
export async function bringGuestParts(): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const work = await mkdtemp(join(CACHE, "work-"));
  try {
    const kernelPackage = await currentKernelPackage();
    await downloadPackages([kernelPackage, "busybox-static"], work);
    const packages = (await readdir(work)).filter((name) => name.endsWith(".deb"));
    for (const name of packages) {
      await $`dpkg-deb -x ${name} unpacked`.cwd(work).quiet();
    }
    await arrange(join(work, "unpacked"), join(work, "guest"));
    await writeFile(join(work, "guest", "PACKAGES"), `${packages.join("\n")}\n`);
    await rename(join(work, "guest"), PARTS);
  } finally {
    await rm(work, { recursive: true });
  }
}

/** Returns the only dependency of the empty meta package: the current kernel. */
async function currentKernelPackage(): Promise<string> {
  const depends = await $`apt-cache depends linux-image-cloud-amd64`.text();
  const [, name] = /Depends: (linux-image-\S+)/.exec(depends) ?? [];
  if (name === undefined) {
    throw new Error(
      `Cannot find the kernel of "linux-image-cloud-amd64": apt-cache printed ${JSON.stringify(depends)}`,
    );
  }
  return name;
}

async function arrange(from: string, to: string): Promise<void> {
  await mkdir(join(to, "modules"), { recursive: true });
  for (const path of await readdir(from, { recursive: true })) {
    const name = basename(path);
    const [, module = "", packing = ""] = /^(.+)\.ko(\.xz)?$/.exec(name) ?? [];
    if (dirname(path) === "boot" && name.startsWith("vmlinuz-")) {
      await copyFile(join(from, path), join(to, "vmlinuz"));
    } else if (name === "busybox" && basename(dirname(path)) === "bin") {
      await copyFile(join(from, path), join(to, "busybox"));
    } else if ([...MODULES, ...DISK_MODULES].includes(module)) {
      await copyModule(join(from, path), packing, join(to, "modules", `${module}.ko`));
    }
  }
}

/** Unpacks a module if needed: Debian 13 compresses them, and busybox's insmod cannot read that. */
async function copyModule(from: string, packing: string, to: string): Promise<void> {
  if (packing === "") {
    await copyFile(from, to);
  } else {
    await $`xz -dc ${from} > ${to}`.quiet();
  }
}
