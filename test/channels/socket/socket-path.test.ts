/** The path of a socket: its length, and the file that is there. */
import { expect, test } from "bun:test";
import { chown, symlink } from "node:fs/promises";
import { checkDirectory, checkLength, findSocket } from "../../../src/channels/socket/socket-path.ts";
import { listenSocket } from "../../../src/channels/socket/socket-listener.ts";
import { errnoOf } from "../../../src/errors.ts";
import { errorOf, rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const IS_ROOT = process.getuid?.() === 0;
const ACTION = "Cannot listen";
const QUIET = { mode: 0o600, onChannel: () => undefined };

test("a path of 107 bytes fits, one of 108 does not, and the longest of several counts", () => {
  const longest = `/${"x".repeat(106)}`;
  checkLength(ACTION, longest, "/short");
  for (const paths of [[`${longest}y`], ["/short", `/${"ä".repeat(53)}y`, "/x"]])
    expect(errorOf(() => checkLength(ACTION, ...paths))).toMatchObject({
      code: "NO_CHANNEL",
      message: "Cannot listen: the path has 108 bytes, 107 at most are possible\nChoose a shorter path",
    });
});

test("a path without a file has nothing, and one of ours has a socket", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  expect(await findSocket(ACTION, path)).toBe("nothing");
  await using _ = await listenSocket(path, QUIET);
  expect(await findSocket(ACTION, path)).toBe("socket");
  expect(await findSocket(ACTION, directory.at("socket/under")).catch(errnoOf)).toBe("ENOTDIR");
});

test("a link or another file at the path is DENIED, with a look at it", async () => {
  await using directory = await createTemporaryDirectory();
  const [file, target] = [await directory.write("a file", ""), directory.at("link")];
  expect(await rejectionOf(findSocket(ACTION, file))).toMatchObject({
    code: "DENIED",
    message:
      "Cannot listen: a file is there that is not a socket\n" +
      `Check it, and remove it if it is not needed: ls -l '${file}'`,
  });
  await symlink(directory.at("nowhere"), target);
  expect(await rejectionOf(findSocket(ACTION, target))).toMatchObject({
    code: "DENIED",
    message: expect.stringContaining("a symbolic link is there\n"),
  });
});

test.if(IS_ROOT)("a socket or a directory of another user is DENIED", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  await using _ = await listenSocket(path, QUIET);
  await checkDirectory(ACTION, directory.path);
  await chown(path, 4711, 4711);
  expect(await rejectionOf(findSocket(ACTION, path))).toMatchObject({
    code: "DENIED",
    message: expect.stringContaining("a socket of user 4711 is there\n"),
  });
  await chown(directory.path, 4711, 4711);
  expect((await rejectionOf(checkDirectory(ACTION, directory.path))).code).toBe("DENIED");
  await chown(directory.path, 0, 0);
});
