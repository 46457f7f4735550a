/** Owns the compiled binary under test, and rebuilds it when a source is newer. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "bun";
import { withLock } from "./lock.ts";

const ROOT = join(import.meta.dir, "../..");
const BINARY = join(ROOT, "dist/negotiator");
const SOURCES = ["src", "examples", "scripts", "package.json", "bun.lock"];

let built: Promise<string> | undefined;

/** Returns the path of the `negotiator` for this machine. Builds at most once per process. */
export function hostBinary(): Promise<string> {
  built ??= withLock(join(ROOT, ".cache/binary.lock"), buildWhenOld);
  return built;
}

async function buildWhenOld(): Promise<string> {
  const newest = Math.max(...(await Promise.all(SOURCES.map(newestChange))));
  if ((await changedAt(BINARY)) < newest) {
    const build = $`${process.execPath} scripts/build-binaries.ts --target host`.cwd(ROOT);
    const { exitCode, stdout, stderr } = await build.quiet().nothrow();
    if (exitCode !== 0)
      throw new Error(
        `The build failed with exit code ${exitCode}\n${stdout.toString()}${stderr.toString()}`,
      );
  }
  return BINARY;
}

async function newestChange(source: string): Promise<number> {
  const path = join(ROOT, source);
  const inside = await readdir(path, { recursive: true }).catch(() => []);
  return Math.max(...(await Promise.all([path, ...inside.map((name) => join(path, name))].map(changedAt))));
}

/** The modification time in milliseconds, 0 if there is no such file. */
async function changedAt(path: string): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}
