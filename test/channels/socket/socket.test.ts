/** Connected unix sockets: bytes both ways, back pressure, closing, and paths that cannot be dialled. */
import { expect, test } from "bun:test";
import { readlink } from "node:fs/promises";
import { dialSocket } from "../../../src/channels/socket/socket.ts";
import { listenSocket } from "../../../src/channels/socket/socket-listener.ts";
import { trustAnyListener } from "../../../src/process/listener-trust.ts";
import type { ListenerTrust } from "../../../src/process/listener-trust.ts";
import type { Channel } from "../../../src/wire/channel.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createRandom } from "../../support/random.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";
import { waitTurns } from "../../support/event-loop.ts";
import { connect, readAll } from "./socket-pair.ts";

const random = createRandom(11);
const QUIET = { mode: 0o600, onChannel: () => undefined };

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
      await waitTurns(50);
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
        await waitTurns(20);
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

test("a dial that is aborted under way rejects with CANCELLED and leaves no connection", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  const { promise: accepted, resolve } = Promise.withResolvers<Channel>();
  const stop = new AbortController();
  await using _ = await listenSocket(path, { mode: 0o600, onChannel: resolve });
  const findFault = (): Promise<undefined> => {
    stop.abort();
    return Promise.resolve(undefined);
  };
  const listener: ListenerTrust = async () => ({ ...(await trustAnyListener()), findFault });
  expect((await rejectionOf(dialSocket(path, { signal: stop.signal, listener }))).code).toBe("CANCELLED");
  expect(await readAll(await accepted)).toHaveLength(0);
});

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

test("an open connection is handed over with its unread bytes, and a closed one is not", async () => {
  await using directory = await createTemporaryDirectory();
  await using pair = await connect(directory.at("socket"));
  await pair.far.write(Buffer.from("read"));
  // Nothing is taken from the socket before the first read.
  await pair.near[Symbol.asyncIterator]().next();
  await pair.far.write(Buffer.from("not read"));
  await until("the bytes are there", () => unreadOf(pair.near) === "not read");
  const frozen = pair.near.freeze?.();
  if (frozen?.kind !== "socket") throw new Error("The connection cannot be handed over");
  expect(frozen.label).toBe(pair.near.label);
  expect(await readlink(`/proc/self/fd/${frozen.fd}`)).toStartWith("socket:");
  await pair.near.close();
  expect(pair.near.freeze?.()).toBeUndefined();
});

function unreadOf(channel: Channel): string {
  return Buffer.from(channel.freeze?.()?.unread ?? []).toString();
}
