/** Owns a guest in a test's hands: commands inside, the monitor outside, pauses, resets, moves; every failure shows the console. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { within } from "./deadline.ts";
import { createGuestShell, type GuestProcess, type GuestResult } from "./guest-shell.ts";
import {
  endOf,
  type Machine,
  type MachineOptions,
  readConsole,
  startMachine,
  withConsole,
} from "./machine.ts";
import { loadState, saveState } from "./migration.ts";
import { STEP_PATIENCE_MS } from "./patience.ts";

/** A booted guest. An error that comes from it shows the end of its console. */
export class VirtualMachine<Port extends string> implements AsyncDisposable {
  /** The unix socket of each port on this machine; QEMU listens there. */
  readonly sockets: Readonly<Record<Port, string>>;
  readonly #options: MachineOptions;
  readonly #shell = createGuestShell((line) => this.#running.control.send(line));
  #machine: Machine | undefined;

  /** `bootVm` makes it. */
  constructor(options: Omit<MachineOptions, "sockets" | "receive">, sockets: Record<Port, string>) {
    this.#options = { ...options, sockets, receive: (line) => this.#shell.receive(line) };
    this.sockets = sockets;
  }

  /** QEMU's process id; another one after `saveAndRestore`. */
  get pid(): number {
    return this.#running.pid;
  }

  /** Settles with QEMU's exit code when the guest powers off, or QEMU dies; of the present QEMU, as `pid`. */
  get exited(): Promise<number> {
    return this.#running.exited;
  }

  /** What the console said so far. */
  console(): string {
    return readConsole(this.#options.folder);
  }

  /** Starts QEMU; `bootVm` has done it. */
  async boot(): Promise<void> {
    const booted = this.#shell.booted();
    await this.#start();
    await this.#watch("booting", booted, STEP_PATIENCE_MS);
    // Until here a panic should end QEMU; from here on a reboot may be the test's own wish.
    await this.qmp("set-action", { reboot: "reset" });
  }

  /** Runs a line of shell as root. A non-zero exit is a result; what takes far too long is killed, and this rejects. */
  async run(command: string): Promise<GuestResult> {
    const process = this.spawn(command);
    return this.#watch(command, process.exited, STEP_PATIENCE_MS, () => this.#killLate(process));
  }

  /** Starts a line of shell as root and does not wait for it. */
  spawn(command: string): GuestProcess {
    try {
      return this.#shell.start(command);
    } catch (cause) {
      throw this.#failure(command, cause);
    }
  }

  /** Sends a signal, such as "TERM", to a command that `spawn` started and to its process group. */
  async signal(process: GuestProcess, name: string): Promise<void> {
    const { exitCode, stderr } = await this.#watch(
      `kill -${name}`,
      this.#shell.signal(process, name).exited,
      STEP_PATIENCE_MS,
    );
    if (exitCode !== 0) {
      throw new Error(`Cannot send ${name} to command ${process.id}: ${stderr}`);
    }
  }

  /** One command of QEMU's monitor protocol; gives its `return` value. */
  async qmp(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return this.#watch(command, this.#running.qmp.command(command, args), STEP_PATIENCE_MS);
  }

  /** Stops the guest's processors. */
  async pause(): Promise<void> {
    await this.qmp("stop");
  }

  /** Ends `pause`. */
  async resume(): Promise<void> {
    await this.qmp("cont");
  }

  /** Presses the reset button and waits until the guest, as it was planted first, has booted again. */
  async reset(): Promise<void> {
    const booted = this.#shell.booted();
    await this.qmp("system_reset");
    await this.#watch("booting after a reset", booted, STEP_PATIENCE_MS);
  }

  /**
   * Saves the guest to a file, ends QEMU, and lets a new QEMU go on, as `virsh save` and `restore` do. Sockets keep
   * their paths and lose their clients. `beforeResume` runs while the new sockets listen and the guest still stands still.
   */
  async saveAndRestore(beforeResume: () => Promise<void> = async () => undefined): Promise<void> {
    const state = join(this.#options.folder, "state");
    await this.#watch("saving", saveState(this.#running, state), STEP_PATIENCE_MS);
    const left = this.#running;
    this.#machine = undefined;
    await left[Symbol.asyncDispose]();
    await this.#start("incoming");
    await this.qmp("set-action", { reboot: "reset" });
    await beforeResume();
    await this.#watch("restoring", loadState(this.#running, state), STEP_PATIENCE_MS);
    await rm(state);
  }

  /** Kills QEMU and removes all that it left. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#machine?.[Symbol.asyncDispose]();
    this.#shell.fail(new Error("The VM is gone"));
    await rm(this.#options.folder, { recursive: true });
  }

  async #start(incoming?: "incoming"): Promise<void> {
    const machine = await startMachine(this.#options, incoming);
    this.#machine = machine;
    void endOf(machine).catch((reason: Error) => {
      // A machine that was left behind takes no command down with it.
      if (this.#machine === machine) {
        this.#shell.fail(reason);
      }
    });
  }

  get #running(): Machine {
    if (this.#machine === undefined) {
      throw new Error("QEMU has not been started");
    }
    return this.#machine;
  }

  /** Waits with an eye on QEMU and on the clock; every failure comes with the console. */
  async #watch<T>(what: string, work: Promise<T>, timeoutMs: number, whenLate = async () => ""): Promise<T> {
    const late = new Error(`not done after ${timeoutMs} ms`);
    try {
      return await within(Promise.race([work, endOf(this.#running)]), timeoutMs, () => late);
    } catch (cause) {
      const more = cause === late ? await whenLate() : "";
      throw this.#failure(what, cause, more);
    }
  }

  #failure(what: string, cause: unknown, more = ""): Error {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return withConsole(
      `In the VM, ${JSON.stringify(what)} failed: ${reason}${more}`,
      this.#options.folder,
      cause,
    );
  }

  /** What a killed command had said tells more than the console; a guest that hangs says nothing. */
  async #killLate(process: GuestProcess): Promise<string> {
    this.#shell.signal(process, "KILL");
    const result = process.exited.then(({ stdout, stderr }) => `; it had printed:\n${stdout}${stderr}`);
    return within(result, KILL_TIMEOUT_MS, () => new Error("hangs")).catch(() => "; it cannot be killed");
  }
}

const KILL_TIMEOUT_MS = 10_000;
