/** Finds the compiled binary that a bench or an attack runs. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = join(import.meta.dir, "..");

/**
 * Returns the path of the binary `given`, or of the one in `dist/`, which it builds if it is missing. Returns
 * undefined if that is not possible, and tells `say` why.
 */
export async function findBinary(
  given: string | undefined,
  say: (line: string) => void,
): Promise<string | undefined> {
  const path = given === undefined ? join(ROOT, "dist/negotiator") : resolve(given);
  if (existsSync(path)) return path;
  if (given !== undefined) {
    say(`there is no binary "${given}"`);
    return undefined;
  }
  say("builds dist/negotiator");
  const words = [process.execPath, join(ROOT, "scripts/build-binaries.ts"), "--target", "host"];
  const child = Bun.spawn(words, { stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  return (await child.exited) === 0 ? path : undefined;
}
