/** Owns the guest's foreign parts: Debian's cloud kernel, its virtio modules and a static busybox, unpacked into a cache. */
import { access, copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { $ } from "bun";
import { downloadPackages } from "./apt.ts";

/** Paths on this machine. */
export interface GuestParts {
  readonly kernel: string;
  readonly busybox: string;
  /** In the order in which they must be loaded. */
  readonly modules: readonly { readonly name: string; readonly path: string }[];
}

const CACHE = join(import.meta.dir, "../../.cache/vm");
const PARTS = join(CACHE, "guest");
const MODULES = [
  "virtio_ring",
  "virtio",
  "virtio_pci_legacy_dev",
  "virtio_pci_modern_dev",
  "virtio_pci",
  "virtio_console",
];

/** Where callers lock while they look for or bring parts. */
export const CACHE_LOCK = join(CACHE, "lock");

/** The parts in the cache, or undefined when they have not been brought yet. */
export async function findGuestParts(): Promise<GuestParts | undefined> {
  const complete = await access(PARTS).then(
    () => true,
    () => false,
  );
  if (!complete) {
    return undefined;
  }
  // What a kernel has built in has no file.
  const present = new Set(await readdir(join(PARTS, "modules")));
  const modules = MODULES.filter((name) => present.has(`${name}.ko`));
  return {
    kernel: join(PARTS, "vmlinuz"),
    busybox: join(PARTS, "busybox"),
    modules: modules.map((name) => ({ name, path: join(PARTS, "modules", `${name}.ko`) })),
  };
}

/**
 * Downloads Debian's packages and unpacks them; nothing is installed, so this machine's own boot setup stays as it is.
 * Needs apt with fresh lists; delete `.cache/vm` to have a newer kernel.
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

/** The meta package is empty; its one dependency is the kernel of the day. */
async function currentKernelPackage(): Promise<string> {
  const depends = await $`apt-cache depends linux-image-cloud-amd64`.text();
  const [, name] = /Depends: (linux-image-\S+)/.exec(depends) ?? [];
  if (name === undefined) {
    throw new Error(
      `Cannot find the kernel behind "linux-image-cloud-amd64": apt-cache says ${JSON.stringify(depends)}`,
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
    } else if (MODULES.includes(module)) {
      await copyModule(join(from, path), packing, join(to, "modules", `${module}.ko`));
    }
  }
}

/** Debian 13 packs its modules; the guest's insmod is spared the unpacking. */
async function copyModule(from: string, packing: string, to: string): Promise<void> {
  if (packing === "") {
    await copyFile(from, to);
  } else {
    await $`xz -dc ${from} > ${to}`.quiet();
  }
}
