/** Opens a directory for the output of guests, without a step that another user could turn elsewhere. */
import { constants } from "node:fs";
import { lstat, mkdir, open, readlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { resolve } from "node:path";
import { errnoOf, NegotiatorError } from "../../../errors.ts";
import { printable } from "../../../printable.ts";
import { shellWord } from "../../../shell-word.ts";
import { ourUid } from "../../../trust/ownership.ts";

/**
 * An open directory. `path` is the one that was given, for messages and results; `place` leads to the open
 * directory, also if another one has taken its path.
 */
export type OutputDirectory = AsyncDisposable & { readonly path: string; readonly place: string };

/**
 * Opens the directory, and makes it and those above it if they are missing. Rejects with `BAD_USAGE` if that
 * fails, and for a link that another user could have made or replaced: root's files would come to a place of
 * that user's choice.
 */
export async function openOutputDirectory(path: string): Promise<OutputDirectory> {
  try {
    const handle = await walk(resolve(path));
    return { path, place: placeOf(handle), [Symbol.asyncDispose]: () => handle.close() };
  } catch (thrown) {
    const problem = thrown instanceof NegotiatorError ? thrown.message : undefined;
    const reason = problem ?? errnoOf(thrown) ?? NegotiatorError.from(thrown).message;
    throw new NegotiatorError("BAD_USAGE", `Cannot use the directory "${printable(path)}": ${reason}`, {
      cause: thrown,
      ...(problem === undefined && { remedy: NAME_ANOTHER }),
    });
  }
}

const NAME_ANOTHER = "Name a directory that you may write to: --output-dir DIRECTORY";
/** Source: open(2), the same number on x86-64 and ARM64. */
const O_PATH = 0o10_000_000;
const { O_DIRECTORY, O_NOFOLLOW } = constants;
/** The kernel's own limit (path_resolution(7)). */
const MOST_LINKS = 40;
const STICKY = 0o1000;
const WRITABLE_BY_OTHERS = 0o022;

async function walk(path: string): Promise<FileHandle> {
  let here = await open("/", O_PATH | O_DIRECTORY);
  let links = 0;
  const names = path.split("/");
  try {
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      if (name === "" || name === ".") continue;
      const next = await step(here, name);
      if (typeof next !== "string") {
        await here.close();
        here = next;
        continue;
      }
      links++;
      if (links > MOST_LINKS) throw Object.assign(new Error(), { code: "ELOOP" });
      names.unshift(...next.split("/"));
      if (!next.startsWith("/")) continue;
      await here.close();
      here = await open("/", O_PATH | O_DIRECTORY);
    }
    return here;
  } catch (thrown) {
    await here.close();
    throw thrown;
  }
}

/** Resolves with the directory of that name, which is made if it is missing, or with the text of a link. */
async function step(here: FileHandle, name: string): Promise<FileHandle | string> {
  const next = `${placeOf(here)}/${name}`;
  const status = await lstat(next).catch((thrown: unknown) => {
    if (errnoOf(thrown) !== "ENOENT") throw thrown;
    return undefined;
  });
  if (status === undefined) await make(next);
  // A link that has come since is not followed, and the directory counts that is open then.
  if (status?.isSymbolicLink() !== true) return open(next, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  const way = await here.stat();
  const isOurs = [0, ourUid()].includes(status.uid) && [0, ourUid()].includes(way.uid);
  const isClosed = (way.mode & WRITABLE_BY_OTHERS) === 0 || (way.mode & STICKY) !== 0;
  const target = await readlink(next);
  if (isOurs && isClosed) return target;
  throw new NegotiatorError("BAD_USAGE", `another user can change the link "${printable(name)}" on its way`, {
    remedy: `Name the directory itself: --output-dir ${shellWord(resolve(await realPlaceOf(here), target))}`,
  });
}

async function make(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (thrown) {
    const why = errnoOf(thrown) ?? NegotiatorError.from(thrown).message;
    throw new NegotiatorError("BAD_USAGE", `it cannot be created (${why})`, { remedy: NAME_ANOTHER });
  }
}

function placeOf({ fd }: FileHandle): string {
  return `/proc/self/fd/${fd}`;
}

function realPlaceOf(handle: FileHandle): Promise<string> {
  return readlink(placeOf(handle));
}
