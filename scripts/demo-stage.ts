/** A host and a guest on one machine: both daemons from the built binary, joined by an emulated port. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { COMMANDS, POLICIES } from "./demo-commands.ts";
import type { Side } from "./demo-commands.ts";
import { createProcesses } from "./demo-processes.ts";
import type { Finished, OutputLine, Processes } from "./demo-processes.ts";
import { createEmulatedPort } from "./emulated-port.ts";

/** Runs a line of shell on one side, where `negotiator` is on the search path; `onLine` is told each line as it comes. */
export type Stage = {
  run: (side: Side, line: string, onLine?: (line: OutputLine) => void) => Promise<Finished>;
};

export type HostSide = {
  processes: Processes;
  /** The demo's own directory; short enough for sockets. */
  directory: string;
  /** What a process of that side has in its environment. */
  environment: (side: Side) => Record<string, string>;
};

export const GUEST_NAME = "web1";

/** How long anything of the stage may take to get ready. */
const READY_MS = 180_000;

/** `binary` is called `negotiator`. Everything that is started or made is put on `held`; `signal` ends all waiting. */
export type StageOptions = { binary: string; held: AsyncDisposableStack; signal: AbortSignal };

/** Resolves when host and guest understand each other. */
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

/** The directory of the demo with the host's configuration; no daemon runs yet. */
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

/** Starts the host's daemon and waits until it and the guest understand each other. */
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
      throw new Error(`Host and guest did not find each other within ${READY_MS / 1000} s\n${output}`);
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
    // The default of ten seconds is too short for an emulated guest on a busy machine.
    "timeoutSeconds = 120",
    "drainSeconds = 0",
    `audit.file = ${quote(at("audit.jsonl"))}`,
    `${side}.control = ${quote(at("control.sock"))}`,
    "",
  ];
  await writeFile(at("negotiator.toml"), config.join("\n"), { mode: 0o644 });
}

/** A path as TOML writes it. */
function quote(text: string): string {
  return JSON.stringify(text);
}
