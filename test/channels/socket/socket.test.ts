import { expect, test } from "bun:test";
import { watch } from "node:fs";
import { chmod, chown, lstat, mkdir, readdir, rename, stat, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { dialSocket } from "../../../src/channels/socket/socket.ts";
import { listenSocket } from "../../../src/channels/socket/socket-listener.ts";
import type { Channel } from "../../../src/wire/channel.ts";
import { listenDeaf } from "../../support/deaf-socket.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createRandom } from "../../support/random.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { turns } from "../../support/turns.ts";

const random = createRandom(11);
const QUIET = { mode: 0o600, onChannel: () => undefined };

/** Returns both ends of one connection. */
async function connect(
  path: string,
): Promise<AsyncDisposable & { near: Channel; far: Channel; server: AsyncDisposable }> {
  const { promise, resolve } = Promise.withResolvers<Channel>();
  const server = await listenSocket(path, { mode: 0o600, onChannel: resolve });
  const near = await dialSocket(path);
  return { near, far: await promise, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

async function readAll(channel: Channel): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of channel) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Makes a socket file without a listener. */
async function leaveDeadSocket(path: string): Promise<void> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(`${path}.bound`, resolve);
  await promise;
  await rename(`${path}.bound`, path);
  const closed = Promise.withResolvers<void>();
  server.close(() => closed.resolve());
  await closed.promise;
}

async function send(channel: Channel, bytes: Uint8Array): Promise<void> {
  for (let start = 0; start < bytes.length; start += 70_001) {
    await channel.write(bytes.subarray(start, start + 70_001));
  }
}

test("bytes pass both ways, and bytes written before a close arrive", async () => {
  await using directory = await createTemporaryDirectory();
  await using pair = await connect(directory.at("socket"));
  const there = random.bytes(3_000_000);
  const back = random.bytes(2_000_000);
  const reading = [readAll(pair.far), readAll(pair.near)];
  await Promise.all([send(pair.near, there), send(pair.far, back)]);
  await pair.far.close();
  const [, atNear] = await Promise.all(reading);
  expect(atNear?.equals(back)).toBe(true);
  await using second = await connect(directory.at("second"));
  const sending = send(second.near, there).then(() => second.near.close());
  expect((await readAll(second.far)).equals(there)).toBe(true);
  await sending;
});

test("a reader that does not iterate blocks the writer after less than 32 MiB", async () => {
  await using directory = await createTemporaryDirectory();
  await using pair = await connect(directory.at("socket"));
  const MIB = 1024 * 1024;
  let written = 0;
  let total = 0;
  const writing = (async () => {
    while (written < 64 * MIB) {
      await pair.near.write(new Uint8Array(65_536));
      written += 65_536;
    }
    await pair.near.close();
  })();
  /** Waits until the writer is blocked, and returns the number of bytes written and not read. */
  const untilStuck = async (): Promise<number> => {
    for (let before = -1; before !== written;) {
      before = written;
      await turns(50);
    }
    return written - total;
  };
  // The kernel buffers 200 KiB by default, more with another net.core.wmem_default.
  const kernelBytes = await untilStuck();
  expect(kernelBytes).toBeLessThan(32 * MIB);
  for await (const chunk of pair.far) {
    total += chunk.length;
    expect(chunk.length).toBeLessThanOrEqual(512 * 1024);
    expect(await untilStuck()).toBeLessThan(2 * kernelBytes + MIB);
  }
  await writing;
  expect(total).toBe(64 * MIB);
});

test("when the far end shuts down its sending side, the iteration ends and writes still arrive", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  const answer = random.bytes(1_000_000);
  const answered = Promise.withResolvers<void>();
  await using _ = await listenSocket(path, {
    mode: 0o600,
    onChannel(channel) {
      void (async () => {
        const question = await readAll(channel);
        await turns(20);
        await channel.write(Buffer.concat([question, answer]));
        await channel.close();
        answered.resolve();
      })();
    },
  });
  const received: Uint8Array[] = [];
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const client = await Bun.connect({
    unix: path,
    allowHalfOpen: true,
    socket: {
      data: (_, bytes) => void received.push(bytes),
      end: (socket) => void socket.end(),
      close: () => resolve(),
    },
  });
  client.write("question");
  client.shutdown();
  await Promise.all([answered.promise, closed]);
  expect(Buffer.concat(received).equals(Buffer.concat([Buffer.from("question"), answer]))).toBe(true);
});

