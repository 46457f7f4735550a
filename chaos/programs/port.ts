/**
 * A virtio-serial port as a process between two daemons. Words: HOSTPATH GUESTPATH SEED. It listens at both
 * paths, copies bytes as QEMU does, and disturbs them on command. Each line of its input is a command:
 * `cut MS` disconnects the host, whose next connection waits in silence; `flap MS` disconnects each new
 * connection too; `tear MS` is a cut in the middle of a piece; `hold MS` delays all bytes; `gone MS` removes
 * both sockets. It answers `over` after so many milliseconds. It never repeats a byte, and ends with its
 * input.
 */
import { rmSync } from "node:fs";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { createRandom } from "../../test/support/random.ts";

const [hostPath = "", guestPath = "", seed = "0"] = process.argv.slice(2);
const random = createRandom(Number(seed));
/** A tear waits so long for bytes before it cuts without them. */
const TEAR_MS = 300;

let host: Socket | undefined;
let guest: Socket | undefined;
let waiting: Socket[] = [];
/** Bytes from the host that no guest has read. */
let unread: Uint8Array[] = [];
let state: "open" | "silent" | "flapping" | "held" = "open";
let onPiece: (() => void) | undefined;
let servers: Server[] = [];

const EVENTS: Readonly<Record<string, (ms: number) => Promise<void>>> = {
  cut: (ms) => disturb("silent", ms),
  flap: (ms) => disturb("flapping", ms),
  async tear(ms) {
    const { promise: torn, resolve } = Promise.withResolvers<void>();
    onPiece = resolve;
    await Promise.race([torn, delay(TEAR_MS)]);
    onPiece = undefined;
    await disturb("silent", ms);
  },
  async hold(ms) {
    state = "held";
    host?.pause();
    guest?.pause();
    await delay(ms);
    state = "open";
    host?.resume();
    guest?.resume();
  },
  async gone(ms) {
    for (const server of servers) server.close();
    for (const path of [hostPath, guestPath]) rmSync(path, { force: true });
    for (const socket of [host, guest, ...waiting]) socket?.destroy();
    waiting = [];
    await delay(ms);
    await listen();
  },
};

await listen();
process.stdout.write("over\n");
for await (const line of createInterface({ input: process.stdin })) {
  const [name = "", ms] = line.split(" ");
  await EVENTS[name]?.(Number(ms));
  process.stdout.write("over\n");
}
process.exit(0);

async function disturb(during: "silent" | "flapping", ms: number): Promise<void> {
  state = during;
  host?.destroy();
  await delay(ms);
  state = "open";
  serveNext();
}

async function listen(): Promise<void> {
  servers = await Promise.all([listenAt(hostPath, acceptHost), listenAt(guestPath, acceptGuest)]);
}

async function listenAt(path: string, accept: (socket: Socket) => void): Promise<Server> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    accept(socket);
  });
  server.once("error", reject).listen(path, resolve);
  await promise;
  return server;
}

function acceptHost(socket: Socket): void {
  if (state === "flapping") return void socket.destroy();
  socket.pause();
  waiting.push(socket);
  if (host === undefined || host.destroyed) serveNext();
}

function serveNext(): void {
  if (state === "silent" || state === "flapping" || host?.destroyed === false) return;
  const socket = waiting.shift();
  host = socket;
  unread = [];
  if (socket === undefined) return;
  if (socket.destroyed) return serveNext();
  socket.on("data", (bytes: Uint8Array) => pass(bytes, socket, guest));
  socket.on("close", () => {
    if (host !== socket) return;
    guest?.resume();
    serveNext();
  });
  if (state !== "held") socket.resume();
}

function acceptGuest(socket: Socket): void {
  guest?.destroy();
  guest = socket;
  for (const bytes of unread.splice(0)) socket.write(bytes);
  socket.on("data", (bytes: Uint8Array) => pass(bytes, socket, host));
  socket.on("close", () => guest === socket && host?.resume());
  if (state === "held") socket.pause();
}

/** Writes bytes to the other end. QEMU drops those of a guest without a host, and keeps those of a host. */
function pass(bytes: Uint8Array, from: Socket, to: Socket | undefined): void {
  if (to === undefined || to.destroyed) {
    if (from === host) unread.push(Buffer.from(bytes));
    return;
  }
  const tear = onPiece;
  onPiece = undefined;
  const isTaken = to.write(tear === undefined ? bytes : bytes.subarray(0, random.below(bytes.length)));
  if (tear !== undefined) {
    tear();
    return void from.pause();
  }
  if (isTaken) return;
  from.pause();
  const resume = (): void => {
    to.off("drain", resume).off("close", resume);
    if (state !== "held") from.resume();
  };
  to.on("drain", resume).on("close", resume);
}
