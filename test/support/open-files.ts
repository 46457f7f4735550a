/** What this process has open, so that a test can tell what the code under it left behind. */
import { readdir, readlink } from "node:fs/promises";

/**
 * Notes what is open now. The function it gives lists what was opened since and is still open, one item per descriptor,
 * such as `pipe:[4711]` or `/dev/pts/3`. `kind` picks what the code under test opens: the runtime, and what earlier tests
 * left to be collected, open and close others at any time.
 */
export async function watchOpenFiles(kind: RegExp): Promise<() => Promise<string[]>> {
  const before = await listOpenFiles(kind);
  return async () => {
    const known = [...before];
    const files = await listOpenFiles(kind);
    return files.filter((file) => {
      const place = known.indexOf(file);
      if (place !== -1) known.splice(place, 1);
      return place === -1;
    });
  };
}

async function listOpenFiles(kind: RegExp): Promise<string[]> {
  const names = await readdir("/proc/self/fd");
  const files = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => "")));
  return files.filter((file) => kind.test(file));
}
