/** Places of sockets: where another user could put a socket, and where not. */
import { expect, test } from "bun:test";
import { chmod, chown, mkdir, symlink } from "node:fs/promises";
import { findDirectoryFault, findPlaceFault } from "../../src/trust/socket-place.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { IS_ROOT, OTHER_UID } from "../support/other-process.ts";

const SELF = process.geteuid?.() ?? 0;

test("a socket in a directory of ours has no fault, whether it is there or not", async () => {
  await using directory = await createTemporaryDirectory();
  using _ = Bun.listen({ unix: directory.at("socket"), socket: { data() {} } });
  expect(await findPlaceFault(directory.at("socket"), SELF)).toBeUndefined();
  expect(await findPlaceFault(directory.at("missing"), SELF)).toBeUndefined();
  expect(await findPlaceFault(directory.at("no", "such", "directory"), SELF)).toBeUndefined();
  expect(await findDirectoryFault(directory.path, SELF)).toBeUndefined();
});

test.each([
  ["everybody, with the sticky bit", 0o1777],
  ["everybody", 0o777],
  ["its group, with the sticky bit", 0o1775],
])("a socket in a directory of %s has a fault with a remedy", async (_, mode) => {
  await using directory = await createTemporaryDirectory();
  await mkdir(directory.at("open"));
  await chmod(directory.at("open"), mode);
  using present = Bun.listen({ unix: directory.at("open", "present"), socket: { data() {} } });
  void present;
  for (const name of ["present", "missing"]) {
    const fault = await findPlaceFault(directory.at("open", name), SELF);
    expect(fault?.problem).toContain(`"${directory.at("open")}"`);
    expect(fault?.remedy).not.toBe("");
  }
  expect((await findDirectoryFault(directory.at("open"), SELF))?.problem).toContain(directory.at("open"));
});

test.if(IS_ROOT)(
  "another user's socket on a file system that may hang has a fault (needs root)",
  async () => {
    expect(await findPlaceFault("/proc/self/negotiator.sock", SELF)).toBeUndefined();
    const fault = await findPlaceFault("/proc/self/negotiator.sock", OTHER_UID);
    expect(fault?.problem).toMatch(/^"\/proc\/\d+" is on proc, which may not answer$/);
    expect(fault?.remedy).toContain("local file system");
  },
);

test("a directory of ours inside /tmp is safe", async () => {
  await using directory = await createTemporaryDirectory();
  await chmod(directory.path, 0o1777);
  await mkdir(directory.at("own"), { mode: 0o755 });
  expect(await findPlaceFault(directory.at("own", "socket"), SELF)).toBeUndefined();
});

test("a link to a socket in an open directory has the fault of that directory", async () => {
  await using directory = await createTemporaryDirectory();
  await mkdir(directory.at("open"));
  await chmod(directory.at("open"), 0o1777);
  using _ = Bun.listen({ unix: directory.at("open", "socket"), socket: { data() {} } });
  await symlink("open/socket", directory.at("first"));
  await symlink(directory.at("first"), directory.at("second"));
  expect((await findPlaceFault(directory.at("second"), SELF))?.problem).toContain(directory.at("open"));
});

test.if(IS_ROOT)("a directory of another user is safe only for that user (needs root)", async () => {
  await using directory = await createTemporaryDirectory();
  await mkdir(directory.at("theirs"), { mode: 0o755 });
  await chown(directory.at("theirs"), OTHER_UID, 0);
  expect((await findPlaceFault(directory.at("theirs", "socket"), 0))?.problem).toBe(
    `"${directory.at("theirs")}" belongs to user ${OTHER_UID}`,
  );
  expect(await findPlaceFault(directory.at("theirs", "socket"), OTHER_UID)).toBeUndefined();
});
