/** Owns the files of a package, and the facts about it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { manualFiles } from "../../src/roles/cli/manual/manual-files.ts";
import { GUEST } from "../../src/roles/guest/cli.ts";
import { HOST } from "../../src/roles/host/cli.ts";
import { serviceFile, UDEV_RULE } from "../../src/roles/install/service-files.ts";
import type { PackageKind } from "./package-kinds.ts";

/** A file, directory or link, by its path in the installed system without the first `/`. */
export type PackageFile = { path: string } & (
  { mode: number; bytes: Uint8Array } | { mode: number; isDirectory: true } | { to: string }
);

/** The facts that all kinds of packages state. */
export const PACKAGE_FACTS = {
  name: manifest.name,
  version: manifest.version,
  license: manifest.license,
  summary: "Hosts and guests run each other's commands over virtio-serial",
  description: manifest.description,
  maintainer: "negotiator <negotiator@localhost>",
} as const;

const PROGRAM = "/usr/bin/negotiator";
const ROLES = ["host", "guest"] as const;

/** Returns the files of a package of that kind, sorted by path. `root`: the repository. */
export async function packageFiles(
  root: string,
  binary: string,
  kind: Exclude<PackageKind, "tar">,
): Promise<PackageFile[]> {
  const manager = kind === "apk" ? "openrc" : "systemd";
  const files: PackageFile[] = [
    { path: "usr/bin/negotiator", mode: 0o755, bytes: await readFile(binary) },
    ...ROLES.map((role) => ({ path: `usr/bin/negotiator-${role}`, to: "negotiator" })),
    ...ROLES.map((role) => {
      const bytes = Buffer.from(serviceFile(manager, role, PROGRAM));
      return manager === "systemd"
        ? { path: `usr/lib/systemd/system/negotiator-${role}.service`, mode: 0o644, bytes }
        : { path: `etc/init.d/negotiator-${role}`, mode: 0o755, bytes };
    }),
    ...(manager === "systemd" ? [udevFile()] : []),
    ...manualFiles([HOST, GUEST]).map(({ path, content }) => ({
      path: `usr/${packagedPlace(path, kind)}`,
      mode: 0o644,
      bytes: Buffer.from(content),
    })),
    ...(await documents(root, "usr/share/doc/negotiator")),
    { path: "etc/negotiator/commands", mode: 0o755, isDirectory: true },
  ];
  return withParents(files);
}

/** Returns the files of a tarball. They are in a directory with its name. */
export async function tarballFiles(root: string, binary: string, name: string): Promise<PackageFile[]> {
  return withParents([
    { path: `${name}/negotiator`, mode: 0o755, bytes: await readFile(binary) },
    ...(await documents(root, name)),
  ]);
}

/** Debian's zsh does not read the usual directory. */
function packagedPlace(path: string, kind: PackageKind): string {
  return kind === "deb" ? path.replace("zsh/site-functions", "zsh/vendor-completions") : path;
}

function udevFile(): PackageFile {
  const bytes = Buffer.from(UDEV_RULE);
  return { path: "usr/lib/udev/rules.d/70-negotiator-guest.rules", mode: 0o644, bytes };
}

async function documents(root: string, directory: string): Promise<PackageFile[]> {
  return Promise.all(
    ["LICENSE", "README.md", "CHANGELOG.md"].map(async (name) => ({
      path: `${directory}/${name}`,
      mode: 0o644,
      bytes: await readFile(join(root, name)),
    })),
  );
}

/** Adds the directories on the way to each file, before it. */
function withParents(files: readonly PackageFile[]): PackageFile[] {
  const all = new Map<string, PackageFile>();
  for (const file of files) {
    const names = file.path.split("/").slice(0, -1);
    for (const [index] of names.entries()) {
      const path = names.slice(0, index + 1).join("/");
      all.set(path, { path, mode: 0o755, isDirectory: true });
    }
    all.set(file.path, file);
  }
  return [...all.values()].toSorted((one, other) => (one.path < other.path ? -1 : 1));
}
