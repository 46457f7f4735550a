/** Owns the checksum file that is released with the binaries. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

/** The name of the file, in the folder of the binaries. */
export const CHECKSUM_FILE = "SHA256SUMS";

/** Writes the checksums of all binaries in `folder`, without links, sorted by name, for `sha256sum -c`. */
export async function writeChecksums(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  await writeChecksumsOf(
    folder,
    entries.filter((entry) => entry.isFile() && BINARY.test(entry.name)).map(({ name }) => name),
  );
}

/** Writes the checksums of these files in `folder`. */
export async function writeChecksumsOf(folder: string, names: readonly string[]): Promise<void> {
  const lines: string[] = [];
  for (const name of names.toSorted()) lines.push(`${await sha256(join(folder, name))}  ${name}\n`);
  const draft = join(folder, `.${CHECKSUM_FILE}.${process.pid}`);
  await writeFile(draft, lines.join(""));
  await rename(draft, join(folder, CHECKSUM_FILE));
}

/** Removes the file before binaries change, so that it never has wrong checksums. */
export async function removeChecksums(folder: string): Promise<void> {
  await rm(join(folder, CHECKSUM_FILE), { force: true });
}

const BINARY = /^negotiator(?:-[\w-]+)?$/;

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
