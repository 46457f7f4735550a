/** Owns line-wise talk with one peer that dials a unix socket of ours: QEMU for its monitor, the guest for its shell. */
import { createServer, type Socket } from "node:net";

/** A listening socket that takes the first peer that dials. */
export interface LineServer {
  /** Settles when the peer is there; stays pending if none ever comes. */
  readonly connected: Promise<void>;
  /** Writes one line to the peer; throws when none is there, or no longer. */
  send(line: string): void;
  /** Ends the conversation and removes the socket file. */
  close(): void;
}

/** Listens at `path` and gives each line of the peer, without its end, to `receive`. */
export async function listenForLines(path: string, receive: (line: string) => void): Promise<LineServer> {
  const { promise: connected, resolve: connect } = Promise.withResolvers<void>();
  let peer: Socket | undefined;
  const server = createServer((socket) => {
    peer = socket;
    const split = createSplitter(receive);
    socket.setEncoding("utf8").on("data", split);
    // QEMU being killed resets the connection; its exit is watched elsewhere.
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
        throw new Error(`Cannot send "${line.slice(0, 60)}": nobody is connected to "${path}"`);
      }
      peer.write(`${line}\n`);
    },
    close() {
      peer?.destroy();
      server.close();
    },
  };
}

/** Parts are joined once per line, so that one line of many megabytes stays linear. */
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
