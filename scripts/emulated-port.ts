/** Emulates a virtio-serial port without a virtual machine: two unix sockets that behave like QEMU's. */
import { rmSync } from "node:fs";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";

/** Disposal closes both sockets. */
export type EmulatedPort = AsyncDisposable & {
  /** The host's socket. It serves one client at a time; the next one waits in silence. */
  readonly hostPath: string;
  /** The guest's socket, in place of the character device. */
  readonly guestPath: string;
  /** Disconnects the host's client, as a restart of its program does. */
  dropHost: () => void;
};

/**
 * Creates both sockets in `directory`. Bytes that the guest writes while no host is connected are lost. Bytes
 * that the host writes while no guest is connected wait for a guest until the host disconnects: QEMU leaves
 * them unread in the host's socket (`virtio-console.c`).
 */
export async function createEmulatedPort(directory: string, name: string): Promise<EmulatedPort> {
  const waiting: Socket[] = [];
  let host: Socket | undefined;
  let guest: Socket | undefined;
  let unread: (Uint8Array | string)[] = [];

  const serveNext = (): void => {
    const socket = waiting.shift();
    host = socket;
    unread = [];
    socket?.on("data", (bytes) => {
      if (guest === undefined) unread.push(bytes);
      else if (!guest.write(bytes)) socket.pause();
    });
    // The next client may have been served before this one's `close` event.
    socket?.on("close", () => host === socket && serveNext());
    // A paused socket has no `close` event, so it flows without a guest too.
    socket?.resume();
  };
  const acceptHost = (socket: Socket): void => {
    socket.pause();
    socket.on("error", () => socket.destroy());
    waiting.push(socket);
    if (host === undefined || host.destroyed) serveNext();
  };
  const acceptGuest = (socket: Socket): void => {
    guest = socket;
    for (const bytes of unread.splice(0)) socket.write(bytes);
    socket.on("error", () => socket.destroy());
    socket.on("drain", () => host?.resume());
    socket.on("data", (bytes) => {
      const reader = host;
      if (reader?.destroyed !== false || reader.write(bytes)) return;
      socket.pause();
      const resume = (): void => {
        reader.off("drain", resume).off("close", resume);
        socket.resume();
      };
      reader.on("drain", resume).on("close", resume);
    });
    socket.on("close", () => {
      // A newer guest may have connected already.
      if (guest !== socket) return;
      guest = undefined;
      host?.resume();
    });
    host?.resume();
  };

  const hostPath = `${directory}/${name}.host`;
  const guestPath = `${directory}/${name}.guest`;
  const servers = [await listen(hostPath, acceptHost), await listen(guestPath, acceptGuest)];
  return {
    hostPath,
    guestPath,
    dropHost: () => host?.destroy(),
    async [Symbol.asyncDispose]() {
      for (const server of servers) server.close();
      for (const socket of [...waiting, host, guest]) socket?.destroy();
      rmSync(hostPath, { force: true });
      rmSync(guestPath, { force: true });
    },
  };
}

function listen(path: string, onConnection: (socket: Socket) => void): Promise<Server> {
  const { promise, resolve, reject } = Promise.withResolvers<Server>();
  const server = createServer(onConnection);
  server.once("error", reject);
  server.listen(path, () => resolve(server));
  return promise;
}
