/** The file of keys: made with its directory, changed as a whole, and only with the rights of its user. */
import { expect, test } from "bun:test";
import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { dirname } from "node:path";
import { readKeys, writeKeys } from "../../../src/methods/agent/authorized-keys.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const MODE_BITS = 0o777;
/** A user with the rights of this process. */
const idsOf = (home: string) => ({
  home,
  uid: process.geteuid?.() ?? 0,
  gid: process.getegid?.() ?? 0,
  groups: [],
});

test("the first key makes directory and file, which only the user can read", async () => {
  await using home = await createTemporaryDirectory();
  const user = idsOf(home.path);
  expect(await readKeys(user, "may be missing")).toEqual([]);
  await writeKeys(user, ["ssh-ed25519 A one", "ssh-ed25519 B two"]);
  expect(await readFile(home.at(".ssh/authorized_keys"), "utf8")).toBe(
    "ssh-ed25519 A one\nssh-ed25519 B two\n",
  );
  expect((await stat(home.at(".ssh"))).mode & MODE_BITS).toBe(0o700);
  expect((await stat(home.at(".ssh/authorized_keys"))).mode & MODE_BITS).toBe(0o600);
  expect(await readdir(home.at(".ssh"))).toEqual(["authorized_keys"]);
  expect(await readKeys(user)).toEqual(["ssh-ed25519 A one", "ssh-ed25519 B two"]);
});

test("a missing file is an error for who asks for its keys", async () => {
  await using home = await createTemporaryDirectory();
  const error = await rejectionOf(readKeys(idsOf(home.path)));
  expect(error.message).toBe(
    `failed to read '${home.at(".ssh/authorized_keys")}': No such file or directory`,
  );
});

test.each([".ssh", ".ssh/authorized_keys"])("a link at %s is neither read nor written", async (place) => {
  await using home = await createTemporaryDirectory();
  await using other = await createTemporaryDirectory();
  await writeFile(other.at("authorized_keys"), "secret\n");
  if (place === ".ssh") await symlink(other.path, home.at(".ssh"));
  else {
    await mkdir(home.at(".ssh"));
    await symlink(other.at("authorized_keys"), home.at(place));
  }
  const user = idsOf(home.path);
  expect((await rejectionOf(readKeys(user))).message).toContain("Too many levels of symbolic links");
  expect((await rejectionOf(writeKeys(user, ["key"]))).message).toContain("symbolic links");
  expect(await readFile(other.at("authorized_keys"), "utf8")).toBe("secret\n");
  expect(await readdir(other.path)).toEqual(["authorized_keys"]);
});

/** A directory in which another user has its home. */
async function homeOfNobody(home: string): Promise<Parameters<typeof readKeys>[0]> {
  for (const place of [home, dirname(home)]) if (place !== "/tmp") await chmod(place, 0o711);
  await chown(home, NOBODY, NOBODY);
  return { home, uid: NOBODY, gid: NOBODY, groups: [] };
}

const NOBODY = 65_534;
const isRoot = process.geteuid?.() === 0;

test.if(isRoot)("root writes as the user, so a directory of another user is refused", async () => {
  await using home = await createTemporaryDirectory();
  const user = await homeOfNobody(home.path);
  await writeKeys(user, ["key"]);
  expect((await stat(home.at(".ssh/authorized_keys"))).uid).toBe(NOBODY);
  expect((await stat(home.at(".ssh"))).uid).toBe(NOBODY);
  await chown(home.at(".ssh"), 0, 0);
  await chmod(home.at(".ssh"), 0o755);
  expect((await rejectionOf(writeKeys(user, ["other"]))).message).toBe(
    `failed to write '${home.at(".ssh/authorized_keys")}': Permission denied`,
  );
});

test("a pipe or a very long file in place of the keys holds up no reader", async () => {
  await using home = await createTemporaryDirectory();
  const user = idsOf(home.path);
  await mkdir(home.at(".ssh"));
  await Bun.$`mkfifo ${home.at(".ssh/authorized_keys")}`;
  expect((await rejectionOf(readKeys(user))).message).toContain("Invalid argument");
  expect((await rejectionOf(writeKeys(user, ["key"]))).message).toContain("Invalid argument");
  await rm(home.at(".ssh/authorized_keys"));
  await writeFile(home.at(".ssh/authorized_keys"), "");
  await truncate(home.at(".ssh/authorized_keys"), 2 ** 40);
  expect((await rejectionOf(readKeys(user))).message).toContain("File too large");
});
