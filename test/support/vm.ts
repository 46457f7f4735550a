/** Boots virtual machines for tests. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GuestFile, writeGuestImage } from "./guest-image.ts";
import { formatMissing, vmRequirements } from "./requirements.ts";
import type { Tool } from "./requirements.ts";
import { runProcess } from "./program-run.ts";
import { VirtualMachine } from "./virtual-machine.ts";

/** The guest to boot; only the binary is required. */
export interface VmOptions<Port extends string> {
  /** A glibc x86-64 executable on this machine; becomes /usr/bin/negotiator. */
  readonly binary: string;
  /** The names of the virtio-serial ports in order; none by default. */
  readonly ports?: readonly Port[];
  /** The number of processors, 1 by default. */
  readonly cpus?: number;
  /** The memory in MiB, 512 by default. */
  readonly memoryMb?: number;
  /** Files to add, by absolute path. */
  readonly files?: Readonly<Record<string, GuestFile>>;
  /** Shell lines that run as root during boot. The first line that fails ends the boot. */
  readonly init?: readonly string[];
  /** Lets the guest write to a file on this machine, through `/dev/ttyS2`: its absolute path. */
  readonly ledger?: string;
  /** The words before QEMU's, as of `ProcessRoom`. */
  readonly inside?: readonly string[];
  /** Gives QEMU a disk for `saveSnapshot` and `loadSnapshot`; needs the tools of `SNAPSHOT_TOOLS`. */
  readonly hasSnapshots?: boolean;
}

/** The programs that snapshots need besides QEMU. */
export const SNAPSHOT_TOOLS: readonly Tool[] = [{ program: "qemu-img", package: "qemu-utils" }];

/** Boots a guest and waits until it runs commands. Throws with the console if the boot fails. */
export async function bootVm<const Port extends string = never>(
  options: VmOptions<Port>,
): Promise<VirtualMachine<Port>> {
  const requirements = await vmRequirements(options.hasSnapshots === true ? SNAPSHOT_TOOLS : undefined);
  if (!requirements.ready) {
    throw new Error(formatMissing("a virtual machine", requirements));
  }
  const { binary, ports = [], cpus = 1, memoryMb = 512, files = {}, init = [], inside = [] } = options;
  const folder = await mkdtemp(join(shortTemporaryFolder(), "vm-"));
  const initramfs = join(folder, "initramfs");
  const disk = options.hasSnapshots === true ? { snapshotDisk: await createDisk(folder) } : {};
  const written = options.ledger === undefined ? {} : { ledger: options.ledger };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- fromEntries has no key names
  const sockets = Object.fromEntries(
    ports.map((name, index) => [name, join(folder, `port${index}`)]),
  ) as Record<Port, string>;
  const vm = new VirtualMachine(
    { folder, kernel: requirements.parts.kernel, initramfs, cpus, memoryMb, inside, ...disk, ...written },
    sockets,
  );
  try {
    await writeGuestImage(initramfs, requirements.parts, { binary, files, init });
    await vm.boot();
  } catch (error) {
    await vm[Symbol.asyncDispose]();
    throw error;
  }
  return vm;
}

/** The guest's memory goes into the file, which grows with it. */
async function createDisk(folder: string): Promise<string> {
  const disk = join(folder, "snapshots.qcow2");
  const words = ["qemu-img", "create", "-q", "-f", "qcow2", disk, "1M"];
  const { exitCode, stderr } = await runProcess(words, { PATH: process.env["PATH"] ?? "" });
  if (exitCode !== 0) throw new Error(`Cannot create "${disk}": ${stderr}`);
  return disk;
}

/**
 * Returns a short folder: a unix socket's path has at most 107 bytes, and some machines have a long TMPDIR.
 */
function shortTemporaryFolder(): string {
  return tmpdir().length < 60 ? tmpdir() : "/tmp";
}
