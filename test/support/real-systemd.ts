/**
 * Owns a real systemd for tests, in separate namespaces: it has the files of this machine as an overlay,
 * other devices and cgroups, and no network. It cannot change settings of the kernel. Units of a test should
 * have `DefaultDependencies=no`, so that it starts no others.
 */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { runProcess } from "./program-run.ts";
import type { ProgramRun } from "./program-run.ts";
import { createTemporaryDirectory } from "./temporary-directory.ts";
import { until } from "./until.ts";

const SYSTEMD = "/lib/systemd/systemd";
const TARGET = "test.target";
/** Without dependencies, nothing of this machine is started. */
const TARGET_UNIT = "[Unit]\nDescription=A test\nDefaultDependencies=no\nAllowIsolate=yes\n";
const ENTER = ["--mount", "--pid", "--cgroup", "--uts", "--ipc", "--net", "--root", "--wd"];

/**
 * Words: the directory of the overlay, the shared directory, the directory of the units. The upper layer is
 * in memory, because an overlay cannot be one of another.
 */
const START = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"; mkdir "$1/upper" "$1/work" "$1/root"; root=$1/root
mount -t overlay overlay -o lowerdir=/,upperdir="$1/upper",workdir="$1/work" "$root"
mkdir -p "$root$2"; mount --bind "$2" "$root$2"
mount -t proc proc "$root/proc"; mount -t sysfs -o ro sysfs "$root/sys"
mount --bind "$root/proc/sys" "$root/proc/sys"; mount -o remount,ro,bind "$root/proc/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"; mount -t tmpfs -o mode=755 tmpfs "$root/run"
while read -r name number; do mknod -m 666 "$root/dev/$name" c 1 "$number"; done <<END
null 3
zero 5
full 7
random 8
urandom 9
END
: >"$root/dev/console"; : >"$root/etc/machine-id"
rm -rf "$root/etc/systemd/system"; mkdir "$root/etc/systemd/system"; cp -r "$3"/* "$root/etc/systemd/system"
cd "$root"; mkdir -p before; pivot_root . before; umount -l /before
exec env -i container=docker PATH=/usr/sbin:/usr/bin:/sbin:/bin ${SYSTEMD} --system --unit=${TARGET}`;

/** A running systemd. Disposal ends it with all its processes. */
export type RealSystemd = AsyncDisposable & {
  /** The words before those of a program that is to run there. */
  readonly inside: readonly string[];
  /** Runs a program there to its end. */
  run: (...words: string[]) => Promise<ProgramRun>;
};

/** Whether this machine and user can have one: tries it. Prints why not. */
export async function canHaveSystemd(): Promise<boolean> {
  try {
    if (process.getuid?.() !== 0) throw new Error("not root");
    if (!existsSync(SYSTEMD)) throw new Error(`there is no ${SYSTEMD}`);
    await using directory = await createTemporaryDirectory();
    await using shared = await createTemporaryDirectory();
    await using _ = await startSystemd({ directory: directory.path, shared: shared.path, units: {} });
    return true;
  } catch (thrown) {
    console.warn(`Left out: a real systemd: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    return false;
  }
}

/**
 * Starts systemd with these units, by their file names. `directory` is empty; `shared` is there too, with the
 * same files.
 */
export async function startSystemd(options: {
  directory: string;
  shared: string;
  units: Readonly<Record<string, string>>;
}): Promise<RealSystemd> {
  const { directory, shared, units } = options;
  const at = (name: string): string => `${directory}/${name}`;
  for (const [name, text] of Object.entries({ ...units, [TARGET]: TARGET_UNIT }))
    await Bun.write(at(`units/${name}`), text);
  await mkdir(at("overlay"));
  const kinds = ["--mount", "--pid", "--cgroup", "--uts", "--ipc", "--net", "--fork", "--kill-child"];
  const words = ["unshare", ...kinds, "sh", "-c", START, "sh", at("overlay"), shared, at("units")];
  const child = Bun.spawn(words, {
    stdin: "ignore",
    stdout: Bun.file(at("log")),
    stderr: Bun.file(at("log")),
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
  };
  try {
    const says = async (): Promise<string> => await Bun.file(at("log")).text();
    const pid = await until("unshare has a child", async () => {
      if (child.exitCode !== null) throw new Error(`systemd does not start: ${await says()}`);
      const { stdout } = await runProcess(["ps", "-o", "pid=,comm=", "--ppid", String(child.pid)]);
      return /(\d+) systemd\n/.exec(stdout)?.[1];
    });
    const inside = ["nsenter", "--target", pid, ...ENTER];
    const run = (...line: string[]): Promise<ProgramRun> => runProcess([...inside, ...line]);
    await until("systemd runs", async () => {
      const { stdout } = await run("systemctl", "is-system-running");
      return ["running\n", "degraded\n"].includes(stdout);
    });
    return { inside, run, [Symbol.asyncDispose]: stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}
