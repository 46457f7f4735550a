/** Writes tar archives, byte by byte the same for the same files. Pure. */
import { createHash } from "node:crypto";
import { NegotiatorError } from "../../src/errors.ts";
import type { PackageFile } from "./package-files.ts";

/**
 * - `seconds`: the time of all files, since 1970.
 * - `hasDigests`: each file and link has its SHA-1, as an Alpine package needs it.
 * - `isOpenEnd`: the archive has no end mark, so that another one can follow.
 */
export type TarOptions = { seconds: number; hasDigests?: boolean; isOpenEnd?: boolean };

/**
 * Returns a tar archive in the format of POSIX.1-2001 (pax). All files belong to root. GNU tar could do it,
 * with the exception of the digests: they need a pax header for each file.
 */
export function tarArchive(
  files: readonly PackageFile[],
  { seconds, hasDigests = false, isOpenEnd = false }: TarOptions,
): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (const file of files) {
    const content = contentOf(file);
    const digest = "bytes" in file ? file.bytes : "to" in file ? Buffer.from(file.to) : undefined;
    if (hasDigests && digest !== undefined) {
      const hex = createHash("sha1").update(digest).digest("hex");
      const record = paxRecord("APK-TOOLS.checksum.SHA1", hex);
      blocks.push(header({ name: "pax", type: "x", size: record.length, mode: 0o644, seconds }), pad(record));
    }
    const type = "to" in file ? "2" : "isDirectory" in file ? "5" : "0";
    const mode = "to" in file ? 0o777 : file.mode;
    const name = "isDirectory" in file ? `${file.path}/` : file.path;
    const link = "to" in file ? { link: file.to } : {};
    blocks.push(header({ name, type, size: content.length, mode, seconds, ...link }), pad(content));
  }
  if (!isOpenEnd) blocks.push(new Uint8Array(2 * BLOCK));
  return Buffer.concat(blocks);
}

const BLOCK = 512;

type Header = { name: string; type: string; size: number; mode: number; seconds: number; link?: string };

function contentOf(file: PackageFile): Uint8Array {
  return "bytes" in file ? file.bytes : new Uint8Array();
}

/** Offsets of the fields: ustar in pax(1), POSIX.1-2001. */
function header({ name, type, size, mode, seconds, link = "" }: Header): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  if (Buffer.byteLength(name) > 100 || Buffer.byteLength(link) > 100)
    throw new NegotiatorError("TOO_LARGE", `Cannot write "${name}" to a tar archive: its path is too long`);
  block.write(name, 0);
  octal(block, mode, { at: 100, width: 8 });
  octal(block, 0, { at: 108, width: 8 });
  octal(block, 0, { at: 116, width: 8 });
  octal(block, size, { at: 124, width: 12 });
  octal(block, seconds, { at: 136, width: 12 });
  block.fill(" ", 148, 156);
  block.write(type, 156);
  block.write(link, 157);
  block.write("ustar\u000000", 257);
  block.write("root", 265);
  block.write("root", 297);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\u0000 `, 148);
  return block;
}

function octal(block: Buffer, value: number, { at, width }: { at: number; width: number }): void {
  block.write(`${value.toString(8).padStart(width - 1, "0")}\u0000`, at);
}

function pad(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, new Uint8Array((BLOCK - (bytes.length % BLOCK)) % BLOCK)]);
}

/** A pax record begins with its own length, this number included. */
function paxRecord(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length++;
  return Buffer.from(`${length}${rest}`);
}
