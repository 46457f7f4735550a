/** Users and groups of /etc/passwd and /etc/group. */
import { expect, test } from "bun:test";
import { isGroupOf, lookUpUser } from "../../src/trust/users.ts";
import { errorOf } from "../support/error-of.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const PASSWD = `root:x:0:0:root:/root:/bin/bash
# a comment
+nis
broken
empty::
backup:x:34:35:backup::/bin/sh
12:x:99:99::/home/twelve:/bin/sh
web:x:1000:1001:Web,,,:/home/web:/bin/sh
again:x:1000:7::/elsewhere:
`;

test("a user is found by name or by numeric id; the first line counts", async () => {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("passwd", PASSWD);
  const web = { name: "web", uid: 1000, gid: 1001, home: "/home/web" };
  expect(lookUpUser("web", file)).toEqual(web);
  expect(lookUpUser(1000, file)).toEqual(web);
  expect(lookUpUser("12", file)).toMatchObject({ uid: 99 });
  expect(lookUpUser("backup", file)).toEqual({ name: "backup", uid: 34, gid: 35, home: "/" });
  expect(lookUpUser(0, file)).toMatchObject({ name: "root", home: "/root" });
});

test("a user whose name or home is not UTF-8 is refused; a full name may be anything", async () => {
  await using directory = await createTemporaryDirectory();
  const file = directory.at("passwd");
  const lines = "m\xfcller:x:5:5::/home/m:\nhome:x:6:6::/home/\xfc:\nfull:x:7:7:M\xfcller:/home/full:\n";
  await Bun.write(file, Buffer.from(lines, "latin1"));
  expect(lookUpUser("full", file)).toEqual({ name: "full", uid: 7, gid: 7, home: "/home/full" });
  for (const user of [5, 6, "home"]) {
    const { code, message } = errorOf(() => lookUpUser(user, file));
    expect(code).toBe("BAD_CONFIG");
    expect(message).toBe(`Cannot use the user "${user}" of ${file}: its name or home is not UTF-8`);
  }
  expect(errorOf(() => lookUpUser("m\ufffdller", file)).message).toStartWith("Cannot find the user");
});

test.each([["nobody-here"], [""], ["ro"], ["root:x"], ["# a comment"], ["broken"], ["empty"], [4242]])(
  "the user %j is not found: BAD_CONFIG",
  async (user) => {
    await using directory = await createTemporaryDirectory();
    const file = await directory.write("passwd", PASSWD);
    const error = errorOf(() => lookUpUser(user, file));
    expect(error.code).toBe("BAD_CONFIG");
    expect(error.message).toStartWith(`Cannot find the user "${user}" in ${file}`);
  },
);

test.each([
  ["the group of root", 0, 1000, true],
  ["an empty group", 50, 1000, true],
  ["the user's own group", 1001, 1000, true],
  ["another user's own group", 1001, 34, false],
  ["a group with the user as its member", 60, 1000, true],
  ["a group with another member", 60, 34, false],
  ["a group with root and an unknown member", 70, 0, false],
  ["an unknown group", 4242, 0, false],
])("%s (gid %i) has no members besides root and user %i: %p", async (_, gid, uid, expected) => {
  await using directory = await createTemporaryDirectory();
  const passwdFile = await directory.write("passwd", PASSWD);
  const text =
    "root:x:0:backup\nstaff:x:50:\nweb:x:1001:\nusers:x:60:web\nother:x:70:root,stranger\nbroken\n";
  const groupFile = await directory.write("group", text);
  expect(isGroupOf(gid, uid, { passwdFile, groupFile })).toBe(expected);
  expect(isGroupOf(gid, uid, { passwdFile, groupFile: directory.at("absent") })).toBe(gid === 0);
});

test("the user root is found on this machine", () => {
  expect(lookUpUser("root")).toMatchObject({ uid: 0, gid: 0 });
});
