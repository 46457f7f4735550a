/** Owns a copy of the working tree, in which faults are planted. */
import { chmod, cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createTemporaryDirectory } from "../../test/support/temporary-directory.ts";
import type { Fault } from "./fault.ts";
import { plant } from "./fault.ts";

/** A copy in a temporary directory, which disposal removes. */
export type TreeCopy = AsyncDisposable & {
  /** The temporary directory. */
  readonly directory: string;
  /** The copy's root. */
  readonly root: string;
  /** A place for the temporary files of tests. A run that is killed cannot remove them. */
  readonly temporary: string;
  /** Plants the fault, runs `task`, and takes the fault out again. Rejects as `plant` and `task` do. */
  withFault: <Result>(fault: Fault, task: () => Promise<Result>) => Promise<Result>;
};

/** Copies the files that git knows, and new ones that it does not ignore, as they are in `root` now. */
export async function copyTree(root: string): Promise<TreeCopy> {
  const directory = await createTemporaryDirectory();
  const [copy, temporary] = [directory.at("tree"), directory.at("t")];
  // Some tests run programs as other users, who have to get there.
  await chmod(directory.path, 0o755);
  await mkdir(temporary);
  await chmod(temporary, 0o1777);
  for (const file of await listFiles(root)) {
    await mkdir(dirname(join(copy, file)), { recursive: true });
    await cp(join(root, file), join(copy, file), { verbatimSymlinks: true });
  }
  await symlink(join(root, "node_modules"), join(copy, "node_modules"));
  return {
    directory: directory.path,
    root: copy,
    temporary,
    async withFault(fault, task) {
      const path = join(copy, fault.file);
      const text = await readFile(path, "utf8");
      await writeFile(path, plant(text, fault));
      try {
        return await task();
      } finally {
        await writeFile(path, text);
      }
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

async function listFiles(root: string): Promise<string[]> {
  const words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"];
  const child = Bun.spawn(words, { cwd: root, stdout: "pipe", stderr: "inherit" });
  const names = (await child.stdout.text()).split("\0").filter((name) => name !== "");
  if ((await child.exited) !== 0) throw new Error("git ls-files fails: this needs a checkout of the project");
  // A file that was removed and not yet committed is still in git's list.
  const exist = await Promise.all(names.map((name) => Bun.file(join(root, name)).exists()));
  return names.filter((_, index) => exist[index]);
}
