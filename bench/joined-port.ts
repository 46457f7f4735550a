/**
 * Joins two unix sockets as QEMU joins both ends of a virtio-serial port. Two `cat` processes copy the bytes,
 * so the port costs little beside the programs that use it.
 */
import { closeSync } from "node:fs";
import { dlopen, ptr } from "bun:ffi";
import { until } from "../test/support/until.ts";

/** The places of both ends. `joined` resolves when one program has connected to each end. */
export type JoinedPort = AsyncDisposable & {
  readonly hostPath: string;
  readonly guestPath: string;
  readonly joined: Promise<void>;
};

/** Listens at both ends, in `directory`. Disposal ends the copying. */
export function createJoinedPort(directory: string, name: string): JoinedPort {
  const hostPath = `${directory}/${name}.host`;
  const guestPath = `${directory}/${name}.guest`;
  const listeners = [listen(hostPath), listen(guestPath)] as const;
  const copiers: Bun.Subprocess[] = [];
  let isClosed = false;

  const join = async (): Promise<void> => {
    const host = await accept(listeners[0], () => isClosed);
    const guest = await accept(listeners[1], () => isClosed);
    if (host === undefined || guest === undefined) return;
    for (const [from, to] of [
      [host, guest],
      [guest, host],
    ] as const) {
      copiers.push(Bun.spawn(["cat"], { stdin: from, stdout: to, stderr: "ignore" }));
    }
    for (const fd of [host, guest]) closeSync(fd);
  };
  const joined = join();

  return {
    hostPath,
    guestPath,
    joined,
    async [Symbol.asyncDispose]() {
      isClosed = true;
      await joined;
      for (const copier of copiers) copier.kill("SIGKILL");
      await Promise.all(copiers.map((copier) => copier.exited));
      for (const fd of listeners) closeSync(fd);
    },
  };
}

/** From unix(7), socket(2): the same numbers on x86-64 and ARM64. */
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

const { symbols: libc } = dlopen("libc.so.6", {
  socket: { args: ["int", "int", "int"], returns: "int" },
  bind: { args: ["int", "ptr", "u32"], returns: "int" },
  listen: { args: ["int", "int"], returns: "int" },
  accept4: { args: ["int", "ptr", "ptr", "int"], returns: "int" },
});

function listen(path: string): number {
  const name = Buffer.from(`${path}\0`);
  const address = Buffer.concat([Uint8Array.of(AF_UNIX, 0), name]);
  const fd = libc.socket(AF_UNIX, SOCK_STREAM + SOCK_NONBLOCK + SOCK_CLOEXEC, 0);
  if (fd < 0 || libc.bind(fd, ptr(address), address.length) !== 0 || libc.listen(fd, 1) !== 0) {
    throw new Error(`Cannot listen at "${path}"`);
  }
  return fd;
}

/** The accepted socket blocks, as `cat` expects; undefined when `isClosed` returned true first. */
async function accept(listener: number, isClosed: () => boolean): Promise<number | undefined> {
  const found = await until("a program connects to the port", () => {
    if (isClosed()) return "closed";
    const fd = libc.accept4(listener, null, null, SOCK_CLOEXEC);
    return fd >= 0 && fd;
  });
  return found === "closed" ? undefined : found;
}
