/**
 * Owns a virtual machine for tests: runs commands in it, and pauses, resets and moves it. Its errors show the
 * console.
 */
import { mkdir, rm } from "node:fs/promises";
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
import { loadState, migrateLive, saveState } from "./migration.ts";
import { STEP_TIMEOUT_MS } from "./timeouts.ts";

/** A booted guest. Its errors show the end of its console. */
export class VirtualMachine<Port extends string> implements AsyncDisposable {
  /** The path of each port's unix socket, where QEMU listens. */
  readonly sockets: Readonly<Record<Port, string>>;
  readonly #options: MachineOptions;
  readonly #shell = createGuestShell((line) => this.#running.control.send(line));
  #machine: Machine | undefined;

  /** Use `bootVm` to create it. */
  constructor(options: Omit<MachineOptions, "sockets" | "receive">, sockets: Record<Port, string>) {
    this.#options = { ...options, sockets, receive: (line) => this.#shell.receive(line) };
    this.sockets = sockets;
  }

  /** QEMU's process id, which changes with `saveAndRestore`. */
  get pid(): number {
    return this.#running.pid;
  }

  /** Settles with the present QEMU's exit code when the guest powers off or QEMU dies. */
  get exited(): Promise<number> {
    return this.#running.exited;
  }

  /** Returns the console's output so far. */
  console(): string {
    return readConsole(this.#options.folder);
  }

  /** Starts QEMU and waits for the boot; `bootVm` calls it. */
  async boot(): Promise<void> {
    const booted = this.#shell.booted();
    await this.#start();
    await this.#watch("booting", booted, STEP_TIMEOUT_MS);
    // A panic during boot should end QEMU. After the boot, a test may want a reboot.
    await this.qmp("set-action", { reboot: "reset" });
  }

  /**
   * Runs a shell line as root. A non-zero exit is a result. After a timeout it kills the command and rejects.
   */
  async run(command: string): Promise<GuestResult> {
    const process = this.spawn(command);
    return this.#watch(command, process.exited, STEP_TIMEOUT_MS, () => this.#killLate(process));
  }

  /** Starts a shell line as root and does not wait for it. */
  spawn(command: string): GuestProcess {
    try {
      return this.#shell.start(command);
    } catch (cause) {
      throw this.#failure(command, cause);
    }
  }

  /** Sends a signal, such as "TERM", to the process group of a command from `spawn`. */
  async signal(process: GuestProcess, name: string): Promise<void> {
    const { exitCode, stderr } = await this.#watch(
      `kill -${name}`,
      this.#shell.signal(process, name).exited,
      STEP_TIMEOUT_MS,
    );
    if (exitCode !== 0) {
      throw new Error(`Cannot send ${name} to command ${process.id}: ${stderr}`);
    }
  }

  /** Runs one command of QEMU's monitor and returns its `return` value. */
  async qmp(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return this.#watch(command, this.#running.qmp.command(command, args), STEP_TIMEOUT_MS);
  }

  /** Stops the guest's processors. */
  async pause(): Promise<void> {
    await this.qmp("stop");
  }

  /** Ends `pause`. */
  async resume(): Promise<void> {
    await this.qmp("cont");
  }

  /** Resets the guest and waits until it has booted again, with its first files. */
  async reset(): Promise<void> {
    const booted = this.#shell.booted();
    await this.qmp("system_reset");
    await this.#watch("booting after a reset", booted, STEP_TIMEOUT_MS);
  }

  /** Reboots the guest from inside, and waits until it has booted again, with its first files. */
  async reboot(): Promise<void> {
    const booted = this.#shell.booted();
    this.spawn("reboot -f");
    await this.#watch("rebooting", booted, STEP_TIMEOUT_MS);
  }

  /** Waits until QEMU has ended, and gives its sockets back. `boot` starts it again. */
  async ended(): Promise<void> {
    const left = this.#running;
    await within(left.exited, STEP_TIMEOUT_MS, () => new Error("QEMU does not end"));
    this.#shell.fail(new Error("The guest has ended"));
    this.#machine = undefined;
    await left[Symbol.asyncDispose]();
  }

  /**
   * Moves the running guest to a second QEMU, whose ports listen at other paths, and ends the first one.
   * The second one's own files are in `folder`.
   */
  async migrate(folder: string, sockets: Readonly<Record<Port, string>>): Promise<void> {
    await mkdir(folder, { recursive: true });
    const left = this.#running;
    const moved = await startMachine({ ...this.#options, folder, sockets }, "incoming");
    await this.#watch("migrating", migrateLive(left, moved, join(folder, "state")), STEP_TIMEOUT_MS);
    this.#adopt(moved);
    await left[Symbol.asyncDispose]();
  }

  /**
   * Saves the guest to a file, ends QEMU, and restores the guest in a new QEMU, like `virsh save` and
   * `restore`. Sockets keep their paths and lose their clients. `beforeResume` runs when the new sockets
   * listen and the guest is still stopped.
   */
  async saveAndRestore(beforeResume: () => Promise<void> = async () => undefined): Promise<void> {
    const state = join(this.#options.folder, "state");
    await this.#watch("saving", saveState(this.#running, state), STEP_TIMEOUT_MS);
    const left = this.#running;
    this.#machine = undefined;
    await left[Symbol.asyncDispose]();
    await this.#start("incoming");
    await this.qmp("set-action", { reboot: "reset" });
    await beforeResume();
    await this.#watch("restoring", loadState(this.#running, state), STEP_TIMEOUT_MS);
    await rm(state);
  }

  /** Writes a snapshot of the running guest: QEMU's `savevm`. */
  async saveSnapshot(): Promise<void> {
    await this.#monitor("savevm before");
  }

  /** Takes the guest back to its snapshot, while the hosts of its ports stay connected: QEMU's `loadvm`. */
  async loadSnapshot(): Promise<void> {
    await this.#monitor("loadvm before");
  }

  /** Runs a line of QEMU's monitor for people, which prints something only if it fails. */
  async #monitor(line: string): Promise<void> {
    const printed = await this.qmp("human-monitor-command", { "command-line": line });
    if (printed !== "") throw this.#failure(line, new Error(String(printed)));
  }

  /** Kills QEMU and removes its files. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#machine?.[Symbol.asyncDispose]();
    this.#shell.fail(new Error("The virtual machine was closed"));
    await rm(this.#options.folder, { recursive: true });
  }

  async #start(incoming?: "incoming"): Promise<void> {
    this.#adopt(await startMachine(this.#options, incoming));
  }

  #adopt(machine: Machine): void {
    this.#machine = machine;
    void endOf(machine).catch((reason: Error) => {
      // Commands of a restored guest go on when its former QEMU ends.
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

  /** Waits for `work`. Rejects with the console if it fails, QEMU ends, or the time is over. */
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

  /** Kills a late command and returns its output, which explains more than the console does. */
  async #killLate(process: GuestProcess): Promise<string> {
    this.#shell.signal(process, "KILL");
    const result = process.exited.then(({ stdout, stderr }) => `; its output:\n${stdout}${stderr}`);
    return within(result, KILL_TIMEOUT_MS, () => new Error("hangs")).catch(() => "; it cannot be killed");
  }
}

const KILL_TIMEOUT_MS = 10_000;
