/**
 * A host and its guests without virtual machines: daemons as processes, joined by ports that behave like
 * QEMU's.
 */
import { chmod } from "node:fs/promises";
import { createEmulatedPort } from "../../scripts/emulated-port.ts";
import type { EmulatedPort } from "../../scripts/emulated-port.ts";
import { askStatus } from "../../src/roles/host/ask-status.ts";
import type { GuestStatus } from "../../src/roles/host/status.ts";
import { readAudit } from "./audit-lines.ts";
import { launch, launchDaemon, PROGRAM } from "./program.ts";
import type { Daemon, Ended, Launched, LaunchOptions, Program } from "./program.ts";
import { createTemporaryDirectory } from "./temporary-directory.ts";
import { until } from "./until.ts";

/** The default deadline would pass on a busy machine before the test's timeout. */
const LONG_DEADLINE = { NEGOTIATOR_CONNECT_TIMEOUT_SECONDS: "50" };

/** One installation of the program, with its own config, policy, commands and control socket. */
export type Side = {
  readonly role: "host" | "guest";
  readonly control: string;
  /** Adds an executable script to its commands directory. Returns its path. */
  command(name: string, script: string, mode?: number): Promise<string>;
  /** Replaces its settings, without those for the paths. */
  configure(toml: string): Promise<void>;
  /** Replaces its policy, which at first allows everything. */
  setPolicy(toml: string): Promise<void>;
  /**
   * The ends of calls, and the calls that ran nothing, of its audit files, oldest first. Waits for `least` of
   * them, one by default.
   */
  audit(least?: number): Promise<Record<string, unknown>[]>;
  /** Starts its daemon and waits until its control socket exists. */
  start(env?: Record<string, string>): Promise<Daemon>;
  /** The daemon that was started last; throws if there was none. */
  readonly daemon: Daemon;
  /** Runs `negotiator ROLE …` to its end. */
  run(words: readonly string[], options?: LaunchOptions): Promise<Ended>;
  /**
   * Runs a line of bash, in which `"$@"` is `negotiator ROLE`. Each word of `words` comes after that; bash's
   * own standard input is empty.
   */
  shell(line: string, words?: readonly string[]): Promise<Ended>;
  /** Starts `negotiator ROLE …` and does not wait for its end. */
  launch(words: readonly string[], options?: LaunchOptions): Launched;
};

/**
 * A guest. The host calls it over `port`; its command line can call the host over `back` without a daemon.
 */
export type StagedGuest = Side & {
  readonly name: string;
  readonly port: EmulatedPort;
  readonly back: EmulatedPort;
};

/** Disposal kills all daemons and removes all files. */
export type Stage = AsyncDisposable & {
  /** The absolute path of `name` in the stage's directory. */
  at(name: string): string;
  readonly host: Side;
  /** The guest of that name, or the first one. */
  guest(name?: string): StagedGuest;
  /** Waits until the host's daemon has an open session with that guest, the first one by default. */
  open(name?: string): Promise<GuestStatus>;
};

/** The sides of a stage and their settings. */
export type StageOptions = {
  /** Names of the guests; `["web1"]` by default. */
  guests?: readonly string[];
  /** TOML for the config of every side. */
  settings?: string;
  /** Starts no daemon: the test starts them. */
  withoutDaemons?: boolean;
  /** The program of each role, ours by default. */
  programs?: { host?: Program; guest?: Program };
};

/** Keeps this machine's own policy out of the tests. */
const ALLOW_ALL = '[[rules]]\naction = "allow"\n';

