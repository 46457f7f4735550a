/** Exchanges lines with one peer that connects to a unix socket: QEMU's monitor, or the guest's shell. */
import { createServer, type Socket } from "node:net";

/** A listening socket for one peer. */
export interface LineServer {
  /** Settles when the peer has connected. */
  readonly connected: Promise<void>;
  /** Writes one line to the peer. Throws if no peer is connected. */
  send(line: string): void;
  /** Disconnects the peer and removes the socket file. */
  close(): void;
}

/** Listens at `path`. `receive` gets each line of the peer, without the newline. */
export async function listenForLines(path: string, receive: (line: string) => void): Promise<LineServer> {
  const { promise: connected, resolve: connect } = Promise.withResolvers<void>();
  let peer: Socket | undefined;
  const server = createServer((socket) => {
    peer = socket;
    const split = createSplitter(receive);
    socket.setEncoding("utf8").on("data", split);
    // A killed QEMU resets the connection; `machine.ts` handles its exit.
    socket.on("error", () => undefined);
    connect();
  });
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject).listen(path, resolve);
  await listening;
  return {
    connected,
    send(line) {
      if (peer === undefined || peer.destroyed) {
        throw new Error(`Cannot send "${line.slice(0, 60)}": no peer is connected to "${path}"`);
      }
      peer.write(`${line}\n`);
    },
    close() {
      peer?.destroy();
      server.close();
    },
  };
}

/** Joins the parts of a line only once, so that a line of many megabytes costs linear time. */
function createSplitter(receive: (line: string) => void): (text: string) => void {
  let parts: string[] = [];
  return (text) => {
    const [first = "", ...others] = text.split("\n");
    parts.push(first);
    for (const next of others) {
      const line = parts.join("");
      parts = [next];
      receive(line.replace(/\r$/, ""));
    }
  };
}
