/** A made-up /proc with QEMU processes, which leads to real programs and sockets. */
import { chmod, mkdir, symlink } from "node:fs/promises";
import { createQemuFinder } from "../../../src/discovery/qemu/qemu.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";
import { OWN_PORTS } from "../endpoint-sample.ts";

/** The port by default. */
export const PORT = "negotiator-host-to-guest.0";
/** Our user. */
export const SELF = process.geteuid?.() ?? 0;

/** The process to add. By default it is one of ours, in our namespaces. */
export type MadeUpProcess = {
  exe?: string;
  uids?: number[];
  root?: string;
  cwd?: string;
  parent?: number;
  startTicks?: number;
  namespaces?: Record<string, string>;
  /** The directory of the file system that is its root directory. */
  rootMount?: string;
};

/** Returns a list of mounts (proc_pid_mountinfo(5)). */
function mountsWith(root = "/"): string {
  return `1 0 8:1 ${root} / rw - ext4 /dev/a rw\n2 1 0:5 / /tmp rw - tmpfs none rw\n`;
}

/** The start of each process by default. */
export const START = 1000;

/** Puts the links of the namespaces of `pid` into the made-up /proc. */
async function addNamespaces(
  directory: TemporaryDirectory,
  pid: number | string,
  namespaces: Record<string, string>,
): Promise<void> {
  await mkdir(directory.at(`proc/${pid}/ns`), { recursive: true });
  for (const [kind, number] of Object.entries({ user: "1", pid: "1", mnt: "1", ...namespaces }))
    await symlink(`${kind}:[${number}]`, directory.at(`proc/${pid}/ns/${kind}`));
}

/** Adds a process to the made-up /proc. */
export async function addProcess(
  directory: TemporaryDirectory,
  pid: number,
  argv: string[],
  options: MadeUpProcess = {},
): Promise<void> {
  const { exe = directory.at("bin/qemu-system-x86_64"), uids = [SELF, SELF, SELF, SELF] } = options;
  const { root = "/", cwd, parent = 1, startTicks = START } = options;
  const times = [parent, ...Array<number>(17).fill(0), startTicks];
  await directory.write(`proc/${pid}/stat`, `${pid} (q) S x) S ${times.join(" ")} 0`);
  await addNamespaces(directory, pid, options.namespaces ?? {});
  await directory.write(`proc/${pid}/mountinfo`, mountsWith(options.rootMount));
  await directory.write(`proc/${pid}/cmdline`, ["qemu", ...argv, ""].join("\0"));
  await directory.write(`proc/${pid}/status`, `Name:\tqemu\nUid:\t${uids.join("\t")}\nGid:\t0\t0\t0\t0\n`);
  await symlink(exe, directory.at(`proc/${pid}/exe`));
  await symlink(root, directory.at(`proc/${pid}/root`));
  await symlink(cwd ?? directory.path, directory.at(`proc/${pid}/cwd`));
}

/** Returns the command line of a QEMU with one port. */
export function words(path: string, name?: string, port = PORT): string[] {
  const escaped = path.replaceAll(",", ",,");
  return [
    ...(name === undefined ? [] : ["-name", `guest=${name},debug-threads=on`]),
    "-chardev",
    `socket,id=c0,path=${escaped},server=on,wait=off`,
    "-device",
    `virtserialport,chardev=c0,name=${port}`,
  ];
}

/** Creates a host without processes, and a socket at `path`. */
export async function createHost() {
  const directory = await createTemporaryDirectory();
  await mkdir(directory.at("proc"));
  await mkdir(directory.at("run"));
  await addNamespaces(directory, "self", {});
  await directory.write("proc/self/mountinfo", mountsWith());
  await symlink("/", directory.at("proc/self/root"));
  for (const name of ["qemu-system-x86_64", "qemu-system-aarch64", "qemu-kvm"])
    await chmod(await directory.write(`bin/${name}`, ""), 0o755);
  const path = directory.at("run", "s,1");
  const listener = Bun.listen({ unix: path, socket: { data() {} } });
  const find = (trustedUids?: number[], ports = OWN_PORTS) =>
    createQemuFinder({ ports, procDirectory: directory.at("proc"), ...(trustedUids && { trustedUids }) })(
      new AbortController().signal,
    );
  return {
    directory,
    path,
    find,
    async [Symbol.asyncDispose]() {
      listener.stop(true);
      await directory[Symbol.asyncDispose]();
    },
  };
}
