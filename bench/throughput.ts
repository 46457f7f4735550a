/**
 * Measures the cost of the native protocol: bytes through two sessions over a unix socket, and through the
 * raw socket.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dialSocket } from "../src/channels/socket/socket.ts";
import { listenSocket } from "../src/channels/socket/socket-listener.ts";
import { createLink } from "../src/peers/link.ts";
import type { Channel } from "../src/wire/channel.ts";
import type { IncomingCall } from "../src/wire/calls/incoming-call.ts";

const MEGABYTES = 128;
const PIECE_BYTES = 32 * 1024;
const ROUNDS = 3;

await main();

async function main(): Promise<void> {
  const text = new TextEncoder()
    .encode("All work and no play makes Jack a dull boy.\n".repeat(1000))
    .slice(0, PIECE_BYTES);
  const random = crypto.getRandomValues(new Uint8Array(PIECE_BYTES));
  for (let round = 1; round <= ROUNDS; round++) {
    const raw = await measure(sendRaw, random);
    report("raw socket (yardstick)", raw, raw);
    report("session, random bytes", await measure(sendThroughSessions, random), raw);
    report("session, text", await measure(sendThroughSessions, text), raw);
  }
}

/** Returns MB/s of payload for one way of sending. */
async function measure(
  send: (path: string, piece: Uint8Array, count: number) => Promise<void>,
  piece: Uint8Array,
): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "bench-"));
  try {
    const count = (MEGABYTES * 1e6) / piece.length;
    const start = performance.now();
    await send(join(directory, "s"), piece, count);
    return MEGABYTES / ((performance.now() - start) / 1000);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function sendRaw(path: string, piece: Uint8Array, count: number): Promise<void> {
  const { promise: accepted, resolve } = Promise.withResolvers<Channel>();
  await using held = new AsyncDisposableStack();
  held.use(await listenSocket(path, { mode: 0o600, onChannel: resolve }));
  await using sender = await dialSocket(path);
  const receiver = await accepted;
  const received = awaitBytes(receiver, piece.length * Math.ceil(count));
  for (let sent = 0; sent < count; sent++) await sender.write(piece);
  await received;
}

async function awaitBytes(channel: Channel, bytes: number): Promise<void> {
  let seen = 0;
  for await (const part of channel) {
    seen += part.length;
    if (seen >= bytes) return;
  }
}

async function sendThroughSessions(path: string, piece: Uint8Array, count: number): Promise<void> {
  let ids = 0;
  const common = { makeId: () => `id-${++ids}`, agent: { name: "bench", version: "0", role: "bench" } };
  await using held = new AsyncDisposableStack();
  held.use(
    await listenSocket(path, {
      mode: 0o600,
      onChannel: (channel) =>
        void createLink({ ...common, side: "listener", onCall: (call) => void swallow(call) }).run(channel),
    }),
  );
  const link = createLink({ ...common, side: "dialler", onCall: (incoming) => incoming.respond(null) });
  const running = link.run(await dialSocket(path));
  const call = link.session.call({ method: "swallow", write: ["stdin"] });
  const stdin = call.writer("stdin");
  for (let sent = 0; sent < count; sent++) await stdin.write(piece);
  stdin.end();
  await call.answer;
  link.session.close("done");
  await running;
}

async function swallow(call: IncomingCall): Promise<void> {
  let bytes = 0;
  for await (const part of call.reader("stdin")) bytes += part.length;
  call.respond({ bytes });
}

function report(name: string, rate: number, yardstick: number): void {
  const speed = `${rate.toFixed(0).padStart(6)} MB/s`;
  console.log(`${name.padEnd(24)} ${speed}   ${(rate / yardstick).toFixed(2)} of the yardstick`);
}