test("after a close of either end, writes reject with CLOSED and both iterations end", async () => {
  await using directory = await createTemporaryDirectory();
  await using pair = await connect(directory.at("socket"));
  const reading = readAll(pair.near);
  const blocked = rejectionOf(
    (async () => {
      for (;;) await pair.near.write(new Uint8Array(65_536));
    })(),
  );
  await pair.near.close();
  await pair.near.close();
  expect(await blocked).toMatchObject({ code: "CLOSED" });
  expect(await reading).toHaveLength(0);
  await readAll(pair.far);
  expect((await rejectionOf(pair.far.write(new Uint8Array(1)))).code).toBe("CLOSED");
  expect((await rejectionOf(pair.near.write(new Uint8Array(1)))).code).toBe("CLOSED");
});

test("bytes arrive that the far end sent before it reset the connection", async () => {
  await using directory = await createTemporaryDirectory();
  await using pair = await connect(directory.at("socket"));
  await pair.near.write(Buffer.from("never read, so the kernel resets the connection"));
  await pair.far.write(new Uint8Array(100_000));
  await pair.far.close();
  expect(await readAll(pair.near)).toHaveLength(100_000);
});

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
  await leaveDeadSocket(path);
  expect((await lstat(path)).isSocket()).toBe(true);
  expect(await rejectionOf(dialSocket(path))).toMatchObject({
    code: "NO_CHANNEL",
    message: expect.stringContaining("no process listens there\n"),
  });
  await using _ = await listenSocket(path, QUIET);
  const { ino } = await lstat(path);
  expect(await rejectionOf(listenSocket(path, QUIET))).toMatchObject({
    code: "BUSY",
    message: `Cannot listen at "${path}": another process listens there\nFind it with: ss -xlp src "${path}"`,
  });
  expect((await lstat(path)).ino).toBe(ino);
});

test("a listener with too many waiting clients is BUSY, and its socket is not replaced", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("the socket");
  using _ = listenDeaf(path, 2);
  await using waiting = new AsyncDisposableStack();
  for (let client = 0; client < 2; client++) waiting.use(await dialSocket(path));
  expect(await rejectionOf(dialSocket(path))).toMatchObject({
    code: "BUSY",
    message: `Cannot connect to "${path}": too many clients wait there\nFind them with: ss -xp src "${path}"`,
  });
  expect(await rejectionOf(listenSocket(path, QUIET))).toMatchObject({ code: "BUSY" });
});

test("of three listeners that start at the same moment one succeeds, and the others are BUSY", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  for (let round = 0; round < 10; round++) {
    if (round % 2 === 0) await leaveDeadSocket(path);
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
    await leaveDeadSocket(path);
    await chown(path, 65_534, 65_534);
    expect((await rejectionOf(listenSocket(path, QUIET))).message).toContain(
      "a socket of user 65534 is there",
    );
    await chown(directory.path, 65_534, 65_534);
    expect((await rejectionOf(listenSocket(path, QUIET))).message).toContain("belongs to user 65534");
  },
);

test("listenSocket refuses a directory that is writable for all, except with the sticky bit", async () => {
  await using directory = await createTemporaryDirectory();
  await chmod(directory.path, 0o777);
  expect((await rejectionOf(listenSocket(directory.at("socket"), QUIET))).message).toContain(
    "everybody may write",
  );
  await chmod(directory.path, 0o1777);
  await using _ = await listenSocket(directory.at("socket"), QUIET);
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

test("the error for a path that is too long or missing gives the reason", async () => {
  await using directory = await createTemporaryDirectory();
  const long = directory.at("x".repeat(108));
  const missing = directory.at("no", "such", "socket");
  expect(await rejectionOf(dialSocket(long))).toMatchObject({
    code: "NO_CHANNEL",
    message: expect.stringContaining("107 at most are possible"),
  });
  expect(await rejectionOf(listenSocket(long, QUIET))).toMatchObject({
    code: "NO_CHANNEL",
    message: expect.stringContaining("107 at most are possible"),
  });
  expect(await rejectionOf(dialSocket(missing))).toMatchObject({
    code: "NO_CHANNEL",
    message: expect.stringContaining("there is no such socket\n"),
  });
  expect(await rejectionOf(listenSocket(missing, QUIET))).toMatchObject({
    code: "NO_CHANNEL",
    message: expect.stringContaining("mkdir -p"),
  });
  await Bun.write(directory.at("file"), "");
  expect((await rejectionOf(dialSocket(directory.at("file")))).code).toBe("NO_CHANNEL");
  expect((await rejectionOf(dialSocket(missing, { signal: AbortSignal.abort() }))).code).toBe("CANCELLED");
});

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
