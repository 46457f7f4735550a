/** A directory that goes away with its user. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export type TemporaryDirectory = AsyncDisposable & {
  readonly path: string;
  /** The absolute path of a name in it. */
  at(...names: string[]): string;
  /** Writes a file and the directories above it; gives its absolute path. */
  write(name: string, text: string): Promise<string>;
};

/** A unix socket's path has at most 107 bytes, and some machines have long temporary directories. */
const LONGEST_BASE = 40;

/** Rejects when the system's directory for temporary files cannot be written. */
export async function createTemporaryDirectory(): Promise<TemporaryDirectory> {
  const base = tmpdir().length <= LONGEST_BASE ? tmpdir() : "/tmp";
  const path = await mkdtemp(join(base, "negotiator-"));
  const at = (...names: string[]): string => join(path, ...names);
  return {
    path,
    at,
    async write(name, text) {
      await mkdir(dirname(at(name)), { recursive: true });
      // Whatever the umask: what others may write to is refused in many places.
      await writeFile(at(name), text, { mode: 0o644 });
      return at(name);
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}
