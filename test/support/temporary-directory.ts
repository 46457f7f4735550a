/** Owns temporary directories. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A directory. Disposal removes it. */
export type TemporaryDirectory = AsyncDisposable & {
  readonly path: string;
  /** The absolute path of a name in it. */
  at(...names: string[]): string;
  /** Writes a file, creates its parent directories, and returns its absolute path. */
  write(name: string, text: string): Promise<string>;
};

/** A unix socket's path has at most 107 bytes, and some machines have a long TMPDIR. */
const LONGEST_BASE = 40;

/** Creates an empty directory. Rejects if the system's directory for temporary files is not writable. */
export async function createTemporaryDirectory(): Promise<TemporaryDirectory> {
  const base = tmpdir().length <= LONGEST_BASE ? tmpdir() : "/tmp";
  const path = await mkdtemp(join(base, "negotiator-"));
  const at = (...names: string[]): string => join(path, ...names);
  return {
    path,
    at,
    async write(name, text) {
      await mkdir(dirname(at(name)), { recursive: true });
      // The program rejects many files that others may write to, so the umask must not decide.
      await writeFile(at(name), text, { mode: 0o644 });
      return at(name);
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}
