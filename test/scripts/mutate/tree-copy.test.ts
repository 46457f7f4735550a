/** A copy of a working tree: its files, and a fault that is taken out again. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { copyTree } from "../../../scripts/mutate/tree-copy.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const FAULT = { file: "src/x.ts", from: "1", to: "2", why: "off by one" };

/** A repository with a tracked, a new, an ignored and a removed file. */
async function createRepository() {
  const directory = await createTemporaryDirectory();
  await directory.write("src/x.ts", "const a = 1;\n");
  await directory.write("removed.ts", "");
  await directory.write(".gitignore", "ignored\nnode_modules\n");
  await mkdir(directory.at("node_modules/part"), { recursive: true });
  for (const words of [
    ["init", "--quiet"],
    ["add", "."],
  ])
    expect(Bun.spawnSync(["git", ...words], { cwd: directory.path }).exitCode).toBe(0);
  await directory.write("new.ts", "");
  await directory.write("ignored", "");
  await rm(directory.at("removed.ts"));
  return directory;
}

test("a copy has the tracked and new files and the packages, and no ignored or removed file", async () => {
  await using repository = await createRepository();
  await repository.write("src/x.ts", "const a = 1; // changed\n");
  await using copy = await copyTree(repository.path);
  expect(await read(copy.root)).toBe("const a = 1; // changed\n");
  const names = ["new.ts", "node_modules/part", "ignored", "removed.ts", ".git"];
  expect(names.filter((name) => existsSync(join(copy.root, name)))).toEqual(["new.ts", "node_modules/part"]);
});

test("other users can get to the files of the copy, and write temporary ones", async () => {
  await using repository = await createRepository();
  await using copy = await copyTree(repository.path);
  expect((await stat(copy.directory)).mode & 0o777).toBe(0o755);
  expect((await stat(copy.temporary)).mode & 0o7777).toBe(0o1777);
});

function read(root: string): Promise<string> {
  return readFile(join(root, "src/x.ts"), "utf8");
}

test("a fault is there during the task only, also if the task fails, and never in the tree", async () => {
  await using repository = await createRepository();
  await using copy = await copyTree(repository.path);
  expect(await copy.withFault(FAULT, () => read(copy.root))).toBe("const a = 2;\n");
  expect(await copy.withFault(FAULT, () => read(repository.path))).toBe("const a = 1;\n");
  expect(copy.withFault(FAULT, () => Promise.reject(new Error("it fails")))).rejects.toThrow("it fails");
  expect(await read(copy.root)).toBe("const a = 1;\n");
});

test("disposing removes the copy, and leaves the packages of the tree", async () => {
  await using repository = await createRepository();
  const copy = await copyTree(repository.path);
  await copy[Symbol.asyncDispose]();
  expect([existsSync(copy.directory), existsSync(repository.at("node_modules/part"))]).toEqual([false, true]);
});

test("a directory that is not a checkout throws", async () => {
  await using directory = await createTemporaryDirectory();
  expect(copyTree(directory.path)).rejects.toThrow("this needs a checkout of the project");
});
