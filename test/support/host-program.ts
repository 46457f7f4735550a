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
  /** Its standard input, if it was started with "pipe". */
  readonly stdin: Bun.FileSink | undefined;
  readonly exited: Promise<ProgramRun>;
  /** Its output so far. */
  stdout(): string;
  stderr(): string;
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
 * `commands`: shell scripts by name. `config`: more TOML tables. `host`: more lines of the table `[host]`.
 */
export type HostProgramOptions = {
  binary: string;
  commands?: Readonly<Record<string, string>>;
  host?: string;
  config?: string;
};

const DEADLINES = `connectTimeoutSeconds = ${CALL_TIMEOUT_SECONDS}\ndrainSeconds = ${CALL_TIMEOUT_SECONDS}`;

/** Writes the program's files; a policy allows everything. */
export async function createHostProgram(options: HostProgramOptions): Promise<HostProgram> {
  const { binary, commands = {}, host = "", config = "" } = options;
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
    const child = Bun.spawn([binary, ...words], {
      env: { PATH: process.env["PATH"] ?? "", NEGOTIATOR_CONFIG: file },
      stdin: input ?? "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    const exited = (async (): Promise<ProgramRun> => {
      const [exitCode] = await Promise.all([child.exited, stdout.ended, stderr.ended]);
      const stdoutBytes = stdout.bytes();
      return { exitCode, stdout: stdoutBytes.toString(), stderr: stderr.bytes().toString(), stdoutBytes };
    })();
    return {
      pid: child.pid,
      stdin: typeof child.stdin === "object" ? child.stdin : undefined,
      exited,
      stdout: () => stdout.bytes().toString(),
      stderr: () => stderr.bytes().toString(),
      signal: (name) => child.kill(name),
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
