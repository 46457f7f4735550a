/**
 * The file of keys by which a user may log in. The user owns its directory, so everything in it is taken as
 * possibly changed in this moment: no link is followed there, and the owner is set on what is open.
 */
import { chown, lstat, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../../errors.ts";
import type { User } from "../../trust/users.ts";
import { failed } from "./agent-command.ts";
import { errnoText } from "./errno-text.ts";

type KeyOwner = Pick<User, "home" | "uid" | "gid">;

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

/** Returns the lines of a user's file. Throws if there is none, unless it `may be missing`. */
export async function readKeys({ home }: KeyOwner, absence?: "may be missing"): Promise<string[]> {
  const path = pathOf(home);
  try {
    await refuseLinks(home);
    const content = await readFile(path, "utf8");
    return content.split("\n").filter((line, index, lines) => line !== "" || index < lines.length - 1);
  } catch (thrown) {
    if (absence !== undefined && errnoOf(thrown) === "ENOENT") return [];
    throw failed(`failed to read '${path}': ${errnoText(thrown)}`);
  }
}

/** Writes the lines as the whole file, and makes the directory if it is missing. */
export async function writeKeys({ home, uid, gid }: KeyOwner, lines: readonly string[]): Promise<void> {
  const path = pathOf(home);
  const directory = join(home, ".ssh");
  // Only root can give a file away.
  const isOurs = process.geteuid?.() !== 0;
  const fresh = `${path}.${crypto.randomUUID()}`;
  try {
    await refuseLinks(home);
    if (await made(directory)) if (!isOurs) await chown(directory, uid, gid);
    await writeFile(fresh, lines.map((line) => `${line}\n`).join(""), { mode: FILE_MODE, flag: "wx" });
    if (!isOurs) await chown(fresh, uid, gid);
    await rename(fresh, path);
  } catch (thrown) {
    await rm(fresh, { force: true }).catch(() => undefined);
    throw failed(`failed to write '${path}': ${errnoText(thrown)}`);
  }
}

function pathOf(home: string): string {
  return join(home, ".ssh", "authorized_keys");
}

/** Root must not read or write elsewhere because a user has put a link in place of the directory or file. */
async function refuseLinks(home: string): Promise<void> {
  for (const path of [join(home, ".ssh"), pathOf(home)]) {
    const facts = await lstat(path).catch(() => undefined);
    if (facts?.isSymbolicLink() === true)
      throw Object.assign(new Error("it is a symbolic link"), { code: "ELOOP" });
  }
}

async function made(directory: string): Promise<boolean> {
  try {
    await mkdir(directory, { mode: DIRECTORY_MODE });
    return true;
  } catch (thrown) {
    if (errnoOf(thrown) === "EEXIST") return false;
    throw thrown;
  }
}
