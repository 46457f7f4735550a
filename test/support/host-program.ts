/** Owns the compiled program on this machine: command lines and daemons, with their own config and files. */
import { chmod } from "node:fs/promises";
import { askStatus } from "../../src/roles/host/ask-status.ts";
import type { GuestStatus } from "../../src/roles/host/status.ts";
import { within } from "./deadline.ts";
import { CALL_TIMEOUT_SECONDS, STEP_TIMEOUT_MS } from "./timeouts.ts";
import { until } from "./until.ts";
import { createTemporaryDirectory } from "./temporary-directory.ts";

/** How one command line ended. */
export type ProgramRun = { exitCode: number; stdout: string; stderr: string; stdoutBytes: Buffer };

/** A running command line. Disposal kills it. */
export type StartedProgram = AsyncDisposable & {
  readonly pid: number;
  readonly exited: Promise<ProgramRun>;
  /** Its output so far. */
  stdout(): string;
  stderr(): string;
  /** Waits until `isSeen` is true of its standard output. Throws with its stderr if it ends before. */
  prints(what: string, isSeen: (stdout: string) => boolean, timeoutMs?: number): Promise<void>;
  /** Writes to its standard input, which is "pipe". Throws with its stderr if it has ended. */
  write(text: string): Promise<void>;
  /** Ends its standard input. */
  end(): Promise<void>;
  signal(name: NodeJS.Signals): void;
};

/** An installation of the program in a temporary directory. */
export type HostProgram = AsyncDisposable & {
  /** The absolute path of a name in the program's directory. */
  at(...names: string[]): string;
  /** Runs one command line, such as `["host", "status"]`. Rejects after a timeout. */
  run(words: readonly string[], input?: Uint8Array | string): Promise<ProgramRun>;
  /** Starts one command line. With `"pipe"` the test writes its input. */
  start(words: readonly string[], input?: "pipe" | Uint8Array): StartedProgram;
  /** Starts the host's daemon and waits until it serves local users. */
  startDaemon(words?: readonly string[]): Promise<StartedProgram>;
  /** The status of a guest in the daemon, undefined if it does not know the guest. */
  guest(name: string): Promise<GuestStatus | undefined>;
};

/**
 * `inside`: the words before the program's, as of `ProcessRoom`. `commands`: shell scripts by name.
 * `config`: more TOML tables. `host`: more lines of the table `[host]`.
 */
export type HostProgramOptions = {
  binary: string;
  inside?: readonly string[];
  commands?: Readonly<Record<string, string>>;
  host?: string;
  config?: string;
};

const DEADLINES = `connectTimeoutSeconds = ${CALL_TIMEOUT_SECONDS}\ndrainSeconds = ${CALL_TIMEOUT_SECONDS}`;

/** Writes the program's files; a policy allows everything. */
export async function createHostProgram(options: HostProgramOptions): Promise<HostProgram> {
  const { binary, inside = [], commands = {}, host = "", config = "" } = options;
  const directory = await createTemporaryDirectory();
  const at = (...names: string[]): string => directory.at(...names);
  for (const [name, text] of Object.entries(commands))
    await chmod(await directory.write(`commands/${name}`, text), 0o755);
  await directory.write("policy.toml", '[[rules]]\naction = "allow"\n');
  const file = await directory.write(
    "negotiator.toml",
    [
      DEADLINES,
      `commandsDirectory = ["${at("commands")}"]`,
      `policyFile = "${at("policy.toml")}"`,
      `audit.file = "${at("audit.jsonl")}"`,
      `[host]\ncontrol = "${at("host.sock")}"\n${host}`,
      config,
    ].join("\n"),
  );

  const start: HostProgram["start"] = (words, input) => {
    const child = Bun.spawn([...inside, binary, ...words], {
      env: { PATH: process.env["PATH"] ?? "", NEGOTIATOR_CONFIG: file },
      stdin: input ?? "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const stdin = typeof child.stdin === "object" ? child.stdin : undefined;
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    const exited = (async (): Promise<ProgramRun> => {
      const [exitCode] = await Promise.all([child.exited, stdout.ended, stderr.ended]);
      const stdoutBytes = stdout.bytes();
      return { exitCode, stdout: stdoutBytes.toString(), stderr: stderr.bytes().toString(), stdoutBytes };
    })();
    const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
    const failEnded = async (what: string): Promise<never> => {
      const { exitCode, stderr: printed } = await exited;
      throw new Error(`"${words.join(" ")}" ended with ${exitCode} before ${what}; its stderr: ${printed}`);
    };
    return {
      pid: child.pid,
      exited,
      stdout: () => stdout.bytes().toString(),
      stderr: () => stderr.bytes().toString(),
      signal: (name) => child.kill(name),
      async prints(what, isSeen, timeoutMs = STEP_TIMEOUT_MS) {
        const look = (): boolean => isSeen(stdout.bytes().toString());
        await until(what, () => look() || hasEnded(), timeoutMs);
        // The last output may come after the exit code.
        if (hasEnded()) await stdout.ended;
        if (!look()) await failEnded(what);
      },
      async write(text) {
        try {
          await stdin?.write(text);
          await stdin?.flush();
        } catch {
          await failEnded("it read its input");
        }
      },
      async end() {
        await stdin?.end();
      },
      async [Symbol.asyncDispose]() {
        child.kill("SIGKILL");
        await child.exited;
      },
    };
  };

  return {
    at,
    start,
    async run(words, input) {
      await using program = start(words, typeof input === "string" ? Buffer.from(input) : input);
      const late = (): Error =>
        new Error(`"${words.join(" ")}" does not end; its stderr: ${program.stderr()}`);
      return await within(program.exited, STEP_TIMEOUT_MS, late);
    },
    async startDaemon(words = []) {
      const daemon = start(["host", "daemon", ...words]);
      await until("the host's daemon serves local users", () =>
        daemon.stderr().includes("Serving local users"),
      );
      return daemon;
    },
    guest: async (name) => (await askStatus(at("host.sock")))?.find((guest) => guest.name === name),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

function collect(stream: ReadableStream<Uint8Array>): { bytes: () => Buffer; ended: Promise<void> } {
  const pieces: Uint8Array[] = [];
  const read = async (): Promise<void> => {
    for await (const piece of stream) pieces.push(piece);
  };
  return { bytes: () => Buffer.concat(pieces), ended: read() };
}
