/** Owns small root file systems that `install --root` takes for a Linux system. */
import { chmod, cp, lstat, mkdir, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { hostBinary } from "./binary.ts";
import { runProcess } from "./program-run.ts";
import type { ProgramRun } from "./program-run.ts";
import { createTemporaryDirectory } from "./temporary-directory.ts";
import type { TemporaryDirectory } from "./temporary-directory.ts";

/** The service managers that an image can have. */
export const IMAGE_SIGNS = {
  systemd: "usr/lib/systemd/systemd",
  openrc: "sbin/openrc-run",
  runit: "etc/runit/2",
  sysv: "etc/init.d/rcS",
} as const;

/** Creates an image with that service manager, a shell, and a list of groups. */
export async function createImage(manager?: keyof typeof IMAGE_SIGNS): Promise<TemporaryDirectory> {
  const image = await createTemporaryDirectory();
  await chmod(image.path, 0o755);
  await image.write("etc/group", "root:x:0:\nsystem:x:999:\n");
  await mkdir(image.at("bin"));
  await cp("/bin/sh", image.at("bin/sh"), { dereference: true });
  if (manager !== undefined) await image.write(IMAGE_SIGNS[manager], "");
  return image;
}

/** Runs the compiled binary: `negotiator guest install --root IMAGE WORDS`. */
export async function installInto(image: TemporaryDirectory, ...words: string[]): Promise<ProgramRun> {
  return runProcess([await hostBinary(), "guest", "install", "--root", image.path, ...words]);
}

/** Returns all paths below a directory, each with its mode, and its text or the target of its link. */
export async function treeOf(root: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {};
  for (const name of (await readdir(root, { recursive: true })).toSorted()) {
    const status = await lstat(join(root, name));
    const mode = (status.mode & 0o7777).toString(8);
    if (status.isSymbolicLink()) tree[name] = `-> ${await readlink(join(root, name))}`;
    else if (status.isDirectory()) tree[name] = mode;
    else tree[name] = `${mode} ${Bun.hash(await readFile(join(root, name)))}`;
  }
  return tree;
}
