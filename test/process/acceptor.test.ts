/** Clients that connect and leave without a pause, and their cost for others. */
import { expect, test } from "bun:test";
import { closeSync } from "node:fs";
import { join } from "node:path";
import { nextTurn } from "../../src/delay.ts";
import { connectNow, openListener } from "../../src/process/libc-socket.ts";
import { dialSocket } from "../../src/channels/socket/socket.ts";
import { listenSocket } from "../../src/channels/socket/socket-listener.ts";
import type { Channel } from "../../src/wire/channel.ts";
import { waitTurns } from "../support/event-loop.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { readAll } from "../channels/socket/socket-pair.ts";

const CLIENT = join(import.meta.dir, "../../hostile/programs/leaving-client.ts");
const CLIENTS = 3;

const whileFull = async (): Promise<boolean> => {
  await nextTurn();
  return true;
};

test("while clients connect and leave without a pause, another client is served", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  await using _ = await listenSocket(path, { mode: 0o600, closesLeft: true, onChannel: serve });
  await using clients = new AsyncDisposableStack();
  for (let client = 0; client < CLIENTS; client++) {
    const child = Bun.spawn([process.execPath, CLIENT, path], { stdin: "pipe", stdout: "pipe" });
    clients.defer(async () => {
      child.kill("SIGKILL");
      await child.exited;
    });
    await child.stdout.getReader().read();
  }
  await waitTurns(50);
  await using channel = await dialSocket(path, { whileFull });
  await channel.write(Buffer.from("hello"));
  const { value } = await channel[Symbol.asyncIterator]().next();
  expect(Buffer.from(value ?? []).toString()).toBe("hello");
});

test("a connection that is not admitted is closed, and a client that has left is not passed on", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  const descriptors: number[] = [];
  const channels: Channel[] = [];
  let admits = false;
  await using _ = await listenSocket(path, {
    mode: 0o600,
    closesLeft: true,
    admits(descriptor) {
      descriptors.push(descriptor);
      return admits;
    },
    onChannel: (channel) => void channels.push(channel),
  });
  await readAll(await dialSocket(path));
  expect([descriptors.length, channels.length]).toEqual([1, 0]);
  admits = true;
  // It connects and leaves before the listener has a turn.
  const { exitCode } = Bun.spawnSync(["python3", "-c", LEAVE, path]);
  await using staying = await dialSocket(path);
  await until("the one that stays is served", () => channels.length > 0);
  expect([exitCode, descriptors.length, staying.label]).toEqual([0, 2, path]);
});

const LEAVE = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])";

function serve(channel: Channel): void {
  const echo = async (): Promise<void> => {
    for await (const bytes of channel) await channel.write(bytes);
    await channel.close();
  };
  void echo();
}

test("a listening socket lets few clients wait, because a new one waits behind all of them", async () => {
  await using directory = await createTemporaryDirectory();
  const address = new TextEncoder().encode(directory.at("socket"));
  using owned = new DisposableStack();
  const listener = openListener(address);
  owned.defer(() => closeSync(listener));
  let waiting = 0;
  for (let next = connectNow(address); typeof next === "number"; next = connectNow(address), waiting++) {
    const client = next;
    owned.defer(() => closeSync(client));
  }
  // Linux takes one more than listen(2) has asked for.
  expect(waiting).toBe(257);
});
