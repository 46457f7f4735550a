/** Owns the host's end of the control path into a guest: commands go in, exit codes and output come back (guest-image.ts has the other end). */

/** How a command ended. */
export interface GuestResult {
  /** The shell's: 128 + N after signal N, 127 when not found. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as it was, for what is not text. */
  readonly stdoutBytes: Buffer;
}

/** A command at work in the guest. */
export interface GuestProcess {
  /** Names it on the control path; it is no process number. */
  readonly id: number;
  /** Rejects when the guest ends or starts anew before the command does. */
  readonly exited: Promise<GuestResult>;
}

/** Commands in one guest, any number at a time. */
export interface GuestShell {
  /** Settles when the guest says that it takes commands, each time it boots: take it before you cause the boot. */
  booted(): Promise<void>;
  start(command: string): GuestProcess;
  /** Sends a signal to a command and all that it started in its session's group. */
  signal(process: GuestProcess, name: string): GuestProcess;
  /** Takes one line from the guest. */
  receive(line: string): void;
  /** Rejects whatever is still at work. */
  fail(error: Error): void;
}

/** `send` carries one line to the guest. */
export function createGuestShell(send: (line: string) => void): GuestShell {
  const pending = new Map<number, PromiseWithResolvers<GuestResult>>();
  let boot = Promise.withResolvers<void>();
  let lastId = 0;
  const shell: GuestShell = {
    booted: () => boot.promise,
    start(command) {
      lastId += 1;
      const result = Promise.withResolvers<GuestResult>();
      // A background command nobody waits for must not end the test run.
      result.promise.catch(() => undefined);
      pending.set(lastId, result);
      send(`${lastId} ${Buffer.from(command).toString("base64")}`);
      return { id: lastId, exited: result.promise };
    },
    signal({ id }, name) {
      const here = `/run/control/${id}`;
      // A command that was started just now may not have written its number yet.
      const begun = `while [ -d ${here} ] && [ ! -s ${here}/pid ]; do usleep 10000; done`;
      return shell.start(`${begun}; pid=$(cat ${here}/pid) && kill -${name} -$pid`);
    },
    receive(line) {
      if (line === "ready") {
        shell.fail(new Error("The guest started anew"));
        boot.resolve();
        boot = Promise.withResolvers<void>();
        return;
      }
      const [id, exitCode, stdout = "", stderr = ""] = line.split(" ");
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
