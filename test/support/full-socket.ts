/** Owns a listening unix socket that never accepts a client, like QEMU's while it serves another one. */
import { dlopen, ptr } from "bun:ffi";
import { closeSync } from "node:fs";

const AF_UNIX = 1;
const SOCK_STREAM = 1;

/** Listens at `path`. Up to `waiting` clients can connect; the kernel rejects the next one with EAGAIN. */
export function listenWithoutAccepting(path: string, waiting: number): Disposable {
  const libc = dlopen("libc.so.6", {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    listen: { args: ["i32", "i32"], returns: "i32" },
  });
  const descriptor = libc.symbols.socket(AF_UNIX, SOCK_STREAM, 0);
  const address = Buffer.concat([new Uint8Array([AF_UNIX, 0]), Buffer.from(`${path}\0`)]);
  const isBound = libc.symbols.bind(descriptor, ptr(address), address.length) === 0;
  // Linux queues one client more than the backlog (net/unix/af_unix.c).
  if (!isBound || libc.symbols.listen(descriptor, waiting - 1) !== 0)
    throw new Error(`Cannot listen at "${path}"`);
  return {
    [Symbol.dispose]() {
      closeSync(descriptor);
      libc.close();
    },
  };
}
