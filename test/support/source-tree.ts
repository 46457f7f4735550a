/** Reads the project's TypeScript files for tests of the house's rules. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** One file; `path` is relative to the repository and has forward slashes: `src/wire/channel.ts`. */
export type SourceFile = { path: string; text: string };

const ROOT = join(import.meta.dir, "../..");

/**
 * Returns all `.ts` files below folders of the repository, sorted by path. A missing folder counts as empty.
 */
export async function readSourceTree(folders: readonly string[]): Promise<SourceFile[]> {
  const paths = (await Promise.all(folders.map(listFolder))).flat().sort();
  return Promise.all(paths.map(async (path) => ({ path, text: await readFile(join(ROOT, path), "utf8") })));
}

async function listFolder(folder: string): Promise<string[]> {
  try {
    const names = await readdir(join(ROOT, folder), { recursive: true });
    return names.filter((name) => name.endsWith(".ts")).map((name) => `${folder}/${name}`);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
