/** Makes the released files: tarballs and packages of the binaries, checksums, and a bill of materials. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { FAULTS, NegotiatorError } from "../src/errors.ts";
import { commitSeconds } from "./commit.ts";
import { writeChecksumsOf } from "./checksums.ts";
import { apkPackage } from "./release/apk-package.ts";
import { billOfMaterials } from "./release/bill-of-materials.ts";
import { debPackage } from "./release/deb-package.ts";
import { PACKAGE_FACTS, packageFiles, tarballFiles } from "./release/package-files.ts";
import { releaseItems } from "./release/package-kinds.ts";
import type { ReleaseItem } from "./release/package-kinds.ts";
import { parseReleaseOptions, RELEASE_HELP } from "./release/release-options.ts";
import type { ReleaseOptions } from "./release/release-options.ts";
import { rpmPackage } from "./release/rpm-package.ts";
import { tarArchive } from "./release/tar-archive.ts";

const ROOT = join(import.meta.dir, "..");
const DIST = join(ROOT, "dist");
const OUT = join(DIST, "release");

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  try {
    const options = parseReleaseOptions(words);
    if (options !== "help") return await release(options);
    process.stdout.write(RELEASE_HELP);
    return 0;
  } catch (thrown) {
    const error = NegotiatorError.from(thrown);
    process.stderr.write(`release: ${error.message}\n`);
    return error.code === "BAD_USAGE" ? FAULTS.BAD_USAGE.exitCode : 1;
  }
}

async function release({ kinds, architectures, skipsBuild }: ReleaseOptions): Promise<number> {
  const items = releaseItems(kinds, architectures);
  const targets = [...new Set(items.map(({ target }) => target))];
  if (!skipsBuild) await build(targets);
  const seconds = Number(process.env["SOURCE_DATE_EPOCH"] ?? (await commitSeconds(ROOT)));
  await rm(OUT, { recursive: true, force: true });
  await mkdir(OUT, { recursive: true });
  const names: string[] = [];
  for (const item of items) {
    const startedMs = performance.now();
    const name = await makeItem(item, seconds);
    names.push(name);
    const megabytes = (Bun.file(join(OUT, name)).size / 1e6).toFixed(1);
    const took = ((performance.now() - startedMs) / 1000).toFixed(1);
    process.stdout.write(`${name}: ${megabytes} MB in ${took} s\n`);
  }
  const bill = `${PACKAGE_FACTS.name}-${PACKAGE_FACTS.version}.cdx.json`;
  await writeFile(join(OUT, bill), await billOfMaterials(ROOT, seconds));
  await writeChecksumsOf(OUT, [...names, bill]);
  process.stdout.write(`${bill}, SHA256SUMS\n`);
  return 0;
}

async function build(targets: readonly string[]): Promise<void> {
  const words = targets.flatMap((target) => ["--target", target]);
  const child = Bun.spawn([process.execPath, join(ROOT, "scripts/build-binaries.ts"), ...words], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if ((await child.exited) !== 0) throw new NegotiatorError("INTERNAL", "Cannot release: a build failed");
}

/** Makes one file, and returns its name. */
async function makeItem({ kind, target, architecture }: ReleaseItem, seconds: number): Promise<string> {
  const binary = join(DIST, `negotiator-${target}`);
  if (!(await Bun.file(binary).exists())) {
    throw new NegotiatorError("UNSUPPORTED", `Cannot release: there is no ${binary}`, {
      remedy: "Build it: leave out --no-build",
    });
  }
  if (kind === "tar") {
    const name = `${PACKAGE_FACTS.name}-${PACKAGE_FACTS.version}-${target}`;
    const archive = tarArchive(await tarballFiles(ROOT, binary, name), { seconds });
    await writeFile(join(OUT, `${name}.tar.gz`), gzipSync(archive, { level: 6 }));
    return `${name}.tar.gz`;
  }
  const files = await packageFiles(ROOT, binary, kind);
  if (kind === "apk") {
    const { name, bytes } = apkPackage(files, { architecture, seconds });
    await writeFile(join(OUT, name), bytes);
    return name;
  }
  const work = await mkdtemp(join(tmpdir(), "negotiator-release-"));
  try {
    const make = kind === "deb" ? debPackage : rpmPackage;
    return await make(files, { architecture, seconds, work, out: OUT });
  } finally {
    await rm(work, { recursive: true });
  }
}
