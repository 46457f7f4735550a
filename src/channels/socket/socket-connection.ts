/** Makes a channel of one connected unix socket: what is not read or not sent yet waits in the kernel, not here. */
import { printable } from "../../printable.ts";
import type { Channel } from "../../wire/channel.ts";
import { createCondition } from "../condition.ts";
import { closedError } from "../failure.ts";

/** A socket's channel, and what Bun calls when something happens to the socket; kept in `socket.data`. */
export type Connection = {
  readonly channel: Channel;
  onData(bytes: Uint8Array): void;
  onDrain(): void;
  /** The far end sends no more. */
  onEnd(): void;
  onClose(): void;
};

/** The callbacks that all our sockets share; `onOpen` comes before any byte. A half-open socket can still be written to. */
export function connectionOptions(path: string, onOpen?: (channel: Channel) => void) {
  return {
    unix: path,
    allowHalfOpen: true,
    data: undefined as Connection | undefined,
    socket: {
      open(socket: Bun.Socket<Connection | undefined>) {
        socket.data = createConnection(socket, printable(path));
        onOpen?.(socket.data.channel);
      },
      data: ({ data }: Bun.Socket<Connection | undefined>, bytes: Uint8Array) => data?.onData(bytes),
      drain: ({ data }: Bun.Socket<Connection | undefined>) => data?.onDrain(),
      end: ({ data }: Bun.Socket<Connection | undefined>) => data?.onEnd(),
      close: ({ data }: Bun.Socket<Connection | undefined>) => data?.onClose(),
      error: ({ data }: Bun.Socket<Connection | undefined>) => data?.onClose(),
    },
  };
}

/**
 * Nothing is read before somebody iterates, and then one piece at a time, of at most 512 KiB (Bun's receive buffer). The
 * iteration ends when the far end has closed, or has said that it sends no more; in the second case `write` still works.
 */
function createConnection(socket: Bun.Socket<Connection | undefined>, label: string): Connection {
  const pieces: Uint8Array[] = [];
  let isEnded = false;
  let isClosed = false;
  const readerBell = createCondition();
  const writerBell = createCondition();
  socket.pause();

  const end = (): void => {
    isEnded = true;
    readerBell.ring();
  };
  const closeBoth = (): void => {
    isClosed = true;
    end();
    writerBell.ring();
  };
  const close = async (): Promise<void> => {
    if (!isClosed) socket.terminate();
    pieces.length = 0;
    closeBoth();
  };

  const channel: Channel = {
    label,
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const piece = pieces.shift();
        if (piece !== undefined) yield piece;
        else if (isEnded) return;
        else {
          socket.resume();
          await readerBell.wait();
        }
      }
    },
    async write(bytes) {
      for (let start = 0; ;) {
        const count = isClosed ? -1 : socket.write(bytes.subarray(start));
        // Bun gives -1 when the far end does not take any more.
        if (count < 0) throw closedError(label);
        start += count;
        if (start >= bytes.length) return;
        await writerBell.wait();
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
  return {
    channel,
    onData(bytes) {
      // Also comes while paused: when the far end resets the connection, Bun reads what it had sent.
      pieces.push(bytes);
      socket.pause();
      readerBell.ring();
    },
    onDrain: () => writerBell.ring(),
    onEnd: end,
    onClose: closeBoth,
  };
}
