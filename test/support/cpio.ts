/**
 * Owns the "newc" cpio format that the Linux kernel reads as an initramfs
 * (Documentation/driver-api/early-userspace/buffer-format.rst).
 */
import { open, readFile } from "node:fs/promises";

/**
 * A folder, link or file in the archive. `source` is a file on this machine, `mode` has permission bits only.
 */
export type CpioEntry =
  | { readonly folder: string }
  | { readonly link: string; readonly to: string }
  | { readonly file: string; readonly text: string; readonly mode: number }
  | { readonly file: string; readonly source: string; readonly mode: number };

/**
 * Writes the entries in order to the archive at `path`. They must include parent folders: the kernel creates
 * none.
 */
export async function writeCpio(path: string, entries: readonly CpioEntry[]): Promise<void> {
  await using archive = await open(path, "w");
  let inode = 0;
  for (const entry of [...entries.map(toRecord), TRAILER]) {
    const content = await entry.content();
    inode += 1;
    const size = content.length;
    // The kernel requires header with name, and content, each padded to four bytes.
    await archive.writev([pad(Buffer.from(formatHeader(inode, entry, size))), pad(content)]);
  }
}

interface CpioRecord {
  readonly name: string;
  readonly mode: number;
  readonly content: () => Promise<Buffer>;
}

const FOLDER = 0o040000;
const FILE = 0o100000;
const LINK = 0o120000;
const TRAILER: CpioRecord = { name: "TRAILER!!!", mode: 0, content: async () => Buffer.alloc(0) };

function toRecord(entry: CpioEntry): CpioRecord {
  if ("folder" in entry) {
    return { name: relative(entry.folder), mode: FOLDER | 0o755, content: async () => Buffer.alloc(0) };
  }
  if ("link" in entry) {
    return { name: relative(entry.link), mode: LINK | 0o777, content: async () => Buffer.from(entry.to) };
  }
  const content = "text" in entry ? async () => Buffer.from(entry.text) : () => readFile(entry.source);
  return { name: relative(entry.file), mode: FILE | entry.mode, content };
}

function relative(path: string): string {
  return path.replace(/^\/+/, "");
}

function formatHeader(inode: number, { name, mode }: CpioRecord, size: number): string {
  const nameBytes = Buffer.byteLength(name) + 1;
  // inode, mode, uid, gid, links, mtime, size, device major and minor, rdev major and minor, name size,
  // checksum
  const fields = [inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, nameBytes, 0];
  return `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}${name}\0`;
}

function pad(bytes: Buffer): Buffer {
  const rest = bytes.length % 4;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - rest)]);
}
