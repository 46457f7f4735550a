/** Listening sockets: the file's mode and group, and the files and directories that are refused. */
import { expect, test } from "bun:test";
import { watch } from "node:fs";
import { chmod, chown, lstat, mkdir, readdir, rename, rm, stat, symlink } from "node:fs/promises";
import { dialSocket } from "../../../src/channels/socket/socket.ts";
import { listenSocket } from "../../../src/channels/socket/socket-listener.ts";
import { createDeadSocket } from "../../support/dead-socket.ts";
import { listenWithoutAccepting } from "../../support/full-socket.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { connect, readAll } from "./socket-pair.ts";

const QUIET = { mode: 0o600, onChannel: () => undefined };

test("a new socket has the given mode and is the only file in its directory", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("made", "socket");
  await using _ = await listenSocket(path, {
    mode: 0o640,
    group: "no-such-group",
    onChannel: () => undefined,
  });
  expect((await stat(path)).mode & 0o7777).toBe(0o640);
  expect(await readdir(directory.at("made"))).toEqual(["socket"]);
  expect((await stat(directory.at("made"))).mode & 0o022).toBe(0);
});

test.skipIf(process.getuid?.() !== 0)("a new socket belongs to the given group (needs root)", async () => {
  await using directory = await createTemporaryDirectory();
  await using _ = await listenSocket(directory.at("socket"), {
    ...QUIET,
    mode: 0o660,
    group: "daemon",
  });
  const { uid, gid } = await stat(directory.at("socket"));
  expect({ uid, gid }).toEqual({ uid: 0, gid: 1 });
});

test("listenSocket replaces a socket without a listener; with a listener it is BUSY", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  await createDeadSocket(path);
  expect((await lstat(path)).isSocket()).toBe(true);
  expect(await rejectionOf(dialSocket(path))).toMatchObject({
    code: "NO_CHANNEL",
    message: expect.stringContaining("no process listens there\n"),
  });
  await using _ = await listenSocket(path, QUIET);
  const { ino } = await lstat(path);
  expect(await rejectionOf(listenSocket(path, QUIET))).toMatchObject({
    code: "BUSY",
    message:
      `Cannot listen at "${path}": another process listens there (process ${process.pid})\n` +
      `Look at it: ps -fp ${process.pid}\n` +
      `If it is a daemon of negotiator, use it, or stop it first: kill ${process.pid}`,
  });
  expect((await lstat(path)).ino).toBe(ino);
});

test("a listener with too many waiting clients is BUSY, and its socket is not replaced", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("the socket");
  using _ = listenWithoutAccepting(path, 2);
  await using waiting = new AsyncDisposableStack();
  for (let client = 0; client < 2; client++) waiting.use(await dialSocket(path));
  expect(await rejectionOf(dialSocket(path))).toMatchObject({
    code: "BUSY",
    message:
      `Cannot connect to "${path}": ` +
      "the process that listens there takes no more clients, as if it was stopped or hangs\n" +
      "Find the process, and look whether it is stopped: " +
      `ss -xlp src '${path}'; ps -o pid,stat,args -p PID\nFind its clients: ss -xp src '${path}'`,
  });
  expect(await rejectionOf(listenSocket(path, QUIET))).toMatchObject({ code: "BUSY" });
});

test("a dead socket in the place of a socket that still has its listener is NO_CHANNEL", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  // As after a failed `virsh attach-device`: QEMU still listens at a socket without a name.
  using _ = listenWithoutAccepting(path, 2);
  await rm(path);
  await createDeadSocket(path);
  expect(await rejectionOf(dialSocket(path))).toMatchObject({
    code: "NO_CHANNEL",
    message: expect.stringContaining("no process listens there"),
  });
});

test("of three listeners that start at the same moment one succeeds, and the others are BUSY", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  for (let round = 0; round < 10; round++) {
    if (round % 2 === 0) await createDeadSocket(path);
    const tries = await Promise.allSettled([1, 2, 3].map(() => listenSocket(path, QUIET)));
    const winners = tries.filter((result) => result.status === "fulfilled");
    for (const result of tries)
      if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "BUSY" });
    expect(winners).toHaveLength(1);
    await (await dialSocket(path)).close();
    for (const { value } of winners) await value[Symbol.asyncDispose]();
    expect(await readdir(directory.path)).toEqual([]);
  }
});

