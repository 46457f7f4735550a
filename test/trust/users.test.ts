/** Users and groups of /etc/passwd and /etc/group. */
import { expect, test } from "bun:test";
import { isGroupOf } from "../../src/trust/users.ts";
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
