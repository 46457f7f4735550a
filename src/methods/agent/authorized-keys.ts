/**
 * The file of keys by which a user may log in. The user owns its directory, and can put a link, a pipe or a
 * slow file system there at any moment. So a process of that user reads and writes it, within a time, and
 * root never does.
 */
import { join } from "node:path";
import { NegotiatorError } from "../../errors.ts";
import { runText } from "../../process/run-text.ts";
import type { RunTextResult } from "../../process/run-text.ts";
import { shorten } from "../../shorten.ts";
import type { User } from "../../trust/users.ts";
import { failed } from "./agent-command.ts";
import { errnoText } from "./errno-text.ts";

type KeyOwner = Pick<User, "home" | "uid" | "gid" | "groups">;

/** Returns the lines of a user's file. Throws if there is none, unless it `may be missing`. */
export async function readKeys(owner: KeyOwner, absence?: "may be missing"): Promise<string[]> {
  const problem = (reason: string): Error => failed(`failed to read '${pathOf(owner)}': ${reason}`);
  const { exitCode, stdout, stderr } = await runAs(owner, READ, problem);
  if (exitCode === MISSING && absence !== undefined) return [];
  if (exitCode !== 0) throw problem(explain(exitCode, stderr));
  return stdout.split("\n").filter((line, index, lines) => line !== "" || index < lines.length - 1);
}

/** Writes the lines as the whole file, and makes the directory if it is missing. */
export async function writeKeys(owner: KeyOwner, lines: readonly string[]): Promise<void> {
  const problem = (reason: string): Error => failed(`failed to write '${pathOf(owner)}': ${reason}`);
  const input = lines.map((line) => `${line}\n`).join("");
  const { exitCode, stderr } = await runAs(owner, WRITE, problem, input);
  if (exitCode !== 0) throw problem(explain(exitCode, stderr));
}

const MISSING = 10;
const LINK = 11;
const NOT_A_FILE = 12;

/** `$1` is the home. Links are refused for the sake of the user: another program may have made them. */
const LOOK = `umask 077
keys=$1/.ssh/authorized_keys
if [ -L "$1/.ssh" ] || [ -L "$keys" ]; then exit ${LINK}; fi
if [ -e "$keys" ] && [ ! -f "$keys" ]; then exit ${NOT_A_FILE}; fi`;

const READ = `${LOOK}
[ -e "$keys" ] || exit ${MISSING}
exec cat -- "$keys"`;

/** The file gets its name when it is whole. `$2` is a name that no other file has. */
const WRITE = `${LOOK}
[ -d "$1/.ssh" ] || mkdir -- "$1/.ssh" || exit 1
cat >"$keys.$2" && mv -f -- "$keys.$2" "$keys" && exit 0
rm -f -- "$keys.$2"
exit 1`;

const TIMEOUT_MS = 10_000;
/** More keys than any user has. */
const OUTPUT_BYTES = 1024 * 1024;

async function runAs(
  { home, uid, gid, groups }: KeyOwner,
  script: string,
  problem: (reason: string) => Error,
  input?: string,
): Promise<RunTextResult> {
  // Only root can change to another user.
  const isOther = process.geteuid?.() === 0 && uid !== 0;
  try {
    return await runText(["/bin/sh", "-c", script, "sh", home, crypto.randomUUID()], {
      ...(isOther ? { user: { uid, gid, groups } } : {}),
      ...(input === undefined ? {} : { input }),
      timeoutMs: TIMEOUT_MS,
      outputBytes: OUTPUT_BYTES,
      environment: { LC_ALL: "C" },
      signal: new AbortController().signal,
    });
  } catch (thrown) {
    const { code } = NegotiatorError.from(thrown);
    throw problem(REASONS[code] ?? errnoText(thrown));
  }
}

const REASONS: Readonly<Record<string, string>> = {
  TIMEOUT: "Connection timed out",
  TOO_LARGE: "File too large",
};

/** The user can trace the process, and make it write what it likes. */
const REASON_LENGTH = 200;

function explain(exitCode: number | null, stderr: string): string {
  if (exitCode === MISSING) return errnoText({ code: "ENOENT" });
  if (exitCode === LINK) return errnoText({ code: "ELOOP" });
  if (exitCode === NOT_A_FILE) return errnoText({ code: "EINVAL" });
  // A program of the system ends its message with the words of libc.
  return shorten(/.*: (.+)/.exec(stderr)?.[1] ?? "Permission denied", REASON_LENGTH);
}

function pathOf({ home }: KeyOwner): string {
  return join(home, ".ssh", "authorized_keys");
}
