/** Finds commands that are offered, but that the system would not start, and files that lack a bit for it. */
import { readdirSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { COMMAND_PATH } from "../../methods/interpreter.ts";
import { SETTINGS_ENDING } from "../../methods/command-name.ts";
import { printable } from "../../printable.ts";
import { explainFiles } from "../../process/executable-fault.ts";
import { currentMounts, walkLocally } from "../../process/mount-table.ts";
import { readHead } from "../../process/started-files.ts";
import { shellWord } from "../../shell-word.ts";
import type { User } from "../../trust/users.ts";
import { readElfHead } from "../install/elf.ts";

/** A file, why it does not run, and what helps. */
export type BrokenCommand = { path: string; problem: string; remedy: string | undefined };

const EXECUTABLE = 0o111;

/** Returns the fault of a command file. Files on other than local file systems are not looked at. */
export function findStartFault(path: string): BrokenCommand | undefined {
  const place = walkLocally(path);
  if (place?.status?.isFile() !== true) return undefined;
  const mount = currentMounts().find(place.path);
  if (mount?.options.includes("noexec") === true)
    return {
      path,
      problem: "nothing can be run on its file system, which is mounted with noexec",
      remedy: `Use another place, or mount it otherwise: mount -o remount,exec ${shellWord(mount.place)}`,
    };
  const bytes = readHead(path);
  if (bytes === undefined) return undefined;
  const head = bytes.toString("latin1");
  if (head === "")
    return { path, problem: "it is empty", remedy: `Write it, or remove it: rm ${shellWord(path)}` };
  if (head.startsWith("\u007fELF")) return findBinaryFault(path, bytes);
  const wanted = missingByEnv(head);
  if (wanted !== undefined)
    return {
      path,
      problem: `there is no program "${printable(wanted)}" in the PATH of commands, ${COMMAND_PATH}`,
      remedy: 'Install it, or write its path into the "#!" line',
    };
  const [, interpreter] = /^#![ \t]*([^ \t\n]+)/.exec(head) ?? [];
  const isThere = interpreter !== undefined && walkLocally(interpreter)?.status !== undefined;
  // The interpreter may be on a file system that hangs.
  if (isThere || (interpreter !== undefined && walkLocally(interpreter) === undefined)) return undefined;
  const { problem, remedy } = explainFiles(interpreter === undefined ? "ENOEXEC" : "ENOENT", {
    path,
    cwd: "/",
  });
  return { path, problem, remedy };
}

/** An ELF file needs this machine's kind of processor and its loader. */
function findBinaryFault(path: string, head: Buffer): BrokenCommand | undefined {
  const elf = (() => {
    try {
      return readElfHead(head, path);
    } catch {
      // A 32-bit program, or one with its loader's name further on, may run.
      return undefined;
    }
  })();
  if (elf === undefined) return undefined;
  const isForeign = elf.architecture !== process.arch;
  // The kernel may have an emulator for it (binfmt_misc).
  if (isForeign && readdirSync("/proc/sys/fs/binfmt_misc").length > 0) return undefined;
  if (isForeign)
    return {
      path,
      problem: `it was built for ${elf.architecture}, and this machine is ${process.arch}`,
      remedy: `Put a program for this machine there, or remove it: rm ${shellWord(path)}`,
    };
  const { interpreter = "/" } = elf;
  const place = walkLocally(interpreter);
  if (place === undefined || place.status !== undefined) return undefined;
  return {
    path,
    problem: `its loader ${printable(interpreter)} is missing`,
    remedy: "Install the C library for which it was built, or build it for the one of this machine",
  };
}

/** The program that `env` is to find and that is not there. Other file systems are not looked at. */
function missingByEnv(head: string): string | undefined {
  const [, name] =
    /^#![ \t]*\/\S*\/env[ \t]+(?:-S[ \t]+)?([^\s=/-][^\s=/]*)[ \t]*(?:[ \t][^\n]*)?\n/.exec(head) ?? [];
  if (name === undefined) return undefined;
  const isThere = COMMAND_PATH.split(":").some((directory) => {
    const place = walkLocally(join(directory, name));
    return place === undefined || place.status !== undefined;
  });
  return isThere ? undefined : name;
}

/** The user as which a command runs. */
type Runner = Pick<User, "uid" | "groups" | "name">;

/** Returns why that user may not run the file, by its owner and mode. Scripts must be readable too. */
export function findModeFault(path: string, { uid, groups, name }: Runner): BrokenCommand | undefined {
  const status = walkLocally(path)?.status;
  if (uid === 0 || status?.isFile() !== true) return undefined;
  const needed = readHead(path)?.subarray(0, 2).toString("latin1") === "#!" ? 0o5 : 0o1;
  const shift = status.uid === uid ? OWNER_BITS : groups.includes(status.gid) ? GROUP_BITS : 0;
  if (((status.mode >> shift) & needed) === needed) return undefined;
  const verbs = needed === 1 ? "execute" : "read and execute";
  const problem = `the user "${printable(name)}", as whom it runs, may not ${verbs} it`;
  return { path, problem, remedy: `Allow it: chmod 755 ${shellWord(path)}` };
}

const OWNER_BITS = 6;
const GROUP_BITS = 3;

/** Resolves with the settings in a directory that belong to no file there. A command may run as root then. */
export async function findLoneSettings(directory: string): Promise<string[]> {
  if (walkLocally(directory) === undefined) return [];
  const names: string[] = await readdir(directory).catch(() => []);
  const lone = names.filter(
    (name) =>
      name.endsWith(SETTINGS_ENDING) &&
      !name.startsWith(".") &&
      !names.includes(name.slice(0, -SETTINGS_ENDING.length)),
  );
  return lone.map((name) => join(directory, name));
}

/** Resolves with the scripts in a directory of commands that no user may execute. */
export async function findPlainScripts(directory: string): Promise<BrokenCommand[]> {
  if (walkLocally(directory) === undefined) return [];
  const names = await readdir(directory).catch(() => []);
  return names.flatMap((name) => {
    const path = join(directory, name);
    const status = walkLocally(path)?.status;
    if (status?.isFile() !== true || (status.mode & EXECUTABLE) !== 0) return [];
    if (readHead(path)?.subarray(0, 2).toString("latin1") !== "#!") return [];
    return [
      {
        path,
        problem: "it has no executable bit",
        remedy: `Make it executable: chmod 755 ${shellWord(path)}`,
      },
    ];
  });
}