/** Creates the host and its guests, starts their daemons, and waits until all sessions are open. */
export async function createStage({
  guests: names = ["web1"],
  settings = "",
  withoutDaemons = false,
  programs = {},
}: StageOptions = {}): Promise<Stage> {
  await using owned = new AsyncDisposableStack();
  const directory = owned.use(await createTemporaryDirectory());
  // Not in `owned`, because tests add daemons after it has moved.
  const daemons = new AsyncDisposableStack();
  const guests: StagedGuest[] = [];
  for (const name of names) {
    const port = owned.use(await createEmulatedPort(directory.path, `${name}.out`));
    const back = owned.use(await createEmulatedPort(directory.path, `${name}.back`));
    const side = await createSide("guest", directory.at(name), daemons, {
      settings,
      program: programs.guest,
      own: (control) => `[guest]\ncontrol = "${control}"\ncharacterDevice = "${port.guestPath}"\n`,
    });
    guests.push(Object.assign(side, { name, port, back }));
  }
  const host = await createSide("host", directory.at("host"), daemons, {
    settings,
    program: programs.host,
    own: (control) =>
      `[host]\ncontrol = "${control}"\nlibvirt = "no"\nqemu = "no"\n${guests.map(namedGuest).join("")}`,
  });
  const open = (name: string): Promise<GuestStatus> =>
    until(`the host has an open session with ${name}`, async () =>
      (await askStatus(host.control))?.find((guest) => guest.name === name && guest.state === "open"),
    );
  owned.use(daemons);
  if (!withoutDaemons) {
    await Promise.all([host.start(), ...guests.map((guest) => guest.start())]);
    await Promise.all(names.map(open));
  }
  const ownedForStage = owned.move();
  return {
    at: (name) => directory.at(name),
    host,
    guest(name = names[0]) {
      const found = guests.find((guest) => guest.name === name);
      if (found === undefined) throw new Error(`The stage has no guest "${name}"`);
      return found;
    },
    open: (name = names[0] ?? "") => open(name),
    [Symbol.asyncDispose]: () => ownedForStage.disposeAsync(),
  };
}

function namedGuest({ name, port, back }: StagedGuest): string {
  return [
    `[[guests]]\nname = "${name}"\nsocket = "${port.hostPath}"\n`,
    `[[guests]]\nname = "${name}"\nsocket = "${back.hostPath}"\nport = "negotiator-guest-to-host.0"\n`,
  ].join("");
}

/** `own` returns the role's part of the config. */
type SideOptions = {
  settings: string;
  program: Program | undefined;
  own: (control: string) => string;
};

async function createSide(
  role: "host" | "guest",
  path: string,
  daemons: AsyncDisposableStack,
  { settings, program, own }: SideOptions,
): Promise<Side> {
  const control = `${path}.sock`;
  const config = `${path}.toml`;
  const policy = `${path}.policy.toml`;
  const audit = `${path}.audit.jsonl`;
  const commands = `${path}.commands`;
  const configure = async (toml: string): Promise<void> => {
    const places = `commandsDirectory = ["${commands}"]\npolicyFile = "${policy}"\naudit.file = "${audit}"\n`;
    await Bun.write(config, `${places}${toml}\n${own(control)}`);
  };
  const setPolicy = async (toml: string): Promise<void> => void (await Bun.write(policy, toml));
  await configure(settings);
  await setPolicy(ALLOW_ALL);
  const env = { NEGOTIATOR_CONFIG: config };
  const launchHere = (words: readonly string[], options: LaunchOptions = {}): Launched =>
    launch(options.program === undefined ? [role, ...words] : words, {
      ...(program && { program }),
      ...options,
      env: { ...env, ...LONG_DEADLINE, ...options.env },
    });
  let daemon: Daemon | undefined;

  return {
    role,
    control,
    async command(name, script, mode = 0o755) {
      await Bun.write(`${commands}/${name}`, script);
      await chmod(`${commands}/${name}`, mode);
      return `${commands}/${name}`;
    },
    configure,
    setPolicy,
    audit: (least) => readAudit(audit, least),
    async start(more = {}) {
      const started = daemons.use(launchDaemon([role, "daemon"], { ...env, ...more }, program));
      daemon = started;
      await started.says(` at ${control}`);
      return started;
    },
    get daemon() {
      if (daemon === undefined) throw new Error(`The ${role}'s daemon was not started`);
      return daemon;
    },
    async run(words, options) {
      await using launched = launchHere(words, options);
      return await launched.ended();
    },
    async shell(line, words = []) {
      const shell = ["/bin/bash", "-c", line, "bash", ...(program ?? PROGRAM), role];
      await using launched = launchHere(words, { program: shell });
      return await launched.ended();
    },
    launch: launchHere,
  };
}
