/** Waits until a socket takes more. */
import type { Socket } from "node:net";

/** Resolves when the socket takes more, or is closed. */
export function drained(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (): void => {
    socket.off("drain", end).off("close", end);
    resolve();
  };
  socket.on("drain", end).on("close", end);
  return promise;
}
