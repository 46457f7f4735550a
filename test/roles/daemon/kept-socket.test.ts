/** A daemon's socket that is removed or replaced while the daemon runs. The test makes the ticks. */
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { existsSync } from "node:fs";
import { lstat, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { dialSocket } from "../../../src/channels/socket/socket.ts";
import { listenSocket } from "../../../src/channels/socket/socket-listener.ts";
import { keepListening } from "../../../src/roles/daemon/kept-socket.ts";
import { standardOutput } from "../../../src/standard-output.ts";
import type { Channel } from "../../../src/wire/channel.ts";
import { createDeadSocket } from "../../support/dead-socket.ts";
import { waitTurns } from "../../support/event-loop.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

const logged: string[] = [];
let writing: ReturnType<typeof spyOn>;
beforeEach(() => {
  logged.length = 0;
  writing = spyOn(standardOutput, "write").mockImplementation(async (_, text) => {
    logged.push(String(text));
    return true;
  });
});
afterEach(() => void writing.mockRestore());

/** A kept socket that counts its connections. */
async function createScene() {
  await using owned = new AsyncDisposableStack();
  const directory = owned.use(await createTemporaryDirectory());
  const path = directory.at("run", "host.sock");
  const channels: Channel[] = [];
  const ticks: (() => void)[] = [];
  const kept = await keepListening(path, {
    mode: 0o660,
    onChannel: (channel) => void channels.push(channel),
    every(listener) {
      ticks.push(listener);
      return { [Symbol.dispose]: () => void ticks.splice(0) };
    },
  });
  owned.use(kept);
  const held = owned.move();
  return {
    path,
    channels,
    kept,
    /** Lets a second pass, and waits until what it causes is done. */
    async tick(): Promise<void> {
      for (const tick of ticks) tick();
      await waitTurns(50);
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

const isServed = async (path: string): Promise<boolean> => {
  const channel = await dialSocket(path).catch(() => undefined);
  await channel?.close();
  return channel !== undefined;
};

test("a socket that stays is left as it is", async () => {
  await using scene = await createScene();
  const { ino } = await lstat(scene.path);
  await scene.tick();
  expect((await lstat(scene.path)).ino).toBe(ino);
  expect(logged).toEqual([]);
});

test.each([
  ["alone", (path: string) => rm(path)],
  ["with its directory", (path: string) => rm(dirname(path), { recursive: true })],
])("a socket that was removed %s is made again with its mode, and is logged", async (_, remove) => {
  await using scene = await createScene();
  const open = await dialSocket(scene.path);
  await until("it is accepted", () => scene.channels.length === 1);
  await remove(scene.path);
  await scene.tick();
  await until("the socket serves again", () => isServed(scene.path));
  expect((await stat(scene.path)).mode & 0o777).toBe(0o660);
  expect(logged.join("")).toContain(`The socket "${scene.path}" was removed: it was made again`);

  // The connection over the removed socket goes on.
  await open.write(Buffer.from("hello"));
  for await (const bytes of scene.channels[0] ?? []) {
    expect(Buffer.from(bytes).toString()).toBe("hello");
    break;
  }
  await open.close();
});

test("a socket is made again each time that it is removed", async () => {
  await using scene = await createScene();
  for (let time = 0; time < 3; time++) {
    await rm(scene.path);
    await scene.tick();
    await until("the socket serves again", () => isServed(scene.path));
  }
});

test("a dead socket in its place is replaced", async () => {
  await using scene = await createScene();
  await rm(scene.path);
  await createDeadSocket(scene.path);
  await scene.tick();
  await until("the socket serves again", () => isServed(scene.path));
});

test.each([
  ["a file", (path: string) => Bun.write(path, "x"), "a file is there that is not a socket"],
  ["the socket of another process", listenQuietly, "another process listens there"],
])("%s in its place is left, and is logged once", async (_, replace, reason) => {
  await using scene = await createScene();
  await rm(scene.path);
  await replace(scene.path);
  const { ino } = await lstat(scene.path);
  for (let second = 0; second < 3; second++) await scene.tick();
  await until("it is logged", () => logged.length > 0);
  expect((await lstat(scene.path)).ino).toBe(ino);
  expect(logged.filter((line) => line.includes(reason))).toHaveLength(1);
  await rm(scene.path);
  await scene.tick();
  await until("the socket serves again", () => isServed(scene.path));
});

test("a socket whose directory's parent is missing is made again when that is back", async () => {
  await using scene = await createScene();
  const parent = dirname(dirname(scene.path));
  await rename(parent, `${parent}.away`);
  for (let second = 0; second < 3; second++) await scene.tick();
  await until("it is logged", () => logged.length > 0);
  expect(logged).toHaveLength(1);
  await rename(`${parent}.away`, parent);
  await rm(scene.path);
  await scene.tick();
  await until("the socket serves again", () => isServed(scene.path));
});

test("disposing removes the socket that was made last, and ends all connections", async () => {
  await using scene = await createScene();
  const first = await dialSocket(scene.path);
  await rm(scene.path);
  await scene.tick();
  await until("the socket serves again", () => isServed(scene.path));
  const second = await dialSocket(scene.path);
  await scene.kept[Symbol.asyncDispose]();
  for (const channel of [first, second]) for await (const _ of channel);
  expect(existsSync(scene.path)).toBe(false);
});

async function listenQuietly(path: string): Promise<void> {
  await listenSocket(path, { mode: 0o600, onChannel: () => undefined });
}
