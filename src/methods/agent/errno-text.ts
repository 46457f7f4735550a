/** The words of libc about a failed system call, which clients of the guest agent look for. */
import { errnoOf } from "../../errors.ts";
import { errnoName } from "../../process/errno-name.ts";

/** libc's words where they differ from those of the runtime. */
const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "No such file or directory",
  EACCES: "Permission denied",
  EPERM: "Operation not permitted",
  EINVAL: "Invalid argument",
  E2BIG: "Argument list too long",
  EISDIR: "Is a directory",
  ENOTDIR: "Not a directory",
  EEXIST: "File exists",
  EBADF: "Bad file descriptor",
  EBUSY: "Device or resource busy",
  EROFS: "Read-only file system",
  ENOSPC: "No space left on device",
  EOPNOTSUPP: "Operation not supported",
  ENOTSUP: "Operation not supported",
  ENOTTY: "Inappropriate ioctl for device",
  ENODEV: "No such device",
  ENXIO: "No such device or address",
  ELOOP: "Too many levels of symbolic links",
  ENAMETOOLONG: "File name too long",
  EIO: "Input/output error",
  EMFILE: "Too many open files",
  ETXTBSY: "Text file busy",
  ENOEXEC: "Exec format error",
  ESPIPE: "Illegal seek",
  EFBIG: "File too large",
};

/** Returns the words for what a function of node:fs has thrown. */
export function errnoText(thrown: unknown): string {
  const known = WORDS[errnoOf(thrown) ?? ""];
  return known ?? (thrown instanceof Error ? thrown.message : "failed");
}

/** Returns the words for the number of an error. */
export function errnoNumberText(errno: number): string {
  return WORDS[errnoName(errno) ?? ""] ?? `Unknown error ${errno}`;
}
