/**
 * Owns a separate libvirt for tests: a session daemon of an unprivileged user, with all files in one
 * directory.
 */
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createGuestShell } from "./guest-shell.ts";
import type { GuestProcess, GuestResult } from "./guest-shell.ts";
import { writeGuestImage } from "./guest-image.ts";
import type { GuestFile } from "./guest-image.ts";
import { listenForLines } from "./lines.ts";
import { KERNEL_ARGUMENTS } from "./machine.ts";
import { STEP_TIMEOUT_MS } from "./timeouts.ts";
import { formatMissing, vmRequirements } from "./requirements.ts";
import type { Tool } from "./requirements.ts";
import { runProcess } from "./program-run.ts";
import { until } from "./until.ts";
import { within } from "./deadline.ts";

/** The programs that libvirt's tests need besides QEMU. libvirt-daemon may come without its QEMU driver. */
export const LIBVIRT_TOOLS: readonly Tool[] = [
  { program: "libvirtd", package: "libvirt-daemon" },
  { program: "libvirtd", package: "libvirt-daemon-driver-qemu" },
  { program: "virsh", package: "libvirt-clients" },
];

/** Disposal ends the daemon and its domains. */
export type Libvirt = AsyncDisposable & {
  /** The connection URI, for every user who may open the socket, such as root. */
  readonly uri: string;
  /** The absolute path of a name in the directory that libvirt's user may write to. */
  at(...names: string[]): string;
  /** Runs `virsh` and returns its output. Rejects with its stderr if it fails. */
  virsh(...words: string[]): Promise<string>;
  /** Stops libvirtd. Its domains go on. */
  stop(): Promise<void>;
  /** Starts libvirtd again, and waits until it answers. */
  start(): Promise<void>;
  /** Defines a domain. */
  createDomain(options: DomainOptions): Promise<LibvirtDomain>;
};

/** `channels` are port names; libvirt chooses the paths of their sockets. `disk` is the file of a disk. */
export type DomainOptions = { name: string; channels: readonly string[]; disk?: string | undefined };

/** A guest of libvirt. Disposal destroys it. */
export type LibvirtDomain = AsyncDisposable & {
  readonly name: string;
  /** Boots it and waits until it runs commands. */
  start(): Promise<void>;
  /** Runs a shell line as root in the guest. Rejects after a timeout. */
  run(command: string): Promise<GuestResult>;
  /** Starts a shell line as root and does not wait for it. */
  spawn(command: string): GuestProcess;
};

/** The user of libvirtd and of its QEMUs. */
export const LIBVIRT_UID = 65534;
/**
 * Without virtlogd, cgroups and a security driver: they would change more of the machine than a test should.
 */
const QEMU_CONFIG = 'security_driver = "none"\nstdio_handler = "file"\n';

/** Starts libvirtd. All its guests contain `binary` and `files`. Throws if a program is missing. */
export async function startLibvirt(options: {
  binary: string;
  files: Readonly<Record<string, GuestFile>>;
}): Promise<Libvirt> {
  const requirements = await vmRequirements(LIBVIRT_TOOLS);
  if (!requirements.ready) throw new Error(formatMissing("libvirt", requirements));
  await using owned = new AsyncDisposableStack();
  // A socket's path has at most 107 bytes, and libvirt adds about 70.
  const directory = await mkdtemp("/tmp/lv-");
  owned.defer(() => rm(directory, { recursive: true, force: true }));
  const at = (...names: string[]): string => join(directory, ...names);
  await chmod(directory, 0o755);
  await mkdir(at("libvirt"));
  await writeFile(at("libvirt/qemu.conf"), QEMU_CONFIG);
  for (const path of [directory, at("libvirt")]) await chown(path, LIBVIRT_UID, LIBVIRT_UID);
  const kernel = at("kernel");
  await Bun.write(kernel, Bun.file(requirements.parts.kernel));
  const initramfs = at("initramfs");
  await writeGuestImage(initramfs, requirements.parts, { ...options, init: [] });
  for (const path of [kernel, initramfs]) await chmod(path, 0o644);

  const identity = [`--reuid=${LIBVIRT_UID}`, `--regid=${LIBVIRT_UID}`, "--clear-groups", "--pdeathsig=KILL"];
  const uri = `qemu:///session?socket=${at("libvirt/libvirt-sock")}`;
  const virsh = (...words: string[]): Promise<string> => runVirsh(uri, words);
  const start = async (): Promise<Bun.Subprocess> => {
    const started = Bun.spawn(["setpriv", ...identity, "libvirtd"], {
      cwd: "/",
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: directory,
        XDG_RUNTIME_DIR: directory,
        XDG_CONFIG_HOME: directory,
        XDG_CACHE_HOME: directory,
        XDG_DATA_HOME: directory,
      },
      stdin: "ignore",
      stdout: "ignore",
      stderr: Bun.file(at("libvirtd.log")),
    });
    await until(
      "libvirtd answers",
      () =>
        virsh("uri").then(
          () => true,
          () => false,
        ),
      STEP_TIMEOUT_MS,
    );
    return started;
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    daemon.kill(signal);
    await daemon.exited;
  };
  let daemon = await start();
  owned.defer(() => end("SIGKILL"));
  const life = owned.move();
  return {
    uri,
    at,
    virsh,
    stop: () => end("SIGTERM"),
    async start() {
      daemon = await start();
    },
    async createDomain(domain) {
      const created = await createDomain(domain, { at, virsh, kernel, initramfs });
      life.use(created);
      return created;
    },
    [Symbol.asyncDispose]: () => life.disposeAsync(),
  };
}

