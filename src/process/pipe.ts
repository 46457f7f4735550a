/** Makes real pipes for commands. */
import { NegotiatorError } from "../errors.ts";
import { openPipe } from "./libc.ts";

/** Both descriptors are close-on-exec; the caller closes them. */
export type Pipe = { readFd: number; writeFd: number };

/**
 * Makes a pipe. Bun's own "pipe" is a socket pair, and a socket cannot be opened again through `/dev/stdin`,
 * `/dev/stdout` or `/dev/stderr`: a script's `echo … >/dev/stderr` would fail with ENXIO. Throws `BUSY` when
 * no descriptors are left.
 */
export function createPipe(): Pipe {
  const ends = openPipe();
  if (ends === undefined) {
    throw new NegotiatorError("BUSY", "Cannot make a pipe: too many open descriptors", {
      remedy: "Wait for running commands, or raise LimitNOFILE= in the service file",
    });
  }
  const [readFd, writeFd] = ends;
  return { readFd, writeFd };
}
