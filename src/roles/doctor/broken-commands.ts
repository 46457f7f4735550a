/** Finds commands that are offered, but that the system would not start, and files that lack a bit for it. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { explainFiles } from "../../process/executable-fault.ts";
import { walkLocally } from "../../process/mount-table.ts";
import { readHead } from "../../process/started-files.ts";
import { shellWord } from "../../shell-word.ts";

/** A file, why it does not run, and what helps. */
export type BrokenCommand = { path: string; problem: string; remedy: string | undefined };

const EXECUTABLE = 0o111;

/** Returns the fault of a command file. Files on other than local file systems are not looked at. */
export function findStartFault(path: string): BrokenCommand | undefined {
  if (walkLocally(path)?.status?.isFile() !== true) return undefined;
  const head = readHead(path)?.toString("latin1") ?? "";
  if (head === "" || head.startsWith("\u007fELF")) return undefined;
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
