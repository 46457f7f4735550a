/** Makes real pipes for commands, and pairs of sockets. */
import { NegotiatorError } from "../errors.ts";
import { openPipe, openSocketPair } from "./libc.ts";

/** Both descriptors are close-on-exec; the caller closes them. */
export type Pipe = { readFd: number; writeFd: number };

/**
 * Makes a pipe. Bun's own "pipe" is a socket pair, and a socket cannot be opened again through `/dev/stdin`,
 * `/dev/stdout` or `/dev/stderr`: a script's `echo … >/dev/stderr` would fail with ENXIO. Throws `BUSY` when
 * no descriptors are left.
 */
export function createPipe(): Pipe {
  const [readFd, writeFd] = openPipe() ?? refuse("a pipe");
  return { readFd, writeFd };
}

/** Makes two connected sockets: both are close-on-exec. Throws as `createPipe`. */
export function createSocketPair(): { ourFd: number; theirFd: number } {
  const [ourFd, theirFd] = openSocketPair() ?? refuse("a pair of sockets");
  return { ourFd, theirFd };
}

function refuse(what: string): never {
  throw new NegotiatorError("BUSY", `Cannot make ${what}: too many open descriptors`, {
    remedy: "Wait for running commands, or raise LimitNOFILE= in the service file",
  });
}
