/** Finds the program of the system that starts commands as another user, and reads why it could not. */
import type { constants } from "node:os";
import type { Ids } from "./libc-process.ts";
import { askProgram } from "./ask-program.ts";
import { findTrustedTool, listTrustedTools } from "./trusted-tool.ts";

/**
 * A program that changes the user and then becomes the command.
 *
 * - `chroot`: that of GNU coreutils, with our own root directory. It looks up no names, so it takes a quarter
 *   less time than `setpriv`. The kernel starts the command with the rights of the user.
 * - `setpriv`: that of util-linux. It keeps all capabilities until the command runs.
 */
export type UserTool = { kind: "chroot" | "setpriv"; path: string };

let found: Promise<UserTool | undefined> | undefined;

/**
 * Resolves with the quickest one that works. Undefined if there is none that root alone could have put there,
 * on a local file system: those of busybox cannot change the user.
 */
export function findUserTool(): Promise<UserTool | undefined> {
  found ??= findFirst();
  return found;
}

/** Looks for it again at the next need: it did not start. */
export function forgetUserTool(): void {
  found = undefined;
}

/** Returns a name by which to call the tool. Its messages begin with it, and no command knows this one. */
export function createToolName(): string {
  return `~negotiator-start-${crypto.randomUUID()}`;
}

/**
 * Returns whether a tool, which starts as root with the variables of the command, does the same with these.
 * Others, such as `LD_PRELOAD`, run any code in it.
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
export function toolWords(
  { kind, path }: UserTool,
  ids: Ids,
  argv: readonly string[],
): [string, ...string[]] {
  return [path, ...(kind === "chroot" ? chrootOptions(ids) : setprivOptions(ids)), ...argv];
}

/** It takes a number with a plus for an id at once. An empty list of groups is one too. */
function chrootOptions({ uid, gid, groups }: Ids): string[] {
  const user = `--userspec=${withPlus(uid)}:${withPlus(gid)}`;
  return [user, `--groups=${groups.map(withPlus).join(",")}`, "--skip-chdir", "/"];
}

function setprivOptions({ uid, gid, groups }: Ids): string[] {
  const write = groups.length > MOST_PADDED ? withPlus : padded;
  const list = groups.map(write).join(",");
  return [
    `--reuid=${write(uid)}`,
    `--regid=${write(gid)}`,
    list === "" ? "--clear-groups" : `--groups=${list}`,
    "--",
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
const TRIAL = { uid: 1_999_999_991, gid: 1_999_999_992 };
const TRIALS: readonly Ids[] = [
  { ...TRIAL, groups: [] },
  { ...TRIAL, groups: [1_999_999_993, 1_999_999_994] },
];
const MAKERS = { chroot: "GNU coreutils", setpriv: "util-linux" } as const;

async function findFirst(): Promise<UserTool | undefined> {
  const cat = findTrustedTool("cat");
  if (cat === undefined) return undefined;
  for (const kind of ["chroot", "setpriv"] as const)
    for (const path of listTrustedTools(kind)) if (await works({ kind, path }, cat)) return { kind, path };
  return undefined;
}

/** Changes the ids as a start would, and reads what the kernel says about them. */
async function works(tool: UserTool, cat: string): Promise<boolean> {
  try {
    const { outcome: version } = await askProgram([tool.path, "--version"], ASK);
    if (version === "late" || !version.stdout.includes(MAKERS[tool.kind])) return false;
    for (const ids of TRIALS) {
      const words = toolWords(tool, ids, [cat, "/proc/self/status"]);
      const { outcome } = await askProgram(words, { ...ASK, argv0: createToolName() });
      if (outcome === "late" || outcome.exitCode !== 0 || !hasIds(outcome.stdout, ids)) return false;
    }
    return true;
  } catch {
    return false;
  }
}

/** Source: proc(5), `/proc/PID/status`. The four numbers are the real, effective, saved and file ids. */
function hasIds(status: string, { uid, gid, groups }: Ids): boolean {
  const line = (name: string): string | undefined =>
    new RegExp(`^${name}:(.*)$`, "m").exec(status)?.[1]?.trim().replaceAll("\t", " ");
  const none = "0".repeat(16);
  return (
    line("Uid") === fourTimes(uid) &&
    line("Gid") === fourTimes(gid) &&
    line("Groups") === groups.join(" ") &&
    ["CapInh", "CapPrm", "CapEff", "CapAmb"].every((name) => line(name) === none)
  );
}

function fourTimes(id: number): string {
  return Array.from({ length: 4 }, () => id).join(" ");
}

/** The exit codes of the tools' own failures. */
export const TOOL_FAILURES: ReadonlySet<number | null> = new Set([1, 125, 126, 127]);

/**
 * Returns the error of a start from what a tool said, without its name: a system error such as `ENOENT` if it
 * names one. `path` is the file that it was to start.
 */
export function readToolError(said: string, path: string): Error {
  const message = said.trimEnd();
  const [, text = ""] = /: ([^:]*)$/.exec(message) ?? [];
  const isStart = [`failed to execute ${path}`, "failed to run command "].some((it) =>
    message.startsWith(it),
  );
  // A change of the user that the system refuses has EPERM; the file that may not be started has EACCES.
  const code = isStart ? ERRORS.get(text) : "EPERM";
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

/** The words of glibc and musl (strerror(3)) for the errors of execve(2). */
const ERRORS: ReadonlyMap<string, keyof typeof constants.errno> = new Map([
  ["No such file or directory", "ENOENT"],
  ["Not a directory", "ENOTDIR"],
  ["Permission denied", "EACCES"],
  ["Operation not permitted", "EPERM"],
  ["Exec format error", "ENOEXEC"],
  ["Argument list too long", "E2BIG"],
  ["Text file busy", "ETXTBSY"],
  ["Too many levels of symbolic links", "ELOOP"],
  ["Symbolic link loop", "ELOOP"],
  ["Resource temporarily unavailable", "EAGAIN"],
  ["Cannot allocate memory", "ENOMEM"],
  ["Out of memory", "ENOMEM"],
  ["Too many open files", "EMFILE"],
  ["Too many open files in system", "ENFILE"],
]);
