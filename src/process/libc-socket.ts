/**
 * The system calls that make connections of unix sockets. Bun accepts without end, and has one error for a
 * listener with too many clients and for none.
 */
import { ptr } from "bun:ffi";
import { errnoName } from "./errno-name.ts";
import { encodeAddress, lastErrno, libc, readSocketOption } from "./libc.ts";

/**
 * Returns a listening, close-on-exec, non-blocking unix stream socket at `path`, for 256 clients that wait.
 * Throws an error with the name of the errno as its `code`.
 */
export function openListener(path: Uint8Array): number {
  const fd = libc().socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) throw systemError("socket");
  const address = encodeAddress(path);
  const failed = libc().bind(fd, ptr(address), address.length) === 0 ? undefined : "bind";
  if (failed === undefined && libc().listen(fd, MOST_WAITING) === 0) return fd;
  const error = systemError(failed ?? "listen");
  libc().close(fd);
  throw error;
}

/**
 * Connects to the unix stream socket at `path`, which has fewer bytes than `SOCKET_PATH_BYTES`, without
 * waiting. Returns a close-on-exec, non-blocking descriptor, or the name of the errno: EAGAIN if too many
 * clients wait.
 */
export function connectNow(path: Uint8Array): number | string {
  const fd = libc().socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return lastErrnoName();
  const address = encodeAddress(path);
  if (libc().connect(fd, ptr(address), address.length) === 0) return fd;
  const name = lastErrnoName();
  libc().close(fd);
  return name;
}

/** Takes over a socket that listens already. Throws an error with a `code` if it does not. */
export function reopenListener(fd: number): void {
  const answer = new Int32Array(1);
  if (!readSocketOption(fd, SO_ACCEPTCONN, answer)) throw systemError("getsockopt");
  if (answer[0] !== 1) throw Object.assign(new Error(`${fd} does not listen`), { code: "EINVAL" });
  if (libc().listen(fd, MOST_WAITING) !== 0) throw systemError("listen");
}

/**
 * Accepts one connection without waiting. Returns its close-on-exec, non-blocking descriptor; `none` if no
 * client waits, `failed` if there is no descriptor or memory for it.
 */
export function acceptNow(fd: number): number | "none" | "failed" {
  const accepted = libc().accept4(fd, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (accepted >= 0) return accepted;
  return lastErrno() === EAGAIN ? "none" : "failed";
}

function systemError(call: string): Error {
  const code = lastErrnoName();
  return Object.assign(new Error(`${call}: ${code}`), { code });
}

function lastErrnoName(): string {
  return errnoName(lastErrno()) ?? "EIO";
}

const AF_UNIX = 1;
const SOCK_STREAM = 1;
/** The same numbers on all architectures we build for (include/uapi/asm-generic/fcntl.h). */
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
/** The same number on all architectures we build for (include/uapi/asm-generic/socket.h). */
const SO_ACCEPTCONN = 30;
const EAGAIN = 11;
/**
 * A new client waits behind all of them, and one user can fill the queue. A shorter queue is full so often
 * that a client may not get in at all.
 */
const MOST_WAITING = 256;
