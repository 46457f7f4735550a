/** Runs the programs that make packages. */
import { chmod, mkdir, symlink, utimes, writeFile, lutimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { NegotiatorError } from "../../src/errors.ts";
import type { PackageFile } from "./package-files.ts";

/** Writes the files below `root`, with the time `seconds` since 1970. */
export async function writeTree(root: string, files: readonly PackageFile[], seconds: number): Promise<void> {
  for (const file of files) {
    const path = join(root, file.path);
    await mkdir(dirname(path), { recursive: true });
    if ("to" in file) await symlink(file.to, path);
    else if ("isDirectory" in file) await mkdir(path, { recursive: true });
    else await writeFile(path, file.bytes);
    if (!("to" in file)) await chmod(path, file.mode);
  }
  // Writing into a directory changes its time, so the deepest come first.
  for (const file of files.toReversed()) {
    const path = join(root, file.path);
    await ("to" in file ? lutimes(path, seconds, seconds) : utimes(path, seconds, seconds));
  }
}

/** Runs a packager. Its output depends only on its input and `seconds`. Throws with its last words. */
export async function runPackager(
  argv: readonly [string, ...string[]],
  { seconds, packageName }: { seconds: number; packageName: string },
): Promise<void> {
  const [program] = argv;
  if (Bun.which(program) === null) {
    throw new NegotiatorError("UNSUPPORTED", `Cannot make the package: there is no ${program} here`, {
      remedy: `Install it: apt-get install ${packageName}`,
    });
  }
  const child = Bun.spawn([...argv], {
    env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C", TZ: "UTC", SOURCE_DATE_EPOCH: String(seconds) },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, problems] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) === 0) return;
  throw new NegotiatorError("INTERNAL", `${argv.join(" ")} failed:\n${output}${problems}`.trimEnd());
}
