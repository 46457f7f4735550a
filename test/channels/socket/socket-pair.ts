/** A connection over a real unix socket. */
import { dialSocket } from "../../../src/channels/socket/socket.ts";
import { listenSocket } from "../../../src/channels/socket/socket-listener.ts";
import type { Channel } from "../../../src/wire/channel.ts";

/** Returns both ends of one connection. */
export async function connect(
  path: string,
): Promise<AsyncDisposable & { near: Channel; far: Channel; server: AsyncDisposable }> {
  const { promise, resolve } = Promise.withResolvers<Channel>();
  const server = await listenSocket(path, { mode: 0o600, onChannel: resolve });
  const near = await dialSocket(path);
  return { near, far: await promise, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** Reads a channel to its end. */
export async function readAll(channel: Channel): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of channel) chunks.push(chunk);
  return Buffer.concat(chunks);
}
