/**
 * Owns the system's libvirt for tests: libvirtd runs as root and QEMU as another user. It has its own mount
 * namespace, in which its directories are empty, so that nothing of this machine's libvirt changes.
 */
import { access, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { LIBVIRT_TOOLS } from "./libvirt.ts";
import { formatMissing, vmRequirements } from "./requirements.ts";
import { runProcess } from "./program-run.ts";
import { createTemporaryDirectory } from "./temporary-directory.ts";
import { STEP_TIMEOUT_MS } from "./timeouts.ts";
import { until } from "./until.ts";

/** Disposal ends the daemon and its domains. */
export type SystemLibvirt = AsyncDisposable & {
  /** The words before those of a program that sees this libvirt. */
  readonly inside: readonly string[];
  /** The absolute path of a name in a directory that all see. */
  at(...names: string[]): string;
  /** Runs `virsh` and returns its output. Rejects with its stderr if it fails. */
  virsh(...words: string[]): Promise<string>;
  /** Defines and starts a domain without a system to boot. It has one port. */
  createDomain(name: string, port: string): Promise<void>;
  /** The path of the domain's socket now. */
  socketOf(name: string): Promise<string>;
  /** The inode of the connection that the domain's QEMU has accepted at its socket; undefined without one. */
  connectionTo(name: string): Promise<string | undefined>;
};

/** These directories are libvirt's. */
const OWN_DIRECTORIES = ["etc", "run", "var/lib", "var/log", "var/cache"];
/** libvirtd does not start without it, though its settings name another one. */
const DEFAULT_USER = "libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin";
const DEFAULT_GROUP = "libvirt-qemu:x:64055:";
const URI = "qemu:///system";
/** The state of a connection in `/proc/net/unix`. Until it is accepted, its inode is 0. */
const CONNECTED = "03";

async function succeeds(work: Promise<unknown>): Promise<boolean> {
  return await work.then(
    () => true,
    () => false,
  );
}

/** The lines of a shell that add a line to a file of accounts in this mount namespace, if the name is new. */
function addAccount(file: string, line: string): string {
  const copy = `/run/libvirt/${basename(file)}`;
  const add = `cp ${file} ${copy}; echo '${line}' >>${copy}; mount --bind ${copy} ${file}`;
  return `if ! grep -q '^libvirt-qemu:' ${file}; then ${add}; fi`;
}

/** Starts libvirtd as root, with QEMU as the user `user`. Throws if a program is missing. */
export async function startSystemLibvirt(user: string): Promise<SystemLibvirt> {
  const requirements = await vmRequirements(LIBVIRT_TOOLS);
  if (!requirements.ready) throw new Error(formatMissing("libvirt", requirements));
  await using owned = new AsyncDisposableStack();
  const directory = owned.use(await createTemporaryDirectory());
  const config = [`user = "${user}"`, 'security_driver = "none"', 'stdio_handler = "file"'].join("\n");
  await directory.write("qemu.conf", `${config}\ncgroup_controllers = []\n`);
  const script = [
    ...OWN_DIRECTORIES.map(
      (each) => `mkdir -p /${each}/libvirt; mount -t tmpfs -o mode=755 none /${each}/libvirt`,
    ),
    // If it can be opened but does not work, libvirt asks QEMU for its features again at each change.
    "if [ -e /dev/kvm ]; then mknod /run/libvirt/no-kvm c 0 0; mount --bind /run/libvirt/no-kvm /dev/kvm; fi",
    addAccount("/etc/passwd", DEFAULT_USER),
    addAccount("/etc/group", DEFAULT_GROUP),
    `cp ${directory.at("qemu.conf")} /etc/libvirt/`,
    `exec libvirtd --pid-file ${directory.at("pid")}`,
  ].join("\n");
  const daemon = Bun.spawn(["unshare", "--mount", "sh", "-ec", script], {
    cwd: "/",
    env: { PATH: process.env["PATH"] ?? "" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(directory.at("log")),
  });
  owned.defer(async () => {
    daemon.kill("SIGTERM");
    await daemon.exited;
  });
  const inside = ["nsenter", `--target=${daemon.pid}`, "--mount", "--wd=/"];
  const virsh = async (...words: string[]): Promise<string> => {
    const argv = [...inside, "virsh", "--quiet", `--connect=${URI}`, ...words];
    const { exitCode, stdout, stderr } = await runProcess(argv, {
      PATH: process.env["PATH"] ?? "",
      LC_ALL: "C",
    });
    if (exitCode !== 0) throw new Error(`virsh ${words.join(" ")} failed: ${stderr.trim()}`);
    return stdout;
  };
  const comesTo = (what: string, look: () => Promise<unknown>): Promise<boolean> =>
    until(
      what,
      async () => {
        if (daemon.exitCode !== null)
          throw new Error(`libvirtd has ended: ${await readFile(directory.at("log"), "utf8")}`);
        return await succeeds(look());
      },
      STEP_TIMEOUT_MS,
    );
  // Before that, `virsh` would ask the libvirt of this machine.
  await comesTo("libvirtd runs", () => access(directory.at("pid")));
  await comesTo("libvirtd answers", () => virsh("uri"));
  const socketOf = async (name: string): Promise<string> => {
    const [, path = ""] = /<source mode='bind' path='([^']+)'/.exec(await virsh("dumpxml", name)) ?? [];
    return path;
  };
  const life = owned.move();
  return {
    inside,
    at: (...names) => directory.at(...names),
    virsh,
    async createDomain(name, port) {
      await virsh("define", await directory.write(`${name}.xml`, domainXml(name, port)));
      life.defer(async () => void (await succeeds(virsh("destroy", name))));
      await virsh("start", name);
    },
    socketOf,
    async connectionTo(name) {
      const path = await socketOf(name);
      const lines = (await readFile("/proc/net/unix", "utf8")).split("\n").map((line) => line.split(/\s+/));
      const accepted = lines.find((line) => line[7] === path && line[5] === CONNECTED && line[6] !== "0");
      return accepted?.[6];
    },
    [Symbol.asyncDispose]: () => life.disposeAsync(),
  };
}

function domainXml(name: string, port: string): string {
  return `<domain type='qemu'>
  <name>${name}</name>
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <controller type='virtio-serial'/>
    <channel type='unix'><target type='virtio' name='${port}'/></channel>
    <memballoon model='none'/>
  </devices>
</domain>
`;
}
