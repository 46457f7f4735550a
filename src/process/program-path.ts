/** Finds programs on the PATH without a look that may hang. */
import { join } from "node:path";
import { toolEnvironment } from "../config/config.ts";
import { askProgram } from "./ask-program.ts";
import { walkLocally } from "./mount-table.ts";

const EXECUTABLE = 0o111;
const LOOK = { timeoutMs: 2000, outputBytes: 4096 };

/**
 * Returns the absolute path of a program in a directory of the PATH that is on a local file system; undefined
 * without one. Never waits. `path` is that of our environment by default.
 */
export function findLocalProgram(name: string, path: string = ourPath()): string | undefined {
  return search(name, path).found;
}

/**
 * Resolves with the absolute path of a program; undefined without one. Directories on local file systems come
 * first, because the others may not answer: a shell with a deadline looks there. `path` is that of our
 * environment by default.
 */
export async function findProgram(name: string, path: string = ourPath()): Promise<string | undefined> {
  const { found, isAnyFar } = search(name, path);
  if (found !== undefined || !isAnyFar) return found;
  const script = 'PATH=$1; command -v -- "$2"';
  const { outcome } = await askProgram(["/bin/sh", "-c", script, "sh", path, name], LOOK);
  const answer = outcome === "late" ? "" : outcome.stdout.trimEnd();
  return answer.startsWith("/") ? answer : undefined;
}

function ourPath(): string {
  return toolEnvironment()["PATH"] ?? "";
}

function search(name: string, path: string): { found: string | undefined; isAnyFar: boolean } {
  const candidates = name.includes("/")
    ? [name]
    : path.split(":").flatMap((directory) => (directory.startsWith("/") ? [join(directory, name)] : []));
  let isAnyFar = false;
  for (const candidate of candidates) {
    const place = walkLocally(candidate);
    isAnyFar ||= place === undefined;
    if (place?.status?.isFile() === true && (place.status.mode & EXECUTABLE) !== 0)
      return { found: candidate, isAnyFar };
  }
  return { found: undefined, isAnyFar };
}
