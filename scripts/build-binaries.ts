/**
 * Builds and checks the release binaries: one for each target, and this machine's with the links of both
 * roles.
 */
import { rmSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };
import { FAULTS, NegotiatorError } from "../src/errors.ts";
import { BUILD_HELP, parseBuildOptions } from "./build-options.ts";
import type { BuildName } from "./build-options.ts";
import { removeChecksums, writeChecksums } from "./checksums.ts";
import { describeCommit } from "./commit.ts";
import { compile } from "./compile.ts";
import { findElfProblems, newestGlibc } from "./elf-check.ts";
import { readElf } from "../src/roles/install/elf.ts";
import { smokeRun } from "./smoke-run.ts";
import { TARGETS } from "../src/roles/install/targets.ts";
import type { TargetName } from "../src/roles/install/targets.ts";
import { hostTarget, inspectThisMachine, reasonNotToRun } from "./this-machine.ts";
import type { ThisMachine } from "./this-machine.ts";

const ROOT = join(import.meta.dir, "..");
const DIST = join(ROOT, "dist");
const ROLE_LINKS = ["negotiator-host", "negotiator-guest"] as const;
const FAILED = "FAILED";

/** The values that all builds of a run share. `workshop` is a folder in `dist` for unfinished binaries. */
type Run = { machine: ThisMachine; commit: string; workshop: string };

/** One row of the final table; `outcome` is the result of the smoke run, or `FAILED`. */
type Row = {
  file: string;
  target: string;
  megabytes: string;
  seconds: string;
  glibc: string;
  outcome: string;
};

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  try {
    const names = parseBuildOptions(words);
    if (names !== "help") return await buildAll(names);
    process.stdout.write(BUILD_HELP);
    return 0;
  } catch (thrown) {
    const error = NegotiatorError.from(thrown);
    process.stderr.write(`build-binaries: ${error.message}\n`);
    return error.code === "BAD_USAGE" ? FAULTS.BAD_USAGE.exitCode : 1;
  }
}

async function buildAll(names: readonly BuildName[]): Promise<number> {
  process.chdir(ROOT);
  const machine = await inspectThisMachine();
  const builds = names.map((name) => ({ name, target: name === "host" ? hostTarget(machine) : name }));
  await mkdir(DIST, { recursive: true });
  await using workshop = await openWorkshop();
  const run: Run = { machine, commit: await describeCommit(ROOT), workshop: workshop.path };
  await removeChecksums(DIST);
  const rows: Row[] = [];
  for (const { name, target } of builds) rows.push(await buildOne(name, target, run));
  await writeChecksums(DIST);
  process.stdout.write(`\n${formatTable(rows)}\n`);
  const failed = rows.filter(({ outcome }) => outcome === FAILED).map(({ file }) => file);
  if (failed.length === 0) return 0;
  process.stderr.write(`build-binaries: ${failed.length} of ${rows.length} failed: ${failed.join(", ")}\n`);
  return 1;
}

/**
 * Builds one binary. A failed build removes the older binary of its name, so that it cannot be released by
 * mistake.
 */
async function buildOne(name: BuildName, target: TargetName, run: Run): Promise<Row> {
  const file = name === "host" ? "negotiator" : `negotiator-${name}`;
  const row: Row = { file, target, megabytes: "", seconds: "", glibc: "", outcome: FAILED };
  const startedMs = performance.now();
  process.stdout.write(`${file}: `);
  try {
    const path = join(run.workshop, file);
    await compile({ root: ROOT, target, commit: run.commit, outfile: path });
    await chmod(path, 0o755);
    row.megabytes = ((await stat(path)).size / 1e6).toFixed(1);
    const elf = readElf(await readFile(path), file);
    row.glibc = newestGlibc(elf) ?? "";
    const problems = findElfProblems(elf, TARGETS[target]).map((problem) => `${file} ${problem}`);
    if (problems.length > 0) throw new NegotiatorError("UNSUPPORTED", problems.join("\n"));
    const reason = reasonNotToRun(TARGETS[target], elf, run.machine);
    if (reason === undefined) await smokeRun(path, versionLine(run.commit, target));
    await rename(path, join(DIST, file));
    if (name === "host") await linkRoles(run.workshop);
    row.outcome = reason === undefined ? "runs" : `not run here: ${reason}`;
  } catch (thrown) {
    const stale = name === "host" ? [file, ...ROLE_LINKS] : [file];
    for (const path of stale) await rm(join(DIST, path), { force: true });
    process.stdout.write(`${FAILED}\n`);
    process.stderr.write(`${NegotiatorError.from(thrown).message}\n`);
    return row;
  }
  row.seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  process.stdout.write(`${row.megabytes} MB in ${row.seconds} s, ${row.outcome}\n`);
  return row;
}

/** Replaces each link in one step, as `rename` does for the binaries. */
async function linkRoles(workshop: string): Promise<void> {
  for (const link of ROLE_LINKS) {
    await symlink("negotiator", join(workshop, link));
    await rename(join(workshop, link), join(DIST, link));
  }
}

/** The line that the binary must print for `--version`. */
function versionLine(commit: string, target: TargetName): string {
  return `negotiator ${manifest.version} (commit ${commit}, ${target}, bun ${Bun.version})`;
}

/** Creates the folder inside `dist`: a file can be renamed in one step only within one file system. */
async function openWorkshop(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(DIST, ".build-"));
  const abort = (_signal: string, number: number): never => {
    rmSync(path, { recursive: true, force: true });
    process.exit(128 + number);
  };
  process.once("SIGINT", abort).once("SIGTERM", abort);
  return {
    path,
    async [Symbol.asyncDispose]() {
      process.off("SIGINT", abort).off("SIGTERM", abort);
      await rm(path, { recursive: true, force: true });
    },
  };
}

function formatTable(rows: readonly Row[]): string {
  const head: Row = {
    file: "file",
    target: "target",
    megabytes: "MB",
    seconds: "s",
    glibc: "glibc",
    outcome: "smoke run",
  };
  const all = [head, ...rows];
  const width = (column: keyof Row): number => Math.max(...all.map((row) => row[column].length));
  return all
    .map((row) =>
      [
        row.file.padEnd(width("file")),
        row.target.padEnd(width("target")),
        row.megabytes.padStart(width("megabytes")),
        row.seconds.padStart(width("seconds")),
        row.glibc.padStart(width("glibc")),
        row.outcome,
      ].join("  "),
    )
    .join("\n");
}
