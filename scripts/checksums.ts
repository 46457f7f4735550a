/** The checksum file that goes with the released binaries. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

export const CHECKSUM_FILE = "SHA256SUMS";

/** Writes the sums of all binaries in `folder` (links left out) as `sha256sum -c` reads them, sorted by name. */
export async function writeChecksums(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile() && BINARY.test(entry.name)).map(({ name }) => name);
  const lines: string[] = [];
  for (const name of names.sort()) lines.push(`${await sha256(join(folder, name))}  ${name}\n`);
  const draft = join(folder, `.${CHECKSUM_FILE}.${process.pid}`);
  await writeFile(draft, lines.join(""));
  await rename(draft, join(folder, CHECKSUM_FILE));
}

/** Takes the file away while binaries change, so that it is never wrong. */
export async function removeChecksums(folder: string): Promise<void> {
  await rm(join(folder, CHECKSUM_FILE), { force: true });
}

const BINARY = /^negotiator(?:-[\w-]+)?$/;

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
