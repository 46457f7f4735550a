/** A virtio-serial port without a machine around it: two unix sockets that behave to each other as QEMU's port does. */
import { rmSync } from "node:fs";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";

export type EmulatedPort = AsyncDisposable & {
  /** For the host: one client at a time is served, the next one waits without a word. */
  readonly hostPath: string;
  /** For the guest, in place of the character device. */
  readonly guestPath: string;
  /** Throws the host's client out, as a restart of its program does. */
  dropHost: () => void;
};

/**
 * Makes both sockets in `directory`. While no host is there, what the guest writes is lost. What the host writes while no
 * guest is there waits for one, and goes with the host: QEMU leaves it unread in the host's socket (`virtio-console.c`).
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
    // The next one may have been served already by the time that this one's end is told.
    socket?.on("close", () => host === socket && serveNext());
    // Without a guest too: a socket that is paused does not tell of its end.
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
      const goOn = (): void => {
        reader.off("drain", goOn).off("close", goOn);
        socket.resume();
      };
      reader.on("drain", goOn).on("close", goOn);
    });
    socket.on("close", () => {
      // A newer guest may be there already.
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
