/** Runs a host's and a guest's daemon on one machine, joined by an emulated port. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { COMMANDS, POLICIES } from "./demo-commands.ts";
import type { Side } from "./demo-commands.ts";
import { createProcesses } from "./demo-processes.ts";
import type { Finished, OutputLine, Processes } from "./demo-processes.ts";
import { createEmulatedPort } from "./emulated-port.ts";

/** Runs a shell line on one side, with `negotiator` on its PATH; `onLine` gets each output line at once. */
export type Stage = {
  run: (side: Side, line: string, onLine?: (line: OutputLine) => void) => Promise<Finished>;
};

/** The host's files and processes. */
export type HostSide = {
  processes: Processes;
  /** The demo's directory; its path is short enough for sockets. */
  directory: string;
  /** Returns the environment of a process on that side. */
  environment: (side: Side) => Record<string, string>;
};

/** The guest's name on the host. */
export const GUEST_NAME = "web1";

/** How long host and guest may take to open their session. */
const READY_MS = 180_000;

/** `binary` is called `negotiator`. `held` disposes of all processes and files; `signal` ends all waiting. */
export type StageOptions = { binary: string; held: AsyncDisposableStack; signal: AbortSignal };

/** Resolves when host and guest have an open session. */
export async function openStage(options: StageOptions): Promise<Stage> {
  const { held } = options;
  const host = await openHostSide(options);
  const { processes, directory, environment } = host;
  const port = held.use(await createEmulatedPort(directory, "port"));
  await writeSide(directory, "guest");
  const guestWords = ["negotiator", "guest", "daemon", "--character-device", port.guestPath];
  processes.start(guestWords, environment("guest"));
  const stage: Stage = {
    run: (side, line, onLine) => processes.finish(["sh", "-c", line], environment(side), onLine),
  };
  await startHost(host, port.hostPath);
  return stage;
}

/** Creates the demo's directory with the host's configuration. Starts no daemon. */
export async function openHostSide({ binary, held, signal }: StageOptions): Promise<HostSide> {
  // A unix socket's path has at most 107 bytes, and some machines have long temporary directories.
  const base = tmpdir().length < 60 ? tmpdir() : "/tmp";
  const directory = await mkdtemp(join(base, "negotiator-demo-"));
  held.defer(() => rm(directory, { recursive: true, force: true }));
  await writeSide(directory, "host");
  const { PATH = "/usr/sbin:/usr/bin:/sbin:/bin", HOME = "/" } = process.env;
  const environment = (side: Side): Record<string, string> => ({
    PATH: `${dirname(binary)}:${PATH}`,
    HOME,
    NEGOTIATOR_CONFIG: join(directory, side, "negotiator.toml"),
  });
  return { processes: held.use(createProcesses(signal)), directory, environment };
}

/**
 * Starts the host's daemon and waits for an open session with the guest. Rejects if there is none in time.
 */
export async function startHost(host: HostSide, socket: string): Promise<void> {
  const { processes, environment } = host;
  processes.start(
    ["negotiator", "host", "daemon", "--socket", `${GUEST_NAME}=${socket}`],
    environment("host"),
  );
  const ask = ["negotiator", "host", "status", GUEST_NAME, "--json"];
  const endMs = performance.now() + READY_MS;
  for (;;) {
    const { lines } = await processes.finish(ask, environment("host"));
    const output = lines.map(({ text }) => text).join("\n");
    if (output.includes('"state":"open"')) return;
    if (performance.now() > endMs) {
      throw new Error(`Host and guest have no session after ${READY_MS / 1000} s\n${output}`);
    }
  }
}

async function writeSide(directory: string, side: Side): Promise<void> {
  const at = (name: string): string => join(directory, side, name);
  const commands = at("commands");
  await mkdir(commands, { recursive: true, mode: 0o755 });
  for (const [name, text] of Object.entries(COMMANDS[side])) {
    await writeFile(join(commands, name), text, { mode: 0o755 });
  }
  await writeFile(at("policy.toml"), POLICIES[side], { mode: 0o644 });
  const config = [
    `commandsDirectory = [${quote(commands)}]`,
    `policyFile = ${quote(at("policy.toml"))}`,
    // An emulated guest on a busy machine may need more than the default of 10 s.
    "connectTimeoutSeconds = 120",
    "drainSeconds = 0",
    `audit.file = ${quote(at("audit.jsonl"))}`,
    `${side}.control = ${quote(at("control.sock"))}`,
    "",
  ];
  await writeFile(at("negotiator.toml"), config.join("\n"), { mode: 0o644 });
}

/** Formats a path as a TOML string. */
function quote(text: string): string {
  return JSON.stringify(text);
}
