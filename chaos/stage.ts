/** Owns a host and a guest on this machine, with a port between them that can be disturbed. */
import { chmod, readFile } from "node:fs/promises";
import { GUEST, nameGuests, untilOpen } from "../bench/stage.ts";
import { launchDaemon } from "../test/support/program.ts";
import type { Daemon } from "../test/support/program.ts";
import type { Random } from "../test/support/random.ts";
import { formatCommands } from "./call.ts";
import type { Plant, Role } from "./call.ts";
import { startPort } from "./port.ts";
import type { DisturbedPort } from "./port.ts";
import { writeStreams } from "./streams.ts";

/** A shell line that runs on one side. */
export type RunningLine = {
  /** `gone`: its machine has ended. */
  readonly ended: Promise<{ exitCode: number; stdout: string; stderr: string } | "gone">;
  kill: () => void;
};

/** One side: its callers and its daemon. */
export type ChaosSide = {
  /** The words of the program and of the other side, and the directory of the streams, for shell lines. */
  readonly words: { program: string; peer: string; directory: string };
  run: (line: string) => RunningLine;
  /** Sends a signal to the daemon. */
  signal: (name: NodeJS.Signals) => Promise<void>;
  /** The process id of the daemon on this machine. */
  pid: () => number;
  /** Resolves when the daemon has ended. */
  ended: () => Promise<void>;
  /** Starts a daemon. Resolves when it serves local users. */
  start: () => Promise<void>;
  /** All lines that the commands of this side have written. */
  ledger: () => Promise<string>;
};

/** A side whose command lines run on this machine. */
export type EmulatedSide = ChaosSide & {
  /** Sends a signal to all command lines that run. */
  signalCallers: (name: NodeJS.Signals) => void;
  /** The logs of its daemons. */
  log: () => string;
};

/** Two sides with running daemons and an open session. */
export type ChaosStage = AsyncDisposable & {
  readonly sides: Readonly<Record<Role, ChaosSide>>;
  /** How many bytes each stream has. */
  readonly streamBytes: number;
  /** The milliseconds that a call takes without a disturbance, if the recovery does not count them. */
  readonly quietMs: Readonly<Record<Role, number>>;
  /** How many times longer than on this machine steps may take. */
  readonly slowness: number;
};

/** A stage whose port is emulated. `directory` is the one of its files, `binary` the program. */
export type EmulatedStage = ChaosStage & {
  readonly sides: Readonly<Record<Role, EmulatedSide>>;
  readonly port: DisturbedPort;
  readonly directory: string;
  readonly binary: string;
};

/**
 * `settings`: lines for the top of both configs. `places`: where in the directory the audits and kept output
 * go. `hasDetails`: whether logs have the messages of level debug. `wrap` returns the program of a daemon,
 * with the words before those of its role.
 */
export type StageOptions = {
  binary: string;
  directory: string;
  random: Random;
  plant?: Plant | undefined;
  settings?: string | undefined;
  places?: string | undefined;
  hasDetails?: boolean;
  wrap?: ((role: Role, binary: string) => readonly string[]) | undefined;
};

/** A tenth of the defaults, so that long cuts are short. */
export const SHORT_LIMITS =
  "limits.pingAfterMs = 1000\nlimits.unresponsiveAfterMs = 3000\nlimits.abandonAfterMs = 12000";

/** Starts the port and both daemons, and waits for their session. Disposal kills the processes. */
export async function openEmulatedStage(options: StageOptions): Promise<EmulatedStage> {
  const { binary, directory, random } = options;
  await using owned = new AsyncDisposableStack();
  const port = owned.use(await startPort(directory, random.below(2 ** 31)));
  const streamBytes = await writeStreams(directory, random);
  const guest = await createSide("guest", `characterDevice = "${port.guestPath}"`, options);
  owned.use(guest);
  const host = await createSide("host", nameGuests({ [GUEST]: port.hostPath }), options);
  owned.use(host);
  await guest.start();
  await host.start();
  await untilOpen(`${directory}/host.sock`, GUEST);
  const kept = owned.move();
  return {
    sides: { host, guest },
    port,
    directory,
    binary,
    streamBytes,
    quietMs: { host: 0, guest: 0 },
    slowness: 1,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Writes the files of one side on this machine. `own`: the lines of the role's table. */
export async function createSide(
  role: Role,
  own: string,
  options: Omit<StageOptions, "random">,
): Promise<EmulatedSide & AsyncDisposable> {
  const { binary, directory, plant, settings = "", places, hasDetails, wrap = () => [binary] } = options;
  const at = (name: string): string => `${directory}/${role}.${name}`;
  const append = `append() { echo "$@" >>${at("ledger")}; sync ${at("ledger")}; }`;
  await Bun.write(at("ledger"), "");
  for (const [name, script] of Object.entries(formatCommands(append, plant))) {
    await Bun.write(`${at("commands")}/${name}`, script);
    await chmod(`${at("commands")}/${name}`, 0o755);
  }
  const place = places === undefined ? `${directory}/${role}` : `${directory}/${places}/${role}`;
  await Bun.write(at("policy.toml"), '[[rules]]\naction = "allow"\n');
  const lines = [
    settings,
    `commandsDirectory = ["${at("commands")}"]`,
    `policyFile = "${at("policy.toml")}"`,
    `audit.file = "${place}.audit.jsonl"`,
    `detached.directory = "${place}.kept"`,
    `[${role}]`,
    `control = "${at("sock")}"`,
    own,
  ];
  await Bun.write(at("toml"), lines.join("\n"));
  const environment = { NEGOTIATOR_CONFIG: at("toml") };
  const callers = new Set<GroupLine>();
  const daemons: Daemon[] = [];
  const running = (): Daemon => {
    const last = daemons.at(-1);
    if (last === undefined) throw new Error(`The ${role}'s daemon was not started`);
    return last;
  };
  return {
    words: { program: `${binary} ${role}`, peer: role === "host" ? GUEST : "", directory },
    run(line) {
      const caller = runLine(line, environment);
      callers.add(caller);
      void caller.ended.finally(() => callers.delete(caller));
      return caller;
    },
    signalCallers: (name) => callers.forEach((caller) => caller.signal(name)),
    signal: async (name) => running().kill(name),
    pid: () => running().pid,
    ended: async () => void (await running().exited),
    async start() {
      const [program = binary, ...words] = wrap(role, binary);
      const more = hasDetails === true ? ["--verbose"] : [];
      const daemon = launchDaemon([...words, role, "daemon", ...more], environment, [program]);
      daemons.push(daemon);
      await daemon.says(` at ${at("sock")}`);
    },
    ledger: () => readFile(at("ledger"), "utf8"),
    log: () => daemons.map((daemon) => daemon.log()).join("--- next daemon\n"),
    [Symbol.asyncDispose]: async () => daemons.at(-1)?.[Symbol.asyncDispose](),
  };
}

type GroupLine = RunningLine & { signal: (name: NodeJS.Signals) => void };

/** Runs a line in a process group, so that a signal reaches all of it. */
function runLine(line: string, environment: Readonly<Record<string, string>>): GroupLine {
  const child = Bun.spawn(["setsid", "sh", "-c", line], {
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const collect = async (): Promise<{ exitCode: number; stdout: string; stderr: string }> => {
    const [stdout, stderr, exitCode] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    return { exitCode, stdout, stderr };
  };
  const signal = (name: NodeJS.Signals): void => {
    try {
      process.kill(-child.pid, name);
    } catch {
      // It ended meanwhile.
    }
  };
  return { ended: collect(), signal, kill: () => signal("SIGKILL") };
}
