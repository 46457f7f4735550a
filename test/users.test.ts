/** Users of /etc/passwd, by name and by number. */
import { expect, test } from "bun:test";
import { lookUpUser } from "../src/users.ts";
import { errorOf } from "./support/error-of.ts";
import { createTemporaryDirectory } from "./support/temporary-directory.ts";

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

test("a user is found by name or number, the first line counts", async () => {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("passwd", PASSWD);
  const web = { name: "web", uid: 1000, gid: 1001, home: "/home/web" };
  expect(lookUpUser("web", file)).toEqual(web);
  expect(lookUpUser(1000, file)).toEqual(web);
  expect(lookUpUser("12", file)).toMatchObject({ uid: 99 });
  expect(lookUpUser("backup", file)).toEqual({ name: "backup", uid: 34, gid: 35, home: "/" });
  expect(lookUpUser(0, file)).toMatchObject({ name: "root", home: "/root" });
});

test.each([["nobody-here"], [""], ["ro"], ["root:x"], ["# a comment"], ["broken"], ["empty"], [4242]])(
  "%j is not found",
  async (user) => {
    await using directory = await createTemporaryDirectory();
    const file = await directory.write("passwd", PASSWD);
    const error = errorOf(() => lookUpUser(user, file));
    expect(error).toMatchObject({ code: "BAD_CONFIG", message: `Cannot find the user "${user}" in ${file}` });
  },
);

test("this machine has a root", () => {
  expect(lookUpUser("root")).toMatchObject({ uid: 0, gid: 0 });
});
