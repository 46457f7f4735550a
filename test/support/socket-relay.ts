/** Owns a relay to a unix socket whose connections a test can cut. */
import { connect, createServer } from "node:net";
import type { Socket } from "node:net";

/** Disposal closes the relay. */
export type SocketRelay = AsyncDisposable & {
  /** Breaks all connections and returns their number. The relay accepts new ones. */
  cut(): number;
};

/** Listens at `path` and relays each connection to the socket at `target`. */
export async function createSocketRelay(path: string, target: string): Promise<SocketRelay> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((near) => {
    const far = connect(target);
    const pair = [near, far] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of pair) socket.on("error", end).on("close", end);
    near.pipe(far).pipe(near);
  });
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject).listen(path, resolve);
  await listening;
  const cut = (): number => {
    const count = pairs.size;
    for (const sockets of pairs) for (const socket of sockets) socket.destroy();
    pairs.clear();
    return count;
  };
  return {
    cut,
    async [Symbol.asyncDispose]() {
      cut();
      const { promise: closed, resolve: close } = Promise.withResolvers<void>();
      server.close(() => close());
      await closed;
    },
  };
}
