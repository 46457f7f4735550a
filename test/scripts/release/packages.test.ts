/** Makes packages around a small program, twice, and installs them into fresh roots. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { chmod, cp, lstat, mkdir, readFile, readlink, writeFile } from "node:fs/promises";
import { gunzipSync, gzipSync } from "node:zlib";
import { apkPackage } from "../../../scripts/release/apk-package.ts";
import { billOfMaterials } from "../../../scripts/release/bill-of-materials.ts";
import { debPackage } from "../../../scripts/release/deb-package.ts";
import type { PackageOptions } from "../../../scripts/release/deb-package.ts";
import { packageFiles } from "../../../scripts/release/package-files.ts";
import type { PackageFile } from "../../../scripts/release/package-files.ts";
import { rpmPackage } from "../../../scripts/release/rpm-package.ts";
import { tarArchive } from "../../../scripts/release/tar-archive.ts";
import { createDeadSocket } from "../../support/dead-socket.ts";
import { ROOT } from "../../support/documents.ts";
import { leaveOut } from "../../support/leave-out.ts";
import { hasTool } from "../../support/requirements.ts";
import type { Tool } from "../../support/requirements.ts";
import { runProcess } from "../../support/program-run.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";
import { TEST_TIMEOUT_MS } from "../../support/timeouts.ts";

const SECONDS = 1_700_000_000;
/** Stands for the real binary: the daemon's `reexec` is written down. */
const PROGRAM = '#!/bin/sh\necho "$@" >>/called\n';
const TOOLS = [
  { program: "dpkg-deb", package: "dpkg" },
  { program: "rpmbuild", package: "rpm" },
  { program: "busybox", package: "busybox-static" },
] as const;

let here: TemporaryDirectory;
let files: Record<"deb" | "rpm" | "apk", PackageFile[]>;

beforeAll(async () => {
  here = await createTemporaryDirectory();
  const binary = await here.write("binary", PROGRAM);
  files = {
    deb: await packageFiles(ROOT, binary, "deb"),
    rpm: await packageFiles(ROOT, binary, "rpm"),
    apk: await packageFiles(ROOT, binary, "apk"),
  };
});
afterAll(() => here[Symbol.asyncDispose]());

/** Makes a package in a directory with this name, and returns its path. */
async function make(
  packager: (files: PackageFile[], options: PackageOptions) => Promise<string>,
  name: "deb" | "deb-again" | "rpm" | "rpm-again",
): Promise<string> {
  const [work, out] = [here.at(name, "work"), here.at(name, "out")];
  await mkdir(work, { recursive: true });
  await mkdir(out);
  const options: PackageOptions = { architecture: "x64", seconds: SECONDS, work, out };
  return here.at(name, "out", await packager(files[name.startsWith("deb") ? "deb" : "rpm"], options));
}

/** Creates a root with busybox and nothing else. */
async function createRoot(name: string): Promise<string> {
  const root = here.at(name);
  for (const folder of [
    "bin",
    "dev",
    "etc",
    "tmp",
    "run/negotiator",
    "var/lib/dpkg/info",
    "var/lib/dpkg/updates",
  ])
    await mkdir(`${root}/${folder}`, { recursive: true });
  await cp(Bun.which("busybox") ?? "", `${root}/bin/busybox`, { dereference: true });
  await chmod(`${root}/bin/busybox`, 0o755);
  await writeFile(`${root}/dev/null`, "");
  await writeFile(`${root}/etc/group`, "root:x:0:\n");
  await writeFile(`${root}/etc/passwd`, "root:x:0:0:root:/:/bin/sh\n");
  await writeFile(`${root}/var/lib/dpkg/status`, "");
  // Debian's busybox has no command for groups.
  const groupadd = `${root}/bin/groupadd`;
  await writeFile(groupadd, '#!/bin/sh\ngrep -q "^$2:" /etc/group || echo "$2:x:99:" >>/etc/group\n');
  await chmod(groupadd, 0o755);
  const links = ["chroot", root, "/bin/busybox", "--install", "-s", "/bin"];
  expect(await runProcess(links, { PATH })).toMatchObject({ exitCode: 0 });
  return root;
}

async function run(words: string[]): Promise<void> {
  expect(await runProcess(words, { PATH })).toMatchObject({ exitCode: 0 });
}

/** Installs, upgrades beside a daemon that runs, and removes; each word list is one step. */
async function expectLife(root: string, steps: Record<"install" | "upgrade" | "remove", string[]>) {
  await run(steps.install);
  expect(await readFile(`${root}/usr/bin/negotiator`, "utf8")).toBe(PROGRAM);
  expect((await lstat(`${root}/usr/bin/negotiator`)).mode & 0o7777).toBe(0o755);
  expect(await readlink(`${root}/usr/bin/negotiator-host`)).toBe("negotiator");
  expect(await readFile(`${root}/etc/group`, "utf8")).toMatch(/^negotiator:x:\d+:$/m);
  const unit = await readFile(`${root}/usr/lib/systemd/system/negotiator-host.service`, "utf8");
  expect(unit).toContain("\nExecStart=/usr/bin/negotiator host daemon\n");
  expect(await Bun.file(`${root}/usr/share/man/man1/negotiator-guest.1`).exists()).toBe(true);
  expect(await Bun.file(`${root}/called`).exists()).toBe(false);
  await createDeadSocket(`${root}/run/negotiator/host.sock`);
  await run(steps.upgrade);
  expect(await readFile(`${root}/called`, "utf8")).toBe("host reexec\n");
  await writeFile(`${root}/etc/negotiator/commands/mine`, "");
  await run(steps.remove);
  expect(await Bun.file(`${root}/usr/bin/negotiator`).exists()).toBe(false);
  expect(await Bun.file(`${root}/usr/lib/systemd/system/negotiator-host.service`).exists()).toBe(false);
  expect(await Bun.file(`${root}/etc/negotiator/commands/mine`).exists()).toBe(true);
}

