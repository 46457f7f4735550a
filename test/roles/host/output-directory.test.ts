/** The directory for the output of guests, on a way that another user can change. */
import { expect, test } from "bun:test";
import { chmod, lchown, mkdir, readdir, rename, symlink } from "node:fs/promises";
import { openOutputDirectory } from "../../../src/roles/host/fan-out/output-directory.ts";
import { createFileSink } from "../../../src/roles/host/fan-out/output-files.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const OTHER_USER = 65_534;
const isRoot = process.getuid?.() === 0;

/** Writes the output of one guest, and returns the names of the files in `directory`. */
async function write(path: string, directory: string): Promise<string[]> {
  await using opened = await openOutputDirectory(path);
  const sink = await createFileSink(opened, "web1");
  await sink.write("stdout", Buffer.from("out"));
  await sink.end();
  return (await readdir(directory)).toSorted();
}

const FILES = ["web1.stderr", "web1.stdout"];

test("a directory is made with those above it, and our own links on the way are followed", async () => {
  await using temporary = await createTemporaryDirectory();
  expect(await write(temporary.at("new/deep"), temporary.at("new/deep"))).toEqual(FILES);
  await symlink("new/../new", temporary.at("link"));
  expect(await write(temporary.at("link/other"), temporary.at("new/other"))).toEqual(FILES);
  await temporary.write("file", "");
  const { message } = await rejectionOf(openOutputDirectory(temporary.at("file/deep")));
  expect(message).toStartWith(`Cannot use the directory "${temporary.at("file/deep")}": ENOTDIR\n`);
});

test.if(isRoot)("a directory of another user is used, and a link in it is refused", async () => {
  await using temporary = await createTemporaryDirectory();
  await mkdir(temporary.at("home"));
  await mkdir(temporary.at("etc"));
  await lchown(temporary.at("home"), OTHER_USER, OTHER_USER);
  expect(await write(temporary.at("home"), temporary.at("home"))).toEqual(FILES);
  // Root's own link counts as theirs too: they could have moved it there.
  await symlink(temporary.at("etc"), temporary.at("home/out"));
  const { code, message } = await rejectionOf(openOutputDirectory(temporary.at("home/out")));
  expect([code, message]).toEqual([
    "BAD_USAGE",
    `Cannot use the directory "${temporary.at("home/out")}": ` +
      'another user can change the link "out" on its way\n' +
      `Name the directory itself: --output-dir ${temporary.at("etc")}`,
  ]);
  expect(await readdir(temporary.at("etc"))).toEqual([]);
});

test.if(isRoot)("a link of another user in a sticky directory such as /tmp is refused", async () => {
  await using temporary = await createTemporaryDirectory();
  await chmod(temporary.path, 0o1777);
  await mkdir(temporary.at("etc"));
  await symlink(temporary.at("etc"), temporary.at("out"));
  expect(await write(temporary.at("out"), temporary.at("etc"))).toEqual(FILES);
  await lchown(temporary.at("out"), OTHER_USER, OTHER_USER);
  expect((await rejectionOf(openOutputDirectory(temporary.at("out")))).message).toContain("another user");
});

test("files go into the directory that was opened, also if a link has taken its path or theirs", async () => {
  await using temporary = await createTemporaryDirectory();
  await using opened = await openOutputDirectory(temporary.at("out"));
  await rename(temporary.at("out"), temporary.at("moved"));
  await mkdir(temporary.at("etc"));
  await symlink(temporary.at("etc"), temporary.at("out"));
  await symlink(temporary.at("etc/web1"), temporary.at("moved/web1.stdout"));
  await (await createFileSink(opened, "web1")).end();
  expect(await readdir(temporary.at("etc"))).toEqual([]);
  expect((await readdir(temporary.at("moved"))).toSorted()).toEqual(FILES);
});
