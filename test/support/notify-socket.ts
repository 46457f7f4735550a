/** Owns a datagram socket that receives service notifications, like systemd's (sd_notify(3)). */
import { dlopen, ptr } from "bun:ffi";
import { closeSync } from "node:fs";

/** The listening socket. Disposal closes it. */
export type NotifySocket = Disposable & {
  /** All messages so far. */
  messages(): string[];
};

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;

/** Listens at `path`. A path that starts with `@` is an abstract name, without a file. */
export function listenForNotifications(path: string): NotifySocket {
  const libc = dlopen("libc.so.6", {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  });
  const descriptor = libc.symbols.socket(AF_UNIX, SOCK_DGRAM, 0);
  const address = Buffer.concat([new Uint8Array([AF_UNIX, 0]), Buffer.from(path.replace(/^@/, "\0"))]);
  if (libc.symbols.bind(descriptor, ptr(address), address.length) !== 0)
    throw new Error(`Cannot bind a datagram socket to "${path}"`);
  const seen: string[] = [];
  return {
    messages() {
      const buffer = new Uint8Array(4096);
      for (;;) {
        const length = Number(libc.symbols.recv(descriptor, ptr(buffer), buffer.length, MSG_DONTWAIT));
        if (length < 0) return [...seen];
        seen.push(new TextDecoder().decode(buffer.subarray(0, length)));
      }
    },
    [Symbol.dispose]() {
      closeSync(descriptor);
      libc.close();
    },
  };
}