test("disposing a listener ends its connections and leaves the socket of another listener", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  const first = await connect(path);
  await rename(path, `${path}.old`);
  await using _ = await listenSocket(path, QUIET);
  await first.server[Symbol.asyncDispose]();
  expect(await readAll(first.near)).toHaveLength(0);
  await (await dialSocket(path)).close();
});

const REFUSED: Record<string, [(path: string) => Promise<unknown>, string]> = {
  "a symbolic link": [(path) => symlink("/nowhere", path), "a symbolic link is there"],
  "a file": [(path) => Bun.write(path, "precious"), "a file is there that is not a socket"],
};

test.each(Object.entries(REFUSED))(
  "listenSocket refuses %s at its path with DENIED and does not replace it",
  async (_, [plant, reason]) => {
    await using directory = await createTemporaryDirectory();
    const path = directory.at("socket");
    await plant(path);
    const { ino } = await lstat(path);
    expect(await rejectionOf(listenSocket(path, QUIET))).toMatchObject({
      code: "DENIED",
      message: expect.stringContaining(reason),
    });
    expect((await lstat(path)).ino).toBe(ino);
  },
);

test.skipIf(process.getuid?.() !== 0)(
  "listenSocket refuses a socket and a directory of another user (needs root)",
  async () => {
    await using directory = await createTemporaryDirectory();
    const path = directory.at("socket");
    await createDeadSocket(path);
    await chown(path, 65_534, 65_534);
    expect((await rejectionOf(listenSocket(path, QUIET))).message).toContain(
      "a socket of user 65534 is there",
    );
    await chown(directory.path, 65_534, 65_534);
    expect((await rejectionOf(listenSocket(path, QUIET))).message).toContain("belongs to user 65534");
  },
);

test("listenSocket refuses a directory that is writable for all, also with the sticky bit", async () => {
  await using directory = await createTemporaryDirectory();
  await chmod(directory.path, 0o777);
  expect((await rejectionOf(listenSocket(directory.at("socket"), QUIET))).message).toContain(
    "everybody may write",
  );
  await chmod(directory.path, 0o1777);
  expect(await rejectionOf(listenSocket(directory.at("socket"), QUIET))).toMatchObject({
    code: "DENIED",
    message: expect.stringContaining(`others may make files in "${directory.path}"\nUse a directory`),
  });
  // As the directory of a user below /tmp.
  await using _ = await listenSocket(directory.at("own", "socket"), QUIET);
});

test("listenSocket refuses a path below a directory that is writable for all", async () => {
  await using directory = await createTemporaryDirectory();
  await directory.write("open/inner/file", "");
  await chmod(directory.at("open"), 0o777);
  expect(await rejectionOf(listenSocket(directory.at("open", "inner", "socket"), QUIET))).toMatchObject({
    code: "DENIED",
    message: expect.stringContaining(
      `everybody may write to "${directory.at("open")}"\nCorrect it with: chmod o-w`,
    ),
  });
});

test.skipIf(process.getuid?.() !== 0)(
  "listenSocket refuses a directory that a group may write to (needs root)",
  async () => {
    await using directory = await createTemporaryDirectory();
    await chown(directory.path, 0, 54_321);
    await chmod(directory.path, 0o770);
    expect((await rejectionOf(listenSocket(directory.at("socket"), QUIET))).message).toContain(
      "group 54321 may write to",
    );
  },
);

test("listenSocket makes its temporary files in the socket's directory, not in the parent", async () => {
  await using directory = await createTemporaryDirectory();
  await mkdir(directory.at("own"));
  const { promise: first, resolve: tell } = Promise.withResolvers<string | null>();
  const watcher = watch(directory.path, (_, name) => tell(name));
  await using _ = await listenSocket(directory.at("own", "socket"), QUIET);
  await directory.write("after", "");
  expect(await first).toBe("after");
  watcher.close();
});
