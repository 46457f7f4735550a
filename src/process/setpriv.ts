/** Finds util-linux' `setpriv`, which starts commands for other users; and reads why it could not. */
import type { constants } from "node:os";
import type { Ids } from "./libc-process.ts";
import { askProgram } from "./ask-program.ts";
import { listTrustedTools } from "./trusted-tool.ts";

let found: Promise<string | undefined> | undefined;

/**
 * Resolves with the path of `setpriv`. Undefined if there is none that root alone could have put there, on a
 * local file system, with the options of util-linux: busybox has a `setpriv` that cannot change the user.
 */
export function findSetpriv(): Promise<string | undefined> {
  found ??= findFirst();
  return found;
}

/** Looks for it again at the next need: it did not start. */
export function forgetSetpriv(): void {
  found = undefined;
}

/**
 * Returns whether `setpriv`, which starts as root with the variables of the command, does the same with
 * these. Others, such as `LD_PRELOAD`, run any code in it.
 */
export function isHarmless(env: Readonly<Record<string, string>>): boolean {
  return Object.entries(env).every(
    ([name, value]) =>
      HARMLESS.has(name) || name.startsWith("NEGOTIATOR_") || (LOCALES.has(name) && !value.includes("/")),
  );
}

/** It looks for the program nowhere, because that has an absolute path. */
const HARMLESS = new Set(["HOME", "LOGNAME", "PATH", "SHELL", "USER"]);
/** A path would be that of a file with texts. */
const LOCALES = new Set(["LANG", "LC_ALL"]);

/** Returns the words that change the user and start `argv`. */
export function setprivWords(path: string, ids: Ids, argv: readonly string[]): [string, ...string[]] {
  return [path, ...optionsFor(ids), "--", ...argv];
}

function optionsFor({ uid, gid, groups }: Ids): string[] {
  const write = groups.length > MOST_PADDED ? withPlus : padded;
  const list = groups.map(write).join(",");
  return [
    `--reuid=${write(uid)}`,
    `--regid=${write(gid)}`,
    list === "" ? "--clear-groups" : `--groups=${list}`,
  ];
}

/**
 * `setpriv` looks for a user of that name first. No name has so many digits. A system with systemd refuses
 * names of digits without a search, which takes as many system calls as all the rest for any other name.
 */
function padded(id: number): string {
  return String(id).padStart(DIGITS, "0");
}

/** A longer list of padded numbers would not fit into one word. */
function withPlus(id: number): string {
  return `+${id}`;
}

/** Names have at most 32 characters (useradd(8)). */
const DIGITS = 33;
const MOST_PADDED = 1000;

const ASK = { timeoutMs: 2000, outputBytes: 65_536 };
/** Ids that no system gives to a user: a trial must not depend on the users of this machine. */
const TRIAL: Ids = { uid: 1_999_999_991, gid: 1_999_999_992, groups: [1_999_999_993, 1_999_999_994] };

async function findFirst(): Promise<string | undefined> {
  for (const path of listTrustedTools("setpriv")) if (await works(path)) return path;
  return undefined;
}

/** Changes the ids of a trial as a start would, and lets it print them. */
async function works(path: string): Promise<boolean> {
  try {
    const { outcome: version } = await askProgram([path, "--version"], ASK);
    if (version === "late" || !version.stdout.includes("util-linux")) return false;
    const { outcome } = await askProgram(setprivWords(path, TRIAL, [path, "--dump"]), ASK);
    if (outcome === "late" || outcome.exitCode !== 0) return false;
    const { uid, gid, groups } = TRIAL;
    const has = (line: RegExp): boolean => line.test(outcome.stdout);
    return (
      has(new RegExp(`^euid: ${uid}$`, "m")) &&
      has(new RegExp(`^egid: ${gid}$`, "m")) &&
      has(new RegExp(`^Supplementary groups: ${groups.join(",")}$`, "m"))
    );
  } catch {
    return false;
  }
}

/**
 * Returns the error of a start from what `setpriv` said, without its name: a system error such as `ENOENT`
 * if it names one. `path` is the file that it was to start.
 */
export function readSetprivError(said: string, path: string): Error {
  const message = said.trimEnd();
  const [, text = ""] = /: ([^:]*)$/.exec(message) ?? [];
  const isStart = message.startsWith(`failed to execute ${path}`);
  // A change of the user that the system refuses has EPERM; the file that may not be started has EACCES.
  const code = isStart ? ERRORS[text] : "EPERM";
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

/** The words of glibc and musl (strerror(3)) for the errors of execve(2). */
const ERRORS: Readonly<Record<string, keyof typeof constants.errno>> = {
  "No such file or directory": "ENOENT",
  "Not a directory": "ENOTDIR",
  "Permission denied": "EACCES",
  "Operation not permitted": "EPERM",
  "Exec format error": "ENOEXEC",
  "Argument list too long": "E2BIG",
  "Text file busy": "ETXTBSY",
  "Too many levels of symbolic links": "ELOOP",
  "Symbolic link loop": "ELOOP",
  "Resource temporarily unavailable": "EAGAIN",
  "Cannot allocate memory": "ENOMEM",
  "Out of memory": "ENOMEM",
  "Too many open files": "EMFILE",
  "Too many open files in system": "ENFILE",
};
