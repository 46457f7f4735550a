/** Tests the name of a working tree's commit. */
import { expect, test } from "bun:test";
import { mkdir, mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeCommit } from "../../scripts/commit.ts";

test("describeCommit returns the short hash, with -dirty for a tree with a new file", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "commit-"));
  commitIn(folder.path);
  expect(await describeCommit(folder.path)).toMatch(/^[0-9a-f]{7,}$/);
  await writeFile(join(folder.path, "new"), "");
  expect(await describeCommit(folder.path)).toMatch(/^[0-9a-f]{7,}-dirty$/);
});

test("describeCommit returns unknown outside of a repository", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "commit-"));
  expect(await describeCommit(folder.path)).toBe("unknown");
});

test("describeCommit returns unknown before the first commit", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "commit-"));
  git(folder.path, "init", "--quiet");
  expect(await describeCommit(folder.path)).toBe("unknown");
});

test("describeCommit returns unknown for a folder inside another repository", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "commit-"));
  commitIn(folder.path);
  await mkdir(join(folder.path, "unpacked"));
  expect(await describeCommit(join(folder.path, "unpacked"))).toBe("unknown");
});

function commitIn(folder: string): void {
  git(folder, "init", "--quiet");
  const author = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgSign=false"];
  git(folder, ...author, "commit", "--quiet", "--allow-empty", "--message", "first");
}

function git(folder: string, ...words: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["git", ...words], { cwd: folder });
  if (exitCode !== 0) throw new Error(`git ${words.join(" ")} failed: ${stderr.toString()}`);
}
