/** Reads trusted files, such as the config, after a check that no other user could have written them. */
import { lstatSync, statSync } from "node:fs";
import type { Stats } from "node:fs";
import { resolve } from "node:path";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { decodeFile } from "./file-text.ts";
import { Elsewhere } from "./look.ts";
import type { Eyes, Looks } from "./look.ts";
import { ourUid } from "./ownership.ts";
import { judgeFile, judgeNow, judgePath } from "./path-trust.ts";
import { printable } from "../printable.ts";
import { shellWord } from "../shell-word.ts";

/**
 * Returns the text of a regular file, or undefined if nothing is there. `/dev/null` is an empty file. What is
 * read is the file that was judged: the open descriptor is compared with it.
 *
 * Throws `BAD_CONFIG` if the file cannot be read, has more than `mostBytes`, is not UTF-8 or is not a regular
 * file, and if another user than root and ours could write or replace it. Throws as `looks` do.
 */
export function readTrustedFile(path: string, mostBytes = MOST_BYTES, looks?: Looks): string | undefined {
  if (path === "") return undefined;
  for (let tries = 1; ; tries++) {
    try {
      return judgeNow((eyes) => readJudgedFile(path, eyes, mostBytes), looks);
    } catch (thrown) {
      if (thrown instanceof Elsewhere) throw thrown;
      const isChanging = thrown instanceof NegotiatorError && thrown.code === "BUSY";
      if (!isChanging || tries === MOST_TRIES) throw unreadable(path, thrown);
    }
  }
}

/** Far more than a config or a policy needs. A file that grows could have no end. */
const MOST_BYTES = 1024 * 1024;

/** A file may be replaced while it is read. */
const MOST_TRIES = 10;

/** Linux's number of /dev/null: 1, 3. */
const NULL_DEVICE = 0x103;

function readJudgedFile(path: string, eyes: Eyes, mostBytes: number): string | undefined {
  const uid = ourUid();
  const { fault: wayFault, place, status } = judgePath(resolve(path), { uid, groups: "own" }, eyes);
  if (wayFault !== undefined) throw unusable(path, wayFault.problem, wayFault.remedy);
  if (status === undefined) return explainMissing(path);
  if (status.isCharacterDevice() && status.rdev === NULL_DEVICE) return "";
  if (!status.isFile()) throw notRegular(path, status);
  const fault = judgeFile(place, status, uid, eyes);
  if (fault !== undefined) throw unusable(path, fault.problem, fault.remedy);
  if (status.size > mostBytes) throw unusable(path, `it has more than ${mostBytes} bytes`);
  return decodeFile(eyes.contentOf(place, mostBytes), path);
}

/** Returns undefined if nothing is there; throws for anything that leads to nothing we can use. */
function explainMissing(path: string): undefined {
  try {
    // A descriptor of a shell, such as `<(…)`, is a link that only the kernel can follow.
    throw notRegular(path, statSync(path));
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") throw thrown;
    // The link was made on purpose, so a missing target is an error and not an absent file.
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return undefined;
    throw new Error("it is a symbolic link that leads nowhere", { cause: thrown });
  }
}

function notRegular(path: string, status: Stats): NegotiatorError {
  if (status.isDirectory()) return unreadable(path, Object.assign(new Error(), { code: "EISDIR" }));
  const kind = status.isFIFO()
    ? "a pipe"
    : status.isSocket()
      ? "a socket"
      : status.isFile()
        ? "a file without a name"
        : "a device";
  return unusable(
    path,
    `it is ${kind}, not a regular file`,
    "Write the text into a file, and name that file",
  );
}

function unusable(path: string, problem: string, remedy?: string): NegotiatorError {
  const message = `Cannot use the file "${printable(path)}": ${problem}`;
  return new NegotiatorError("BAD_CONFIG", message, remedy === undefined ? {} : { remedy });
}

function unreadable(path: string, thrown: unknown): NegotiatorError {
  const isLoop = thrown instanceof NegotiatorError && errnoOf(thrown.cause) === "ELOOP";
  if (thrown instanceof NegotiatorError && !isLoop) return thrown;
  const condition =
    CONDITIONS.get(isLoop ? "ELOOP" : (errnoOf(thrown) ?? "")) ?? NegotiatorError.from(thrown).message;
  const message = `Cannot read the file "${path}": ${condition}`;
  return new NegotiatorError("BAD_CONFIG", printable(message), {
    cause: thrown,
    remedy: errnoOf(thrown) === "EISDIR" ? NAME_FILE : `Look at it: ls -ld ${shellWord(path)}`,
  });
}

const NAME_FILE = "Name the file in it, such as DIRECTORY/negotiator.toml";

/** Source: open(2), read(2). */
const CONDITIONS: ReadonlyMap<string, string> = new Map([
  ["EACCES", "this user may not read it"],
  ["EIO", "its disk has an error"],
  ["EISDIR", "it is a directory"],
  ["ELOOP", "its symbolic links form a loop"],
  ["ENAMETOOLONG", "the path is too long"],
  ["ENOTDIR", "a part of the path is not a directory"],
]);
