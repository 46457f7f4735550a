/** Owns the program's daemons beside the Python programs, with ports that a relay cuts. */
import { chmod } from "node:fs/promises";
import { readAudit } from "../support/audit-lines.ts";
import { launch, launchDaemon } from "../support/program.ts";
import type { Daemon, Launched, LaunchOptions } from "../support/program.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { startPython } from "./python.ts";
import type { PythonRun } from "./python.ts";

/** A daemon of one role, a relay, and the ports between the two. Disposal ends all of them. */
export type Sides = AsyncDisposable & {
  /** The daemon of the program. */
  readonly daemon: Daemon;
  /** The relay; its report has the counts of each port. */
  readonly cutter: PythonRun;
  /** The sockets of the ports for the Python side. */
  readonly sockets: readonly string[];
  /** The absolute path of a name in the directory of the test. */
  at(name: string): string;
  /** The commands in the daemon's audit, sorted. */
  audited(least: number): Promise<string[]>;
  /** Starts a command line of the daemon's role. */
  launch(words: readonly string[], options?: LaunchOptions): Launched;
  /** Starts a Python program; disposal ends it too. */
  python(words: string[], input?: string): PythonRun;
};

/** The role of the program, and how its ports are cut. */
export type SidesOptions = {
  role: "host" | "guest";
  ports?: number;
  seed?: number;
  /** The cuts of each port; none by default. */
  cuts?: number;
  /** At most so many of them are seen by the guest. */
  guestCuts?: number;
  /**
   * After a cut that only one side sees, a ping is the first message that shows it; 3 s by default. If it is
   * shorter than the time after which a torn frame is dropped, the answers to pings keep a torn frame alive.
   */
  pingAfterMs?: number;
};

/** Commands of the daemon. `forged` is what forged calls ask for. */
const COMMANDS = {
  "echo-input": "exec cat",
  talk: 'cat; echo "[$1] [$2]" >&2; exit 3',
  hold: "trap 'echo got; exit 7' USR1; echo ready; while :; do sleep 0.05; done",
  forged: "exit 9",
};

/** Starts a relay and a daemon of the program. */
export async function startSides(options: SidesOptions): Promise<Sides> {
  const { role, ports = 1, seed = 1, cuts = 0, guestCuts = 0, pingAfterMs = 3000 } = options;
  await using owned = new AsyncDisposableStack();
  const directory = owned.use(await createTemporaryDirectory());
  const config = await configure(directory, pingAfterMs);
  const paths = Array.from({ length: ports }, (_, at) => directory.at(`vm${at + 1}`));
  const limits = ["--cuts", `${cuts}`, "--guest-cuts", `${guestCuts}`, "--seed", `${seed}`];
  const cutter = owned.use(startPython("cutter", [...paths, ...limits]));
  await cutter.says("isReady");
  const mine = paths.map((path) => `${path}.${role}`);
  const ends =
    role === "guest"
      ? mine.flatMap((path) => ["--character-device", path])
      : mine.flatMap((path, at) => ["--socket", `vm${at + 1}=${path}`]);
  const common = ["--control", directory.at("control.sock"), "--config", config];
  const daemon = owned.use(launchDaemon([role, "daemon", ...ends, ...common], {}));
  await daemon.says(` at ${directory.at("control.sock")}`);
  // Not in `owned`, because the test adds programs after it has moved.
  const programs = owned.use(new AsyncDisposableStack());
  const ownedForTest = owned.move();
  return {
    daemon,
    cutter,
    sockets: paths.map((path) => `${path}.${role === "guest" ? "host" : "guest"}`),
    at: (name) => directory.at(name),
    audited: async (least) =>
      (await readAudit(directory.at("audit.jsonl"), least)).map(({ command }) => String(command)).toSorted(),
    launch: ([subcommand = "", ...words], more = {}) =>
      programs.use(launch([role, subcommand, ...common, ...words], more)),
    python: (words, input) => programs.use(startPython("negotiator", words, input)),
    [Symbol.asyncDispose]: () => ownedForTest.disposeAsync(),
  };
}

type Directory = Awaited<ReturnType<typeof createTemporaryDirectory>>;

/** Writes the commands, a policy that allows everything, and the config. Returns the path of the config. */
async function configure(directory: Directory, pingAfterMs: number): Promise<string> {
  for (const [name, script] of Object.entries(COMMANDS)) {
    await chmod(await directory.write(`commands/${name}`, `#!/bin/sh\n${script}\n`), 0o755);
  }
  const policy = await directory.write("policy.toml", '[[rules]]\naction = "allow"\n');
  const places = `commandsDirectory = ["${directory.at("commands")}"]\npolicyFile = "${policy}"\n`;
  const audit = `[audit]\nfile = "${directory.at("audit.jsonl")}"\n`;
  return directory.write("config.toml", `${places}${audit}[limits]\npingAfterMs = ${pingAfterMs}\n`);
}
