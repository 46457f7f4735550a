/** Owns the choice between KVM and emulation: only a guest that really ran counts as "KVM works". */
import { constants } from "node:fs";
import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

let chosen: Promise<readonly string[]> | undefined;

/** QEMU's arguments for the fastest accelerator that works on this machine; probed once per process. */
export function chooseAccelerator(): Promise<readonly string[]> {
  chosen ??= kvmRuns().then((runs) => (runs ? KVM : TCG));
  return chosen;
}

const KVM = ["-accel", "kvm", "-cpu", "host"] as const;
const TCG = ["-accel", "tcg", "-cpu", "max"] as const;

/** A firmware of 64 KiB whose reset vector says `mov al,1; out 0xf4,al; hlt` to QEMU's isa-debug-exit device. */
const PROBE = {
  bytes: 0x10000,
  resetVector: 0xfff0,
  code: [0xb0, 0x01, 0xe6, 0xf4, 0xf4],
  exitCode: 3,
  timeoutMs: 3000,
};

/**
 * Opening /dev/kvm, and even KVM_CREATE_VM, succeed on machines where QEMU then aborts on a missing MSR or the
 * guest never takes a step (seen under nested hypervisors), so the probe lets a guest execute three instructions.
 */
async function kvmRuns(): Promise<boolean> {
  const openable = await access("/dev/kvm", constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!openable) {
    return false;
  }
  const folder = await mkdtemp(join(tmpdir(), "kvm-"));
  try {
    const firmware = Buffer.alloc(PROBE.bytes);
    firmware.set(PROBE.code, PROBE.resetVector);
    const path = join(folder, "firmware");
    await writeFile(path, firmware);
    const probe = Bun.spawn(
      ["qemu-system-x86_64", ...KVM, "-nodefaults", "-display", "none", "-bios", path].concat([
        "-device",
        "isa-debug-exit,iobase=0xf4,iosize=1",
      ]),
      {
        stdin: "ignore",
        stdout: "ignore",
        stderr: "ignore",
        timeout: PROBE.timeoutMs,
        killSignal: "SIGKILL",
      },
    );
    return (await probe.exited) === PROBE.exitCode;
  } finally {
    await rm(folder, { recursive: true });
  }
}
