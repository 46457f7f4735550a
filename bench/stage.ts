/** Starts the daemons of a compiled binary on this machine, each with its own files. */
import { chmod } from "node:fs/promises";
import { askStatus } from "../src/roles/host/ask-status.ts";
import { launchDaemon } from "../test/support/program.ts";
import type { Daemon } from "../test/support/program.ts";
import { createTemporaryDirectory } from "../test/support/temporary-directory.ts";
import { until } from "../test/support/until.ts";
import { createJoinedPort } from "./joined-port.ts";

/** A running daemon with its files. */
export type BenchSide = { daemon: Daemon; control: string; environment: Record<string, string> };

/** `own`: the lines of the role's table without `control`. `settings`: lines for the top of the config. */
export type SideOptions = {
  binary: string;
  directory: string;
  own?: string;
  settings?: string;
  commands?: Readonly<Record<string, string>>;
  /** The policy; without it everything is allowed. */
  policy?: string;
};

const ALLOW_ALL = '[[rules]]\naction = "allow"\n';

/** Writes the files of one side and starts its daemon. Resolves when its control socket exists. */
export async function startSide(role: "host" | "guest", options: SideOptions): Promise<BenchSide> {
  const { binary, directory, own = "", settings = "", commands = {}, policy = ALLOW_ALL } = options;
  const at = (name: string): string => `${directory}/${role}.${name}`;
  for (const [name, script] of Object.entries(commands)) {
    await Bun.write(`${at("commands")}/${name}`, script);
    await chmod(`${at("commands")}/${name}`, 0o755);
  }
  await Bun.write(at("policy.toml"), policy);
  const control = at("sock");
  const lines = [
    settings,
    "connectTimeoutSeconds = 300",
    `commandsDirectory = ["${at("commands")}"]`,
    `policyFile = "${at("policy.toml")}"`,
    `audit.file = "${at("audit.jsonl")}"`,
    `[${role}]`,
    `control = "${control}"`,
    own,
  ];
  await Bun.write(at("toml"), lines.join("\n"));
  const environment = { NEGOTIATOR_CONFIG: at("toml") };
  const daemon = launchDaemon([role, "daemon"], environment, [binary]);
  await daemon.says(` at ${control}`);
  return { daemon, control, environment: { PATH: "/usr/bin:/bin", ...environment } };
}

/** The lines of a host's table that name its guests, and turn all finders off. */
export function nameGuests(guests: Readonly<Record<string, string>>): string {
  const tables = Object.entries(guests).map(
    ([name, socket]) => `[[guests]]\nname = "${name}"\nsocket = "${socket}"\n`,
  );
  return `libvirt = "no"\nqemu = "no"\n${tables.join("")}`;
}

/** The guest's name on a stage. */
export const GUEST = "web1";

/** A host and one guest with an open session. Disposal kills the daemons and removes the files. */
export type BenchStage = AsyncDisposable & { host: BenchSide; guest: BenchSide; directory: string };

/** Opens a stage whose guest has the commands. */
export async function openBenchStage(
  options: Pick<SideOptions, "binary" | "settings" | "commands">,
): Promise<BenchStage> {
  await using owned = new AsyncDisposableStack();
  const { path: directory } = owned.use(await createTemporaryDirectory());
  const port = owned.use(createJoinedPort(directory, "port"));
  const device = `characterDevice = "${port.guestPath}"`;
  const guest = await startSide("guest", { ...options, directory, own: device });
  owned.use(guest.daemon);
  const own = nameGuests({ [GUEST]: port.hostPath });
  const host = await startSide("host", { ...options, directory, own, commands: {} });
  owned.use(host.daemon);
  await untilOpen(host.control, GUEST);
  const kept = owned.move();
  return { host, guest, directory, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Waits until the host's daemon has an open session with the guest. */
export async function untilOpen(control: string, guest: string): Promise<void> {
  await until(
    `the host has an open session with ${guest}`,
    async () => (await askStatus(control))?.some(({ name, state }) => name === guest && state === "open"),
    OPEN_MS,
  );
}

const OPEN_MS = 120_000;
