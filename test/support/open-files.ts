/** Finds descriptors that the code under test opened and did not close. */
import { readdir, readlink } from "node:fs/promises";

/**
 * Records the open descriptors. The returned function lists those that were opened since and are still open,
 * such as `pipe:[4711]` or `/dev/pts/3`. `kind` selects the files of the code under test: the runtime and the
 * garbage of earlier tests open and close other files at any time.
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
