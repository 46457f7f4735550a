/** Whether only the rightful owner could have put a socket at its path. */
import { expect, test } from "bun:test";
import { chown, link, mkdir, symlink } from "node:fs/promises";
import { checkSocket } from "../../../src/discovery/qemu/socket-trust.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const SELF = process.geteuid?.() ?? 0;

/** Returns a directory with a socket that listens, until disposal. */
async function createPlace() {
  const directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  const listener = Bun.listen({ unix: path, socket: { data() {} } });
  return {
    directory,
    path,
    async [Symbol.asyncDispose]() {
      listener.stop(true);
      await directory[Symbol.asyncDispose]();
    },
  };
}

test("our own socket, which the process sees at the same path, has no objection", async () => {
  await using place = await createPlace();
  expect(await checkSocket(place.path, { uid: SELF, root: "/" })).toBeUndefined();
});

test("a file that is not a socket is refused", async () => {
  await using place = await createPlace();
  const file = await place.directory.write("file", "");
  expect(await checkSocket(file, { uid: SELF, root: "/" })).toContain(`"${file}" is not a socket`);
});

test("a missing socket cannot be checked", async () => {
  await using place = await createPlace();
  const missing = place.directory.at("missing");
  expect(await checkSocket(missing, { uid: SELF, root: "/" })).toBe(
    `"${missing}" cannot be checked (ENOENT)`,
  );
});

test("a socket that is another file in the process's root directory is refused", async () => {
  await using place = await createPlace();
  const { directory, path } = place;
  const root = directory.at("root");
  const theirs = `${root}${path}`;
  await mkdir(theirs.slice(0, theirs.lastIndexOf("/")), { recursive: true });
  expect(await checkSocket(path, { uid: SELF, root })).toBe(`"${path}" cannot be checked (ENOENT)`);
  const other = Bun.listen({ unix: theirs, socket: { data() {} } });
  const refused = `"${path}" is another file in the process's root directory (a container?)`;
  expect(await checkSocket(path, { uid: SELF, root })).toBe(refused);
  other.stop(true);
});

test("a link to the same socket in the process's root directory is the same file", async () => {
  await using place = await createPlace();
  const { directory, path } = place;
  const theirs = `${directory.at("root")}${path}`;
  await mkdir(theirs.slice(0, theirs.lastIndexOf("/")), { recursive: true });
  await link(path, theirs);
  expect(await checkSocket(path, { uid: SELF, root: directory.at("root") })).toBeUndefined();
});

test.if(SELF === 0)("a socket of a user who is neither root nor the process's is refused", async () => {
  await using place = await createPlace();
  await chown(place.path, 65_534, 65_534);
  expect(await checkSocket(place.path, { uid: 0, root: "/" })).toContain("belongs to user 65534");
  expect(await checkSocket(place.path, { uid: 1, root: "/" })).toContain("65534");
});

test("a link at the path of the socket is refused", async () => {
  await using place = await createPlace();
  const way = place.directory.at("link");
  await symlink(place.path, way);
  expect(await checkSocket(way, { uid: SELF, root: "/" })).toBeString();
});
