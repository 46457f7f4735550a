/** A host and its guests without machines: daemons as processes, joined by ports that behave as QEMU's do. */
import { chmod, readFile } from "node:fs/promises";
import { createEmulatedPort } from "../../scripts/emulated-port.ts";
import type { EmulatedPort } from "../../scripts/emulated-port.ts";
import { askStatus } from "../../src/roles/host/ask-status.ts";
import type { GuestStatus } from "../../src/roles/host/status.ts";
import { launch, launchDaemon } from "./program.ts";
import type { Daemon, Ended, Launched, LaunchOptions } from "./program.ts";
import { createTemporaryDirectory } from "./temporary-directory.ts";
import { until } from "./until.ts";

/** What a command line's call may take by itself: on a busy machine the default would pass before the test's own time. */
const PATIENT = { NEGOTIATOR_TIMEOUT_SECONDS: "50" };

/** One installation of the program, with places of its own. */
export type Side = {
  readonly role: "host" | "guest";
  readonly control: string;
  /** Puts an executable into its directory of commands. */
  command(name: string, script: string, mode?: number): Promise<string>;
  /** Replaces what its config says beside the places. */
  configure(toml: string): Promise<void>;
  /** Replaces its policy, which allows everything. */
  setPolicy(toml: string): Promise<void>;
  /** The lines of its audit file. */
  audit(): Promise<Record<string, unknown>[]>;
  /** Starts its daemon and waits until its control socket is there. */
  start(env?: Record<string, string>): Promise<Daemon>;
  /** The daemon that was started last. */
  readonly daemon: Daemon;
  /** Runs `negotiator ROLE …` to its end. */
  run(words: readonly string[], options?: LaunchOptions): Promise<Ended>;
  launch(words: readonly string[], options?: LaunchOptions): Launched;
};

/** `port` is where the host calls, `back` where the guest can call without its daemon. */
export type StagedGuest = Side & {
  readonly name: string;
  readonly port: EmulatedPort;
  readonly back: EmulatedPort;
};

export type Stage = AsyncDisposable & {
  /** The absolute path of a name in the stage's directory. */
  at(name: string): string;
  readonly host: Side;
  guest(name?: string): StagedGuest;
  /** Waits until the host's daemon has an open conversation with that guest. */
  open(name?: string): Promise<GuestStatus>;
};

export type StageOptions = {
  /** Names of the guests; `["web1"]` by default. */
  guests?: readonly string[];
  /** Goes into every config. */
  settings?: string;
  /** Leaves the daemons to the test. */
  isDark?: boolean;
};

/** The policy that this machine may have is not asked. */
const ALLOW_ALL = '[[rules]]\naction = "allow"\n';

export async function createStage({
  guests: names = ["web1"],
  settings = "",
  isDark = false,
}: StageOptions = {}): Promise<Stage> {
  await using owned = new AsyncDisposableStack();
  const directory = owned.use(await createTemporaryDirectory());
  /** Outlives this function, so that daemons can be started later. */
  const daemons = new AsyncDisposableStack();
  const guests: StagedGuest[] = [];
  for (const name of names) {
    const port = owned.use(await createEmulatedPort(directory.path, `${name}.out`));
    const back = owned.use(await createEmulatedPort(directory.path, `${name}.back`));
    const side = await createSide("guest", directory.at(name), daemons, {
      settings,
      own: (control) => `[guest]\ncontrol = "${control}"\ncharacterDevice = "${port.guestPath}"\n`,
    });
    guests.push(Object.assign(side, { name, port, back }));
  }
  const host = await createSide("host", directory.at("host"), daemons, {
    settings,
    own: (control) =>
      `[host]\ncontrol = "${control}"\nlibvirt = "no"\nqemu = "no"\n${guests.map(namedGuest).join("")}`,
  });
  const open = (name: string): Promise<GuestStatus> =>
    until(`the host talks with ${name}`, async () =>
      (await askStatus(host.control))?.find((guest) => guest.name === name && guest.state === "open"),
    );
  owned.use(daemons);
  if (!isDark) {
    await Promise.all([host.start(), ...guests.map((guest) => guest.start())]);
    await Promise.all(names.map(open));
  }
  const ownedForStage = owned.move();
  return {
    at: (name) => directory.at(name),
    host,
    guest(name = names[0]) {
      const found = guests.find((guest) => guest.name === name);
      if (found === undefined) throw new Error(`No guest "${name}" is on the stage`);
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

type SideOptions = { settings: string; own: (control: string) => string };

async function createSide(
  role: "host" | "guest",
  path: string,
  daemons: AsyncDisposableStack,
  { settings, own }: SideOptions,
): Promise<Side> {
  const control = `${path}.sock`;
  const config = `${path}.toml`;
  const policy = `${path}.policy.toml`;
  const audit = `${path}.audit.jsonl`;
  const commands = `${path}.commands`;
  const configure = async (toml: string): Promise<void> => {
    const places = `commandsDirectory = ["${commands}"]\npolicyFile = "${policy}"\n`;
    await Bun.write(config, `${places}${toml}\n[audit]\nfile = "${audit}"\n${own(control)}`);
  };
  const setPolicy = async (toml: string): Promise<void> => void (await Bun.write(policy, toml));
  await configure(settings);
  await setPolicy(ALLOW_ALL);
  const env = { NEGOTIATOR_CONFIG: config };
  const launchHere = (words: readonly string[], options: LaunchOptions = {}): Launched =>
    launch([role, ...words], { ...options, env: { ...env, ...PATIENT, ...options.env } });
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
    audit: async () => (await readFile(audit, "utf8").catch(() => "")).split("\n").filter(Boolean).map(parse),
    async start(more = {}) {
      const started = daemons.use(launchDaemon([role, "daemon"], { ...env, ...more }));
      daemon = started;
      await started.says(`Serving local users at ${control}`);
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
    launch: launchHere,
  };
}

function parse(line: string): Record<string, unknown> {
  return JSON.parse(line);
}
