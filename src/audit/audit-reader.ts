/** Reads an audit file with its rotated files, oldest line first, and goes on over a rotation. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readSync } from "node:fs";
import { basename, dirname } from "node:path";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { printable } from "../printable.ts";

/** A line without its end, and where it is. `text` is undefined for a line that is too long to be one. */
export type FoundLine = { text: string | undefined; path: string; number: number };

/** Where to begin: the oldest file with lines since a time in ms, or only the file that is written now. */
export type ReadFrom = { sinceMs: number } | "current";

/** Disposing closes the file. */
export type AuditReader = Disposable & {
  /**
   * Yields the lines that are there now, up to the end of the file that is written. Called again, it goes on
   * with the lines that have come since. With `isLast` the start of a line at the end is a line too. Throws
   * `DENIED` for a user who may not read a file.
   */
  lines: (isLast: boolean) => Generator<FoundLine, void, undefined>;
};

/** Returns the reader of `path`; files that do not exist have no lines. Keeps 64 KiB and one line. */
export function createAuditReader(path: string, from: ReadFrom): AuditReader {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let file: ReadFile | undefined;
  const close = (): void => {
    if (file !== undefined) closeSync(file.descriptor);
    file = undefined;
  };

  function* lines(isLast: boolean): Generator<FoundLine, void, undefined> {
    file ??= openNext(path, from, undefined);
    while (file !== undefined) {
      const isNamed = isFileAt(path, file);
      for (let bytes = readInto(chunk, file); bytes > 0; bytes = readInto(chunk, file))
        yield* split(chunk.subarray(0, bytes), file);
      // A rotated file gets no more lines.
      if (file.rest.length > 0 && (isLast || !isNamed)) yield found(file, file.rest);
      if (isNamed) return;
      const next = openNext(path, "next", file);
      if (next === undefined) return;
      close();
      file = next;
    }
  }
  return { lines, [Symbol.dispose]: close };
}

type ReadFile = {
  descriptor: number;
  device: number;
  inode: number;
  path: string;
  position: number;
  lines: number;
  /** The start of a line whose end is not there yet. */
  rest: Buffer;
  /** Whether that line is too long, so that its bytes are dropped. */
  isDropping: boolean;
};

const CHUNK_BYTES = 64 * 1024;
/** Our lines have at most 16 KiB; those of other programs may be longer. */
const MOST_LINE_BYTES = 1024 * 1024;
const LINE_END = 10;
const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/**
 * Opens the file after `last`, or the first one. An open file keeps its inode, so it is found again under its
 * new name. If it is gone, all older ones are gone too, because the oldest one is removed first.
 */
function openNext(path: string, from: ReadFrom | "next", last: ReadFile | undefined): ReadFile | undefined {
  const files = listFiles(path);
  const index = last === undefined ? -1 : files.findIndex((name) => isFileAt(name, last));
  for (const name of from === "current" ? files.slice(-1) : files.slice(index + 1)) {
    if (typeof from === "object" && isOlder(name, from.sinceMs)) continue;
    const opened = openFile(name);
    if (opened !== undefined) return opened;
  }
  return undefined;
}

/** Returns the existing files, oldest first: the highest number, down to the one without a number. */
function listFiles(path: string): string[] {
  const name = basename(path);
  const numbers = readNames(dirname(path)).flatMap((other) => {
    const number = other.startsWith(`${name}.`) ? other.slice(name.length + 1) : "";
    return /^[1-9]\d{0,5}$/.test(number) ? [Number(number)] : [];
  });
  return [...numbers.toSorted((one, other) => other - one).map((number) => `${path}.${number}`), path];
}

function readNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return [];
    throw cannotRead(`directory of the audit "${printable(directory)}"`, thrown);
  }
}

function openFile(path: string): ReadFile | undefined {
  try {
    // Without O_NONBLOCK, opening a pipe would wait.
    const descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const status = fstatSync(descriptor);
    const { dev: device, ino: inode } = status;
    const opened = { device, inode, path, position: 0, lines: 0, rest: Buffer.alloc(0), isDropping: false };
    if (status.isFile()) return { descriptor, ...opened };
    closeSync(descriptor);
    throw new Error("it is not a regular file");
  } catch (thrown) {
    // It was removed or renamed between the look at the directory and now.
    if (errnoOf(thrown) === "ENOENT") return undefined;
    throw cannotRead(`audit file "${printable(path)}"`, thrown);
  }
}

function isOlder(path: string, sinceMs: number): boolean {
  const status = lstatSync(path, { throwIfNoEntry: false });
  return status !== undefined && status.mtimeMs < sinceMs;
}

function isFileAt(path: string, { device, inode }: ReadFile): boolean {
  const named = lstatSync(path, { throwIfNoEntry: false });
  return named?.ino === inode && named.dev === device;
}

function readInto(chunk: Buffer, file: ReadFile): number {
  // Another program may have emptied the file.
  if (fstatSync(file.descriptor).size < file.position)
    Object.assign(file, { position: 0, lines: 0, rest: Buffer.alloc(0), isDropping: false });
  const bytes = readSync(file.descriptor, chunk, 0, chunk.length, file.position);
  file.position += bytes;
  return bytes;
}

function* split(bytes: Buffer, file: ReadFile): Generator<FoundLine, void, undefined> {
  let start = 0;
  for (let end = bytes.indexOf(LINE_END); end !== -1; end = bytes.indexOf(LINE_END, start)) {
    const tail = bytes.subarray(start, end);
    yield found(file, file.rest.length === 0 ? tail : Buffer.concat([file.rest, tail]));
    start = end + 1;
  }
  if (start === bytes.length || file.isDropping) return;
  file.isDropping = file.rest.length + bytes.length - start > MOST_LINE_BYTES;
  file.rest = file.isDropping ? Buffer.alloc(0) : Buffer.concat([file.rest, bytes.subarray(start)]);
}

/** Returns the line, and forgets its start. */
function found(file: ReadFile, line: Buffer): FoundLine {
  file.lines++;
  const text = file.isDropping ? undefined : line.toString("utf8");
  file.rest = Buffer.alloc(0);
  file.isDropping = false;
  return { text, path: file.path, number: file.lines };
}

/** Source: open(2). */
const CONDITIONS: Readonly<Record<string, string>> = {
  EACCES: "this user may not read it",
  EPERM: "this user may not read it",
  ELOOP: "it is a symbolic link",
};

/** `what` names the file or directory. */
function cannotRead(what: string, thrown: unknown): NegotiatorError {
  const errno = errnoOf(thrown) ?? "";
  const condition = CONDITIONS[errno] ?? NegotiatorError.from(thrown).message;
  const isDenied = errno === "EACCES" || errno === "EPERM";
  return new NegotiatorError(isDenied ? "DENIED" : "BAD_CONFIG", `Cannot read the ${what}: ${condition}`, {
    remedy: isDenied ? "Read it as root, with sudo" : "Correct it, or the setting audit.file",
    cause: thrown,
  });
}
