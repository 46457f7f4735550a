/** Writes the output of guests to the files of an open directory. */
import { createHash } from "node:crypto";
import { open, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { basename, join } from "node:path";
import { errnoOf, NegotiatorError } from "../../../errors.ts";
import { printable } from "../../../printable.ts";
import type { OutputName } from "../../../standard-output.ts";
import type { GuestSink } from "./guest-sink.ts";
import type { OutputDirectory } from "./output-directory.ts";

/** A sink with the paths of its files. */
export type FileSink = GuestSink & { readonly paths: Record<OutputName, string> };

/**
 * Creates the files of a guest in place of older ones. A link that another user has put there is replaced and
 * not followed. Rejects with `NOT_EXECUTABLE` when that fails.
 */
export async function createFileSink(directory: OutputDirectory, guest: string): Promise<FileSink> {
  const name = join(directory.path, fileNameOf(guest));
  const paths = { stdout: `${name}.stdout`, stderr: `${name}.stderr` };
  const files = {
    stdout: await create(directory, paths.stdout),
    stderr: await create(directory, paths.stderr),
  };
  return {
    paths,
    async write(stream, bytes) {
      try {
        await files[stream].writeFile(bytes);
        return true;
      } catch (thrown) {
        throw cannotWrite(paths[stream], thrown);
      }
    },
    async end() {
      await files.stdout.close();
      await files.stderr.close();
    },
  };
}

async function create({ place }: OutputDirectory, path: string): Promise<FileHandle> {
  const file = join(place, basename(path));
  try {
    await unlink(file).catch((thrown: unknown) => {
      if (errnoOf(thrown) !== "ENOENT") throw thrown;
    });
    return await open(file, "wx");
  } catch (thrown) {
    throw cannotWrite(path, thrown);
  }
}

function cannotWrite(path: string, thrown: unknown): NegotiatorError {
  return new NegotiatorError("CANCELLED", `Cannot write "${printable(path)}": ${reasonOf(thrown)}`, {
    remedy: "Make room, or name another directory: --output-dir DIRECTORY",
  });
}

function reasonOf(thrown: unknown): string {
  return errnoOf(thrown) ?? NegotiatorError.from(thrown).message;
}

/** Longest name of a file, without its ending. File systems allow 255 bytes. */
const MOST_NAME = 200;

/**
 * Returns a name for files that leads nowhere else: characters besides letters, digits and `_.+@:-` become
 * `%XX`, and so does a first dot. Different guests have different names.
 */
export function fileNameOf(guest: string): string {
  const safe = [...Buffer.from(guest)]
    .map((byte, index) => {
      const character = String.fromCharCode(byte);
      const isSafe = /[A-Za-z0-9_.+@:-]/.test(character) && !(index === 0 && character === ".");
      return isSafe ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    })
    .join("");
  if (safe.length <= MOST_NAME) return safe;
  return `${safe.slice(0, MOST_NAME)}%${createHash("sha256").update(guest).digest("hex").slice(0, 16)}`;
}