function packageTests(): void {
  test(
    "a .deb is the same after a second build, and is installed, upgraded and removed",
    async () => {
      const deb = await make(debPackage, "deb");
      const again = await make(debPackage, "deb-again");
      expect(await readFile(again)).toEqual(await readFile(deb));
      expect(deb).toEndWith("_amd64.deb");
      const root = await createRoot("deb-root");
      const dpkg = ["dpkg", "--root", root, "--force-depends", "--log=/dev/null"];
      const install = [...dpkg, "--install", deb];
      await expectLife(root, { install, upgrade: install, remove: [...dpkg, "--purge", "negotiator"] });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "an .rpm is the same after a second build, and is installed, upgraded and removed",
    async () => {
      const rpm = await make(rpmPackage, "rpm");
      const again = await make(rpmPackage, "rpm-again");
      expect(await readFile(again)).toEqual(await readFile(rpm));
      expect(rpm).toEndWith(".x86_64.rpm");
      const root = await createRoot("rpm-root");
      const words = ["rpm", "--root", root, "--nodeps"];
      const install = [...words, "--ignorearch", "--install", rpm];
      const upgrade = [...words, "--ignorearch", "--upgrade", "--force", rpm];
      await expectLife(root, { install, upgrade, remove: [...words, "--erase", "negotiator"] });
    },
    TEST_TIMEOUT_MS,
  );
}

/** busybox has no `--version`, so `hasTool` can only install it. */
async function isThere(tool: Tool): Promise<boolean> {
  return (
    Bun.which(tool.program) !== null || (await hasTool(tool)) || Bun.which(tool.program, { PATH }) !== null
  );
}

const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

const missing: string[] = [];
for (const tool of TOOLS) if (!(await isThere(tool))) missing.push(tool.program);
if (process.getuid?.() !== 0) missing.push("root's rights");
if (missing.length === 0) describe("packages", packageTests);
else leaveOut("packages", `Left out: packages: this machine has no ${missing.join(", no ")}`, packageTests);

describe("an .apk", () => {
  const options = { architecture: "x64", seconds: SECONDS } as const;

  test("is the same after a second build, and names the digest of its data", () => {
    const { name, bytes } = apkPackage(files.apk, options);
    expect(apkPackage(files.apk, options).bytes).toEqual(bytes);
    expect(name).toMatch(/^negotiator-\d+\.\d+\.\d+-r0\.x86_64\.apk$/);
    const data = gzipSync(tarArchive(files.apk, { seconds: SECONDS, hasDigests: true }), { level: 6 });
    expect(Buffer.from(bytes.subarray(bytes.length - data.length))).toEqual(data);
    const control = gunzipSync(bytes.subarray(0, bytes.length - data.length)).toString();
    expect(control).toContain(`\ndatahash = ${createHash("sha256").update(data).digest("hex")}\n`);
    // apk reads both archives as one, so the first has no end mark.
    expect(control).not.toEndWith("\0".repeat(1024));
  });

  test("has the control files first, and then the program with its service, as tar reads it", async () => {
    const path = here.at("a.apk");
    await writeFile(path, apkPackage(files.apk, options).bytes);
    const { stdout, exitCode } = await runProcess(["tar", "--warning=no-unknown-keyword", "-tvzf", path]);
    expect(exitCode).toBe(0);
    const names = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/\s+/)[5]);
    expect(names.slice(0, 4)).toEqual([".PKGINFO", ".post-install", ".post-upgrade", ".pre-deinstall"]);
    expect(names).toContain("etc/init.d/negotiator-guest");
    expect(stdout).toMatch(/^-rwxr-xr-x root\/root +\d+ 2023-11-14 \d\d:13 usr\/bin\/negotiator$/m);
    expect(stdout).toMatch(/^lrwxrwxrwx .* usr\/bin\/negotiator-host -> negotiator$/m);
  });
});

test("tar unpacks an archive to the files that went in", async () => {
  const content = new Uint8Array(1000).fill(65);
  const path = here.at("small.tar");
  await writeFile(
    path,
    tarArchive([{ path: "a/b", mode: 0o640, bytes: content }], { seconds: SECONDS, hasDigests: true }),
  );
  await mkdir(here.at("unpacked"));
  const words = ["tar", "--warning=no-unknown-keyword", "-xf", path, "-C", here.at("unpacked")];
  expect(await runProcess(words)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  expect(new Uint8Array(await readFile(here.at("unpacked/a/b")))).toEqual(content);
  expect((await lstat(here.at("unpacked/a/b"))).mtimeMs).toBe(SECONDS * 1000);
});

test("the bill of materials has Bun and all packages of the program, and is the same each time", async () => {
  const text = await billOfMaterials(ROOT, SECONDS);
  expect(await billOfMaterials(ROOT, SECONDS)).toBe(text);
  const bill: { bomFormat: string; components: { name: string; version: string }[] } = JSON.parse(text);
  expect(bill.bomFormat).toBe("CycloneDX");
  const names = bill.components.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["bun", "citty", "consola", "valibot", "smol-toml"]));
  // fast-xml-parser needs it.
  expect(names).toContain("strnum");
  expect(names).not.toContain("knip");
  expect(bill.components.find(({ name }) => name === "bun")?.version).toBe(Bun.version);
});
