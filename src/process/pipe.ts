/** Owns the making of real pipes for commands, which neither Bun nor node's modules offer. */
import { dlopen, ptr } from "bun:ffi";
import { NegotiatorError } from "../errors.ts";

/** Both descriptors are close-on-exec and belong to the caller. */
export type Pipe = { readFd: number; writeFd: number };

/**
 * Makes a pipe as pipe2(2) does. Bun's own "pipe" is a socket pair, and a socket cannot be opened again through
 * `/dev/stdin`, `/dev/stdout` or `/dev/stderr`: a script's `echo … >/dev/stderr` would fail with ENXIO.
 * Throws `BUSY` when no descriptors are left.
 */
export function createPipe(): Pipe {
  const ends = new Int32Array(2);
  if (openLibrary().symbols.pipe2(ptr(ends), O_CLOEXEC) !== 0) {
    throw new NegotiatorError("BUSY", "Cannot make a pipe: no more descriptors may be open", {
      remedy: "Let running commands end, or raise the limit of open files (LimitNOFILE= in the service file)",
    });
  }
  const [readFd = -1, writeFd = -1] = ends;
  return { readFd, writeFd };
}

/** The same number on all architectures we build for (include/uapi/asm-generic/fcntl.h). */
const O_CLOEXEC = 0o2000000;

let library: ReturnType<typeof loadLibrary> | undefined;

/** Loaded at the first command, so that nothing else pays for it. */
function openLibrary(): ReturnType<typeof loadLibrary> {
  library ??= loadLibrary();
  return library;
}

/** musl takes every name that starts with `libc.` for itself (ldso/dynlink.c), so glibc's name serves both. */
function loadLibrary() {
  return dlopen("libc.so.6", { pipe2: { args: ["ptr", "i32"], returns: "i32" } });
}
