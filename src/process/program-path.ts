/** Finds programs on the PATH without a look that may hang. */
import { join } from "node:path";
import { toolEnvironment } from "../config/config.ts";
import { askProgram } from "./ask-program.ts";
import { walkLocally } from "./mount-table.ts";

const EXECUTABLE = 0o111;
const LOOK = { timeoutMs: 2000, outputBytes: 4096 };

/**
 * Resolves with the absolute path of a program; undefined without one. Directories on local file systems come
 * first, because the others may not answer: a shell with a deadline looks there. `path` is that of our
 * environment by default.
 */
export async function findProgram(
  name: string,
  path: string = toolEnvironment()["PATH"] ?? "",
): Promise<string | undefined> {
  const candidates = name.includes("/")
    ? [name]
    : path.split(":").flatMap((directory) => (directory.startsWith("/") ? [join(directory, name)] : []));
  let isAnyFar = false;
  for (const candidate of candidates) {
    const place = walkLocally(candidate);
    isAnyFar ||= place === undefined;
    if (place?.status?.isFile() === true && (place.status.mode & EXECUTABLE) !== 0) return candidate;
  }
  if (!isAnyFar) return undefined;
  const script = 'PATH=$1; command -v -- "$2"';
  const { outcome } = await askProgram(["/bin/sh", "-c", script, "sh", path, name], LOOK);
  const found = outcome === "late" ? "" : outcome.stdout.trimEnd();
  return found.startsWith("/") ? found : undefined;
}
