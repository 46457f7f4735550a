/** Tests the checksum file of the released binaries. */
import { expect, test } from "bun:test";
import { mkdir, mkdtempDisposable, readFile, readdir, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHECKSUM_FILE, removeChecksums, writeChecksums } from "../../scripts/checksums.ts";

/** The sums from `printf hello | sha256sum` and `sha256sum </dev/null`. */
const OF_HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

test("writeChecksums lists the binaries only, sorted by name", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "checksums-"));
  await writeFile(join(folder.path, "negotiator-linux-x64"), "");
  await writeFile(join(folder.path, "negotiator"), "hello");
  await writeFile(join(folder.path, "negotiator.map"), "no binary");
  await writeFile(join(folder.path, "notes"), "no binary");
  await mkdir(join(folder.path, "negotiator-folder"));
  await symlink("negotiator", join(folder.path, "negotiator-host"));
  await writeFile(join(folder.path, CHECKSUM_FILE), "old");
  await writeChecksums(folder.path);
  const sums = await readFile(join(folder.path, CHECKSUM_FILE), "utf8");
  expect(sums).toBe(`${OF_HELLO}  negotiator\n${OF_NOTHING}  negotiator-linux-x64\n`);
  expect((await readdir(folder.path)).filter((name) => name.startsWith("."))).toEqual([]);
});

test("sha256sum -c accepts the checksum file, and rejects a changed binary", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "checksums-"));
  await writeFile(join(folder.path, "negotiator"), "x".repeat(300_000));
  await writeChecksums(folder.path);
  const check = (): number =>
    Bun.spawnSync(["sha256sum", "-c", CHECKSUM_FILE], { cwd: folder.path, stderr: "ignore" }).exitCode;
  expect(check()).toBe(0);
  await writeFile(join(folder.path, "negotiator"), "y");
  expect(check()).toBe(1);
});

test("removeChecksums removes the checksum file, and accepts a folder without one", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "checksums-"));
  await writeChecksums(folder.path);
  await removeChecksums(folder.path);
  await removeChecksums(folder.path);
  expect(await readdir(folder.path)).toEqual([]);
});