type Home = Pick<Libvirt, "at" | "virsh"> & { kernel: string; initramfs: string };

async function createDomain({ name, channels, disk }: DomainOptions, home: Home): Promise<LibvirtDomain> {
  const { at, virsh } = home;
  const control = at(`control-${Bun.hash(name)}`);
  const shell = createGuestShell((line) => server.send(line));
  const server = await listenForLines(control, (line) => shell.receive(line));
  await chmod(control, 0o666);
  const file = at(`domain-${Bun.hash(name)}.xml`);
  await writeFile(file, domainXml({ name, channels, disk }, { ...home, control }));
  await virsh("define", file);
  return {
    name,
    async start() {
      const booted = shell.booted();
      await virsh("start", name);
      await within(booted, STEP_TIMEOUT_MS, () => new Error(`The domain "${name}" does not boot`));
    },
    run(command) {
      const { exited } = shell.start(command);
      return within(exited, STEP_TIMEOUT_MS, () => new Error(`In "${name}", "${command}" does not end`));
    },
    spawn: (command) => shell.start(command),
    async [Symbol.asyncDispose]() {
      await virsh("destroy", name).catch(() => undefined);
      shell.fail(new Error("The domain was destroyed"));
      server.close();
    },
  };
}

async function runVirsh(uri: string, words: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runProcess(["virsh", "--quiet", `--connect=${uri}`, ...words], {
    PATH: process.env["PATH"] ?? "",
    LC_ALL: "C",
  });
  if (exitCode !== 0) throw new Error(`virsh ${words.join(" ")} failed: ${stderr.trim()}`);
  return stdout;
}

/** Formats a port for `virsh attach-device`. */
export function channelXml(port: string): string {
  return `<channel type='unix'><target type='virtio' name='${port}'/></channel>`;
}

function diskXml(file: string): string {
  const driver = "<driver name='qemu' type='raw'/>";
  return `<disk type='file'>${driver}<source file='${file}'/><target dev='vda' bus='virtio'/></disk>`;
}

function domainXml(
  { name, channels, disk }: DomainOptions,
  { kernel, initramfs, control }: Pick<Home, "kernel" | "initramfs"> & { control: string },
): string {
  return `<domain type='qemu'>
  <name>${name}</name>
  <memory unit='MiB'>512</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>${kernel}</kernel>
    <initrd>${initramfs}</initrd>
    <cmdline>${KERNEL_ARGUMENTS}</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='maximum'/>
  <devices>
    <serial type='file'><source path='${control}.console'/></serial>
    <serial type='unix'><source mode='connect' path='${control}'/></serial>
    <controller type='virtio-serial'/>
    ${channels.map(channelXml).join("\n    ")}
    ${disk === undefined ? "" : diskXml(disk)}
    <memballoon model='none'/>
  </devices>
</domain>
`;
}
