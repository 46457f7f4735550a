/** Owns one QEMU process: its command line, monitor and console. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { chooseAccelerator } from "./accelerator.ts";
import { within } from "./deadline.ts";
import { type LineServer, listenForLines } from "./lines.ts";
import { STEP_TIMEOUT_MS } from "./timeouts.ts";
import { listenForQmp, type Qmp } from "./qmp.ts";

/** The guest to run. All sockets and logs are in `folder`. */
export interface MachineOptions {
  readonly folder: string;
  readonly kernel: string;
  readonly initramfs: string;
  readonly cpus: number;
  readonly memoryMb: number;
  /** A disk in the format qcow2 for snapshots of the whole guest, which the guest itself does not see. */
  readonly snapshotDisk?: string;
  /** A file that gets what the guest writes to its third serial port, `/dev/ttyS2`. */
  readonly ledger?: string;
  /** The path of the unix socket for each virtio-serial port, by port name. */
  readonly sockets: Readonly<Record<string, string>>;
  /** The words before QEMU's, as of `ProcessRoom`. */
  readonly inside?: readonly string[];
  /** Gets each line from the guest's second serial port. */
  readonly receive: (line: string) => void;
}

/** A running QEMU; disposal kills it. */
export interface Machine extends AsyncDisposable {
  readonly qmp: Qmp;
  /** The guest's second serial port. */
  readonly control: LineServer;
  readonly pid: number;
  /** Settles with QEMU's exit code, 128 + N after signal N. */
  readonly exited: Promise<number>;
}

/** `no_timer_check`: a guest that stalls during boot would treat its timer as broken, and panic. */
export const KERNEL_ARGUMENTS = "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check";

/** Starts QEMU and waits for its monitor. With `incoming` it waits for a migration instead of booting. */
export async function startMachine(options: MachineOptions, incoming?: "incoming"): Promise<Machine> {
  const { folder, inside = [] } = options;
  const qmp = await listenForQmp(join(folder, "qmp"));
  const control = await listenForLines(join(folder, "control"), options.receive);
  // A killed test process disposes of nothing, so the kernel ends QEMU with it.
  const watched = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", ...(await qemuArguments(options))];
  const command = [...inside, ...watched];
  const qemu = Bun.spawn(incoming !== undefined ? [...command, "-incoming", "defer"] : command, {
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(join(folder, "qemu.log")),
  });
  const machine: Machine = {
    qmp,
    control,
    pid: qemu.pid,
    exited: qemu.exited,
    async [Symbol.asyncDispose]() {
      qemu.kill("SIGKILL");
      await qemu.exited;
      qmp.close();
      control.close();
    },
  };
  try {
    await within(
      Promise.race([qmp.ready, endOf(machine)]),
      STEP_TIMEOUT_MS,
      () => new Error("QEMU's monitor does not answer"),
    );
  } catch (cause) {
    await machine[Symbol.asyncDispose]();
    throw withConsole(`Cannot start QEMU: ${String(cause)}`, folder, cause);
  }
  return machine;
}

/** Rejects when QEMU ends. */
export async function endOf(machine: Machine): Promise<never> {
  throw new Error(`QEMU ended with exit code ${await machine.exited}`);
}

/** Returns all output of the guest's console and of QEMU so far, as plain text. */
export function readConsole(folder: string): string {
  return ["console.log", "qemu.log"].map((name) => readPlain(join(folder, name))).join("");
}

/** Returns an error that shows the last lines of the console. */
export function withConsole(message: string, folder: string, cause?: unknown): Error {
  const tail = readConsole(folder).trimEnd().split("\n").slice(-CONSOLE_TAIL_LINES).join("\n");
  return new Error(`${message}\n--- console ---\n${tail}\n--- end of console ---`, { cause });
}

const CONSOLE_TAIL_LINES = 60;

async function qemuArguments(options: MachineOptions): Promise<string[]> {
  const { folder, kernel, initramfs, cpus, memoryMb, sockets, snapshotDisk, ledger } = options;
  const disk = snapshotDisk === undefined ? [] : ["-drive", `if=none,format=qcow2,file=${snapshotDisk}`];
  const written =
    ledger === undefined
      ? []
      : ["-chardev", `file,id=ledger,path=${ledger},append=on`, "-serial", "chardev:ledger"];
  const ports = Object.entries(sockets).flatMap(([name, path], index) => [
    ["-chardev", `socket,id=port${index},path=${path},server=on,wait=off`],
    ["-device", `virtserialport,chardev=port${index},name=${name}`],
  ]);
  return [
    await chooseAccelerator(kernel),
    ["-nodefaults", "-no-user-config", "-no-reboot"],
    ["-display", "none"],
    ["-smp", String(cpus)],
    ["-m", String(memoryMb)],
    ["-kernel", kernel],
    ["-initrd", initramfs],
    ["-append", KERNEL_ARGUMENTS],
    ["-chardev", `file,id=console,path=${join(folder, "console.log")},append=on`],
    ["-serial", "chardev:console"],
    ["-chardev", `socket,id=control,path=${join(folder, "control")}`],
    ["-serial", "chardev:control"],
    written,
    ["-qmp", `unix:${join(folder, "qmp")}`],
    ["-device", "virtio-serial"],
    ...ports,
    disk,
  ].flat();
}

function readPlain(path: string): string {
  try {
    // Firmware and kernel print escape sequences.
    return stripVTControlCharacters(readFileSync(path, "utf8")).replaceAll("\r", "");
  } catch {
    return "";
  }
}
