/**
 * Makes Alpine packages. Debian has no program for it, and npm none that is kept: an .apk is two tar archives
 * after each other, so it is written here (wiki.alpinelinux.org/wiki/Apk_spec, version 2). It is not signed.
 */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { Architecture } from "../../src/roles/install/targets.ts";
import { AFTER_INSTALL, BEFORE_REMOVAL, shellScript } from "./maintainer-scripts.ts";
import { PACKAGE_FACTS } from "./package-files.ts";
import type { PackageFile } from "./package-files.ts";
import { ARCHITECTURE_NAMES } from "./package-kinds.ts";
import { tarArchive } from "./tar-archive.ts";

/** Returns the file's name and bytes. `seconds`: the time of the build, since 1970. */
export function apkPackage(
  files: readonly PackageFile[],
  { architecture, seconds }: { architecture: Architecture; seconds: number },
): { name: string; bytes: Uint8Array } {
  const data = gzipSync(tarArchive(files, { seconds, hasDigests: true }), { level: 6 });
  const { name, version, description, license, maintainer } = PACKAGE_FACTS;
  const arch = ARCHITECTURE_NAMES.apk[architecture];
  const installedBytes = files.reduce((sum, file) => sum + ("bytes" in file ? file.bytes.length : 0), 0);
  const lines = {
    pkgname: name,
    pkgver: `${version}-r0`,
    pkgdesc: description,
    url: "https://localhost/negotiator",
    builddate: String(seconds),
    packager: maintainer,
    size: String(installedBytes),
    arch,
    license,
    depend: "so:libstdc++.so.6",
    datahash: createHash("sha256").update(data).digest("hex"),
  };
  const info = Object.entries(lines).map(([key, value]) => `${key} = ${value}\n`);
  const after = shellScript(AFTER_INSTALL);
  const control = tarArchive(
    [
      script(".PKGINFO", info.join("")),
      script(".post-install", after),
      script(".post-upgrade", after),
      script(".pre-deinstall", shellScript(BEFORE_REMOVAL)),
    ],
    { seconds, isOpenEnd: true },
  );
  const bytes = Buffer.concat([gzipSync(control, { level: 6 }), data]);
  return { name: `${name}-${version}-r0.${arch}.apk`, bytes };
}

function script(path: string, text: string): PackageFile {
  return { path, mode: path === ".PKGINFO" ? 0o644 : 0o755, bytes: Buffer.from(text) };
}
