/** Makes RPM packages with rpmbuild. */
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PackageOptions } from "./deb-package.ts";
import { AFTER_INSTALL, AFTER_REMOVAL, BEFORE_REMOVAL } from "./maintainer-scripts.ts";
import { PACKAGE_FACTS } from "./package-files.ts";
import type { PackageFile } from "./package-files.ts";
import { ARCHITECTURE_NAMES } from "./package-kinds.ts";
import { runPackager, writeTree } from "./packager.ts";

/** Writes the package into `out`, and returns its name. */
export async function rpmPackage(
  files: readonly PackageFile[],
  { architecture, seconds, work, out }: PackageOptions,
): Promise<string> {
  const { name, version } = PACKAGE_FACTS;
  const arch = ARCHITECTURE_NAMES.rpm[architecture];
  const tree = join(work, "tree");
  await writeTree(tree, files, seconds);
  const spec = join(work, "negotiator.spec");
  await writeFile(spec, specText(files, tree));
  await mkdir(join(work, "db"));
  const macros = {
    _topdir: join(work, "top"),
    _dbpath: join(work, "db"),
    _buildhost: "localhost",
    use_source_date_epoch_as_buildtime: "1",
    clamp_mtime_to_source_date_epoch: "1",
    // Its tools would strip the binary, which then is a plain Bun.
    __os_install_post: "%{nil}",
    debug_package: "%{nil}",
    _build_id_links: "none",
    // Old systems cannot read zstd.
    _binary_payload: "w6.gzdio",
  };
  const defines = Object.entries(macros).flatMap(([key, value]) => ["--define", `${key} ${value}`]);
  const words = ["-bb", "--quiet", "--target", `${arch}-linux`, ...defines, spec];
  await runPackager(["rpmbuild", ...words], { seconds, packageName: "rpm" });
  const file = `${name}-${version}-1.${arch}.rpm`;
  await cp(join(work, "top/RPMS", arch, file), join(out, file));
  return file;
}

/** Directories of the system belong to other packages. */
const OWN_DIRECTORY = /negotiator/;

function specText(files: readonly PackageFile[], tree: string): string {
  const { name, version, license, summary, description, maintainer } = PACKAGE_FACTS;
  const lines = files.flatMap((file) => {
    if ("to" in file) return [`/${file.path}`];
    const attributes = `%attr(${file.mode.toString(8)},root,root)`;
    if (!("isDirectory" in file)) return [`${attributes} /${file.path}`];
    return OWN_DIRECTORY.test(file.path) ? [`%dir ${attributes} /${file.path}`] : [];
  });
  return `Name: ${name}
Version: ${version}
Release: 1
Summary: ${summary}
License: ${license}
Packager: ${maintainer}
AutoReqProv: no
%description
${description}.
The services are disabled until "negotiator host install" or
"negotiator guest install", or systemctl enable.
%install
cp -a ${tree}/. %{buildroot}/
%files
${lines.join("\n")}
%post
${AFTER_INSTALL}%preun
if [ "$1" = 0 ]; then
${BEFORE_REMOVAL}fi
%postun
${AFTER_REMOVAL}`;
}
