/**
 * Owns the host's end of the control path into a guest, which runs commands there (guest-image.ts has the
 * other end).
 */

/** How a command ended. */
export interface GuestResult {
  /** The shell's exit code: 128 + N after signal N, 127 if the command was not found. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as bytes. */
  readonly stdoutBytes: Buffer;
}

/** A running command in the guest. */
export interface GuestProcess {
  /** Its id on the control path, which is not a process id. */
  readonly id: number;
  /** Rejects if the guest ends or boots again before the command ends. */
  readonly exited: Promise<GuestResult>;
}

/** Runs any number of commands in one guest at a time. */
export interface GuestShell {
  /** Settles when the guest accepts commands after its next boot. Call it before you cause the boot. */
  booted(): Promise<void>;
  /** Starts a shell line as root. */
  start(command: string): GuestProcess;
  /** Sends a signal to a command and its process group. */
  signal(process: GuestProcess, name: string): GuestProcess;
  /** Handles one line from the guest. */
  receive(line: string): void;
  /** Rejects all running commands. */
  fail(error: Error): void;
}

/** Creates a shell whose `send` writes one line to the guest. */
export function createGuestShell(send: (line: string) => void): GuestShell {
  const pending = new Map<number, PromiseWithResolvers<GuestResult>>();
  let boot = Promise.withResolvers<void>();
  let lastId = 0;
  const shell: GuestShell = {
    booted: () => boot.promise,
    start(command) {
      lastId += 1;
      const result = Promise.withResolvers<GuestResult>();
      // An unhandled rejection of a background command would end the test run.
      result.promise.catch(() => undefined);
      pending.set(lastId, result);
      send(`${lastId} ${Buffer.from(command).toString("base64")}`);
      return { id: lastId, exited: result.promise };
    },
    signal({ id }, name) {
      const here = `/run/control/${id}`;
      // A new command may not have written its process id yet.
      const begun = `while [ -d ${here} ] && [ ! -s ${here}/pid ]; do usleep 10000; done`;
      return shell.start(`${begun}; pid=$(cat ${here}/pid) && kill -${name} -$pid`);
    },
    receive(line) {
      if (line === "ready") {
        shell.fail(new Error("The guest booted again"));
        boot.resolve();
        boot = Promise.withResolvers<void>();
        return;
      }
      const [id, exitCode = "", stdout = "", stderr = ""] = line.split(" ");
      // A reset can tear a line.
      if (!/^\d+$/.test(exitCode)) return;
      pending.get(Number(id))?.resolve(toResult(Number(exitCode), stdout, stderr));
      pending.delete(Number(id));
    },
    fail(error) {
      for (const { reject } of pending.values()) {
        reject(error);
      }
      pending.clear();
    },
  };
  return shell;
}

function toResult(exitCode: number, stdout: string, stderr: string): GuestResult {
  const stdoutBytes = Buffer.from(stdout, "base64");
  return {
    exitCode,
    stdout: stdoutBytes.toString(),
    stderr: Buffer.from(stderr, "base64").toString(),
    stdoutBytes,
  };
}
