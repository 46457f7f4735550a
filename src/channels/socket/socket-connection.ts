/**
 * Makes a channel of one connected unix socket. It reads only while the channel is iterated, until 256 KiB
 * and a chunk of at most 512 KiB (Bun's receive buffer) wait. All other bytes wait in the kernel.
 */
import { printable } from "../../printable.ts";
import { noteDescriptor } from "../../process/kept-resources.ts";
import { refuseDescriptors } from "../../process/libc.ts";
import type { Channel, FrozenChannel } from "../../wire/channel.ts";
import { createCondition } from "../condition.ts";
import { closedError } from "../failure.ts";

/** Bytes that wait for a slow reader. A pause for each chunk would cost two system calls for each. */
const PAUSED_FROM_BYTES = 256 * 1024;
/** While so many bytes wait in all channels together, each of them pauses after every chunk. */
const ALL_PAUSED_FROM_BYTES = 8 * 1024 * 1024;

/** The bytes that wait in all channels. */
let allWaitingBytes = 0;

/** A socket's channel, and the handlers for Bun's events of that socket. */
export type Connection = {
  readonly channel: Channel;
  onData(bytes: Uint8Array): void;
  onDrain(): void;
  /** The far end sends no more. */
  onEnd(): void;
  onClose(): void;
};

/**
 * Returns the options for `Bun.connect`. `onOpen` gets the channel and its descriptor before the first byte.
 * A half-open socket stays writable.
 */
export function connectionOptions(path: string, onOpen?: (channel: Channel, descriptor: number) => void) {
  return {
    unix: path,
    allowHalfOpen: true,
    data: undefined as Connection | undefined,
    socket: {
      open(socket: Bun.Socket<Connection | undefined>) {
        const descriptor = descriptorOf(socket);
        refuseDescriptors(descriptor);
        socket.data = createConnection(socket, printable(path));
        onOpen?.(socket.data.channel, descriptor);
      },
      data: ({ data }: Bun.Socket<Connection | undefined>, bytes: Uint8Array) => data?.onData(bytes),
      drain: ({ data }: Bun.Socket<Connection | undefined>) => data?.onDrain(),
      end: ({ data }: Bun.Socket<Connection | undefined>) => data?.onEnd(),
      close: ({ data }: Bun.Socket<Connection | undefined>) => data?.onClose(),
      error: ({ data }: Bun.Socket<Connection | undefined>) => data?.onClose(),
    },
  };
}

/** Bun has the descriptor of a socket, and its types do not name it. Returns -1 without one. */
function descriptorOf(socket: object): number {
  return "fd" in socket && typeof socket.fd === "number" ? socket.fd : -1;
}

/** Goes on with a connection that another program had open. Rejects if the descriptor is not that of one. */
export async function adoptConnection({ fd, label }: FrozenChannel): Promise<Channel> {
  const { promise, resolve } = Promise.withResolvers<Channel>();
  await takeConnection(fd, connectionOptions(label, resolve));
  return promise;
}

/** Makes a channel of a descriptor. Bun calls `open` before this returns. */
export async function takeConnection(
  fd: number,
  options: ReturnType<typeof connectionOptions>,
): Promise<void> {
  const { unix: _, ...rest } = options;
  // Bun takes a descriptor, and its types do not say so.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  await Bun.connect({ ...rest, fd } as unknown as Parameters<typeof Bun.connect>[0]);
}

const NO_BYTES = new Uint8Array(0);

/** The iteration also ends when the far end shuts down its sending side; then `write` still works. */
function createConnection(socket: Bun.Socket<Connection | undefined>, label: string): Connection {
  const chunks: Uint8Array[] = [];
  let waitingBytes = 0;
  let isPaused = true;
  let isEnded = false;
  let isClosed = false;
  let unwritten: Uint8Array = NO_BYTES;
  const readable = createCondition();
  const writable = createCondition();
  socket.pause();

  const count = (bytes: number): void => {
    waitingBytes += bytes;
    allWaitingBytes += bytes;
  };
  const end = (): void => {
    isEnded = true;
    readable.notify();
  };
  const closeBoth = (): void => {
    isClosed = true;
    end();
    writable.notify();
  };
  const close = async (): Promise<void> => {
    if (!isClosed) socket.terminate();
    chunks.length = 0;
    count(-waitingBytes);
    closeBoth();
  };

  const channel: Channel = {
    label,
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const chunk = chunks.shift();
        count(-(chunk?.length ?? 0));
        if (chunk !== undefined) yield chunk;
        else if (isEnded) return;
        else {
          if (isPaused) socket.resume();
          isPaused = false;
          await readable.wait();
        }
      }
    },
    async write(bytes) {
      for (let start = 0; ;) {
        const count = isClosed ? -1 : socket.write(bytes.subarray(start));
        // Bun returns -1 when the far end has closed.
        if (count < 0) throw closedError(label);
        start += count;
        unwritten = bytes.subarray(start);
        if (start >= bytes.length) return;
        await writable.wait();
      }
    },
    freeze() {
      const fd = isClosed ? -1 : descriptorOf(socket);
      if (fd < 0) return undefined;
      return { kind: "socket", fd: noteDescriptor(fd), label, unread: Buffer.concat(chunks), unwritten };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
  return {
    channel,
    onData(bytes) {
      // Bun calls this while paused too: when the far end resets the connection, Bun reads what it had sent.
      chunks.push(bytes);
      count(bytes.length);
      const isFull = waitingBytes >= PAUSED_FROM_BYTES || allWaitingBytes >= ALL_PAUSED_FROM_BYTES;
      if (!isPaused && isFull) {
        isPaused = true;
        socket.pause();
      }
      readable.notify();
    },
    onDrain: () => writable.notify(),
    onEnd: end,
    onClose: closeBoth,
  };
}
