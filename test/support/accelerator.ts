/**
 * Owns the choice between KVM and emulation: KVM counts as working only after it has booted the guest's
 * kernel.
 */
import { constants } from "node:fs";
import { access, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

let chosen: Promise<readonly string[]> | undefined;

/**
 * QEMU's arguments for the fastest accelerator that boots `kernel` on this machine. The verdict on KVM is
 * kept beside the kernel until this machine reboots, so that only the first test process pays for the probe.
 */
export function chooseAccelerator(kernel: string): Promise<readonly string[]> {
  chosen ??= readVerdict(kernel).then((works) => (works ? KVM : TCG));
  return chosen;
}

const KVM = ["-accel", "kvm", "-cpu", "host"] as const;
const TCG = ["-accel", "tcg", "-cpu", "max"] as const;

/**
 * A working KVM needs about 1 s. If a busy machine needs longer, the tests are emulated, which is only
 * slower.
 */
const PROBE_TIMEOUT_MS = 15_000;

async function readVerdict(kernel: string): Promise<boolean> {
  const file = join(dirname(kernel), "kvm");
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
  const [keptFor, verdict] = (await readFile(file, "utf8").catch(() => "")).split(" ");
  if (keptFor === boot.trim()) return verdict === "works";
  const works = await bootsWithKvm(kernel);
  await writeFile(file, `${boot.trim()} ${works ? "works" : "fails"}`);
  return works;
}

/**
 * Under nested hypervisors, opening /dev/kvm and even running a few instructions succeed on machines where
 * QEMU then aborts, stops with "KVM internal error", or spins without an end. So the probe boots the kernel
 * without a root device and waits for its panic, which ends QEMU because of `panic=-1` and `-no-reboot`.
 */
async function bootsWithKvm(kernel: string): Promise<boolean> {
  const isOpenable = await access("/dev/kvm", constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!isOpenable) return false;
  const machine = ["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-m", "256"];
  const system = ["-kernel", kernel, "-append", "console=ttyS0 quiet panic=-1", "-serial", "stdio"];
  const probe = Bun.spawn(
    ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", ...KVM, ...machine, ...system],
    {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
      timeout: PROBE_TIMEOUT_MS,
      killSignal: "SIGKILL",
    },
  );
  // A triple fault ends QEMU with exit code 0 as well, so the exit code alone does not prove a boot.
  return (await probe.stdout.text()).includes("Kernel panic");
}
