/** Makes Debian packages with dpkg-deb. */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Architecture } from "../../src/roles/install/targets.ts";
import { AFTER_INSTALL, AFTER_REMOVAL, BEFORE_REMOVAL, PURGE, shellScript } from "./maintainer-scripts.ts";
import { PACKAGE_FACTS } from "./package-files.ts";
import type { PackageFile } from "./package-files.ts";
import { ARCHITECTURE_NAMES } from "./package-kinds.ts";
import { runPackager, writeTree } from "./packager.ts";

/** Where a package is made: an empty directory for the work, one for the result, and its time. */
export type PackageOptions = { architecture: Architecture; seconds: number; work: string; out: string };

/** Writes the package into `out`, and returns its name. */
export async function debPackage(
  files: readonly PackageFile[],
  { architecture, seconds, work, out }: PackageOptions,
): Promise<string> {
  const { name, version, summary, description, maintainer } = PACKAGE_FACTS;
  const arch = ARCHITECTURE_NAMES.deb[architecture];
  const kilobytes = files.reduce((sum, file) => sum + ("bytes" in file ? file.bytes.length : 0), 0) / 1024;
  await writeTree(work, files, seconds);
  const control = join(work, "DEBIAN");
  await mkdir(control, { mode: 0o755 });
  await writeFile(
    join(control, "control"),
    `Package: ${name}
Version: ${version}
Architecture: ${arch}
Maintainer: ${maintainer}
Installed-Size: ${Math.ceil(kilobytes)}
Depends: libc6 (>= 2.17)
Section: admin
Priority: optional
Description: ${summary}
 ${description}.
 The services are disabled until "negotiator host install" or
 "negotiator guest install", or systemctl enable.
`,
  );
  const scripts = {
    postinst: shellScript(AFTER_INSTALL, '[ "$1" = configure ]'),
    prerm: shellScript(BEFORE_REMOVAL, '[ "$1" = remove ]'),
    postrm: shellScript(`${AFTER_REMOVAL}if [ "$1" = purge ]; then\n${PURGE}fi\n`),
  };
  for (const [script, text] of Object.entries(scripts)) {
    await writeFile(join(control, script), text);
    await chmod(join(control, script), 0o755);
  }
  const file = `${name}_${version}_${arch}.deb`;
  const words = ["--root-owner-group", "-Zgzip", "-z6", "--build", work, join(out, file)];
  await runPackager(["dpkg-deb", ...words], { seconds, packageName: "dpkg" });
  return file;
}
