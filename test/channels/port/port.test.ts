import { expect, test } from "bun:test";
import { join } from "node:path";
import { openCharacterDevice, openPort } from "../../../src/channels/port/port.ts";
import { listenSocket } from "../../../src/channels/socket/socket-listener.ts";
import type { Channel } from "../../../src/wire/channel.ts";
import { errorOf, rejectionOf } from "../../support/error-of.ts";
import { watchOpenFiles } from "../../support/open-files.ts";
import { openPty } from "../../support/pty.ts";
import { createRandom } from "../../support/random.ts";
import { runProcess } from "../../support/program-run.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { waitTurns } from "../../support/event-loop.ts";

const random = createRandom(7);

async function collect(channel: Channel, length: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let left = length;
  for await (const chunk of channel) {
    chunks.push(chunk);
    left -= chunk.length;
    if (left <= 0) break;
  }
  return Buffer.concat(chunks);
}

test("random bytes pass both ways, and an empty write resolves", async () => {
  await using pty = await openPty();
  await using port = openPort(pty.path);
  const out = random.bytes(100_000);
  const incoming = random.bytes(300_000);
  const writing = port.write(out);
  pty.write(incoming);
  expect(Buffer.compare(await collect(port, incoming.length), incoming)).toBe(0);
  expect(Buffer.compare(await pty.receive(out.length), out)).toBe(0);
  await writing;
  await port.write(new Uint8Array(0));
  pty.write(Buffer.from("more"));
  expect((await collect(port, 4)).toString()).toBe("more");
});

test("when the far end of a pty closes, the iteration ends and writes reject with CLOSED", async () => {
  // The kernel gives EIO first and the end of the file afterwards, so one round seldom meets EIO.
  for (let round = 0; round < 60; round++) {
    const pty = await openPty();
    await using port = openPort(pty.path);
    pty.write(Buffer.from("last words"));
    const chunks: string[] = [];
    for await (const chunk of port) {
      chunks.push(Buffer.from(chunk).toString());
      await pty.close();
    }
    expect(chunks.join("")).toBe("last words");
    expect((await rejectionOf(port.write(Buffer.from("x")))).code).toBe("CLOSED");
  }
});

test("a write that is half done rejects with CLOSED when the far end of a pty closes", async () => {
  const pty = await openPty();
  await using port = openPort(pty.path);
  const blocked = rejectionOf(blockedWrite(port, 40_000));
  await waitTurns(20);
  await pty.close();
  expect(await blocked).toMatchObject({ code: "CLOSED", cause: { code: "EIO" } });
});

test("a blocked write does not block another port, and rejects with CLOSED after close", async () => {
  await using pty = await openPty();
  const port = openPort(pty.path);
  await using full = await openPty();
  const other = openPort(full.path);
  pty.write(Buffer.from("hello"));
  const blocked = rejectionOf(blockedWrite(other));
  expect((await collect(port, 5)).toString()).toBe("hello");
  await waitTurns(20);
  await other.close();
  expect(await blocked).toMatchObject({
    code: "CLOSED",
    message: `Cannot write to "${full.path}": the channel is closed`,
  });
  await port.close();
});

/** Writes until the port is full and a write waits. */
async function blockedWrite(port: Channel, bytes = 1 << 20): Promise<never> {
  for (;;) await port.write(new Uint8Array(bytes));
}

test("close ends a waiting iteration, closes every descriptor, and can be called twice", async () => {
  await using pty = await openPty();
  const leftBehind = await watchOpenFiles(/^(?:\/dev\/pts\/|pipe:)/);
  for (const hasReader of [true, false, true]) {
    const port = openPort(pty.path);
    const reading = hasReader ? collect(port, 1) : Promise.resolve(Buffer.alloc(0));
    // The reader must have reached the wait through the thread.
    await waitTurns(20);
    await Promise.all([port.close(), port.close()]);
    expect(await reading).toHaveLength(0);
    await port.close();
    expect(await collect(port, 1)).toHaveLength(0);
    expect((await rejectionOf(port.write(new Uint8Array(1)))).code).toBe("CLOSED");
  }
  expect(await leftBehind()).toEqual([]);
});

test("the error for a missing file, a plain file or a directory gives the reason", async () => {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("file", "precious");
  const missing = directory.at("mis\x1bsing");
  expect(errorOf(() => openPort(missing))).toMatchObject({
    code: "NO_CHANNEL",
    message:
      `Cannot open port "${directory.at("mis\\x1bsing")}": there is no such file\n` +
      "List the ports: ls -l /dev/virtio-ports /sys/class/virtio-ports",
    cause: { code: "ENOENT" },
  });
  expect(errorOf(() => openPort(file))).toMatchObject({
    code: "NO_CHANNEL",
    message:
      `Cannot open port "${file}": it is not a character device\n` +
      "List the ports: ls -l /dev/virtio-ports /sys/class/virtio-ports",
  });
  expect(errorOf(() => openPort(directory.path)).code).toBe("NO_CHANNEL");
});

test("opening a plain file as a port leaves no descriptor open", async () => {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("file", "precious");
  const leftBehind = await watchOpenFiles(new RegExp(`^${directory.path}`));
  errorOf(() => openPort(file));
  expect(await leftBehind()).toEqual([]);
});

test("waiting for a far end that is away takes less than 30 % of one processor", async () => {
  const { stdout } = await runProcess([
    process.execPath,
    join(import.meta.dir, "../../fixtures/absent-host.ts"),
  ]);
  const { elapsedMs, cpuMs }: { elapsedMs: number; cpuMs: number } = JSON.parse(stdout);
  expect(elapsedMs).toBeGreaterThan(500);
  expect(cpuMs / elapsedMs).toBeLessThan(0.3);
});

test("a port that cannot be watched without more descriptors is BUSY and is closed", async () => {
  await using pty = await openPty();
  const program = join(import.meta.dir, "../../fixtures/port-program.ts");
  const limited = ["/bin/sh", "-c", 'ulimit -n 64; exec "$0" "$@"', process.execPath, program];
  const { stdout, stderr } = await runProcess([...limited, "crowded", pty.path]);
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toMatchObject({ refusal: { code: "BUSY" }, open: [] });
});

test("openCharacterDevice opens a pty and a socket by their paths", async () => {
  await using pty = await openPty();
  await using directory = await createTemporaryDirectory();
  const { promise, resolve } = Promise.withResolvers<Channel>();
  await using _ = await listenSocket(directory.at("socket"), { mode: 0o600, onChannel: resolve });
  await using port = await openCharacterDevice(pty.path);
  await using socket = await openCharacterDevice(directory.at("socket"));
  await port.write(Buffer.from("pty"));
  expect((await pty.receive(3)).toString()).toBe("pty");
  await socket.write(Buffer.from("socket"));
  expect((await collect(await promise, 6)).toString()).toBe("socket");
  expect((await rejectionOf(openCharacterDevice(directory.at("none")))).code).toBe("NO_CHANNEL");
});
