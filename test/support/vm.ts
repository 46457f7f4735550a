/** Owns how a test gets a real guest: what it may ask for, and the way from there to a booted one. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GuestFile, writeGuestImage } from "./guest-image.ts";
import { formatMissing, vmRequirements } from "./requirements.ts";
import { VirtualMachine } from "./virtual-machine.ts";

/** What kind of guest; all but the binary may be left out. */
export interface VmOptions<Port extends string> {
  /** A glibc x86-64 executable on this machine; becomes /usr/bin/negotiator. */
  readonly binary: string;
  /** Names of the virtio-serial ports, in order; none by default. */
  readonly ports?: readonly Port[];
  /** One by default. */
  readonly cpus?: number;
  /** 512 by default. */
  readonly memoryMb?: number;
  /** Planted in the guest, by absolute path. */
  readonly files?: Readonly<Record<string, GuestFile>>;
  /** Shell lines run as root before the guest counts as booted; the first that fails ends the boot. */
  readonly init?: readonly string[];
}

/** Boots a guest and waits until it runs commands. Throws with the console when that fails. */
export async function bootVm<const Port extends string = never>(
  options: VmOptions<Port>,
): Promise<VirtualMachine<Port>> {
  const requirements = await vmRequirements();
  if (!requirements.ready) {
    throw new Error(formatMissing("a virtual machine", requirements));
  }
  const { binary, ports = [], cpus = 1, memoryMb = 512, files = {}, init = [] } = options;
  const folder = await mkdtemp(join(shortTemporaryFolder(), "vm-"));
  const initramfs = join(folder, "initramfs");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.fromEntries forgets the names of its keys
  const sockets = Object.fromEntries(
    ports.map((name, index) => [name, join(folder, `port${index}`)]),
  ) as Record<Port, string>;
  const vm = new VirtualMachine(
    { folder, kernel: requirements.parts.kernel, initramfs, cpus, memoryMb },
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

/** A unix socket's path has at most 107 bytes, and some machines have long temporary folders. */
function shortTemporaryFolder(): string {
  return tmpdir().length < 60 ? tmpdir() : "/tmp";
}
