/** The host's daemon of a trial, with guests that call as a python-negotiator does. */
import { chmod, chown, mkdir } from "node:fs/promises";
import { NATIVE_PORTS } from "../src/peers/native.ts";
import { launchDaemon } from "../test/support/program.ts";
import type { Daemon } from "../test/support/program.ts";
import { listenAsOldGuest } from "./old-guest.ts";
import type { OldGuest } from "./old-guest.ts";
import type { TrialStage } from "./trial.ts";

/** A running daemon of the attacked binary. */
export type TrialDaemon = { daemon: Daemon; environment: Record<string, string> };

/**
 * `settings`: lines for the top of the config. `own`: the lines of the host's table. `audit`: the name of the
 * audit's file.
 */
export type TrialFiles = {
  settings?: string;
  own?: string;
  commands?: Readonly<Record<string, string>>;
  policy?: string;
  audit?: string;
};

const ALLOW_ALL = '[[rules]]\naction = "allow"\n';

/** Starts the host's daemon, with settings that every release knows. */
export async function startTrialDaemon(
  { binary, directory, held }: TrialStage,
  { settings = "", own = "", commands = {}, policy = ALLOW_ALL, audit = "host.audit.jsonl" }: TrialFiles,
): Promise<TrialDaemon> {
  const at = (name: string): string => `${directory}/host.${name}`;
  await mkdir(at("commands"));
  for (const [name, script] of Object.entries(commands)) {
    await Bun.write(`${at("commands")}/${name}`, script);
    await chmod(`${at("commands")}/${name}`, 0o755);
  }
  await Bun.write(at("policy.toml"), policy);
  const lines = [
    settings,
    `commandsDirectory = ["${at("commands")}"]`,
    `policyFile = "${at("policy.toml")}"`,
    `audit.file = "${directory}/${audit}"`,
    "[host]",
    `control = "${at("sock")}"`,
    own,
  ];
  await Bun.write(at("toml"), lines.join("\n"));
  const environment = { NEGOTIATOR_CONFIG: at("toml") };
  const daemon = held.use(launchDaemon(["host", "daemon"], environment, [binary]));
  await daemon.says(` at ${at("sock")}`);
  return { daemon, environment: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...environment } };
}

/** Starts the host's daemon, and guests of these names. */
export async function startTrialHost(
  stage: TrialStage,
  names: readonly string[],
  files: Omit<TrialFiles, "own"> = {},
): Promise<{ host: TrialDaemon; guests: readonly OldGuest[] }> {
  const pathOf = (name: string): string => `${stage.directory}/${name}.back`;
  const guests = await Promise.all(names.map((name) => listenAsOldGuest(pathOf(name))));
  for (const guest of guests) stage.held.use(guest);
  const tables = names.map(
    (name) =>
      `[[guests]]\nname = "${name}"\nport = "${NATIVE_PORTS.guestToHost}"\nsocket = "${pathOf(name)}"\n`,
  );
  const own = `libvirt = "no"\nqemu = "no"\n${tables.join("")}`;
  return { host: await startTrialDaemon(stage, { ...files, own }), guests };
}

/** Returns the text of all audit files of the daemon. */
export async function readAuditText(directory: string): Promise<string> {
  const texts: string[] = [];
  for await (const name of new Bun.Glob("host.audit*.jsonl*").scan(directory))
    if (!name.endsWith(".lock")) texts.push(await Bun.file(`${directory}/${name}`).text());
  return texts.join("");
}

/** Gives the control socket to a group, as the group `negotiator` has it on other machines. */
export async function shareControl({ directory }: TrialStage, gid: number): Promise<void> {
  await chown(`${directory}/host.sock`, 0, gid);
  await chmod(`${directory}/host.sock`, 0o660);
}

/** Runs the binary, as a user with a group of the same number if there is one. Resolves to its end. */
export async function runAs(
  user: number | undefined,
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<{ exitCode: number; stdout: string }> {
  const other = ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups"];
  const argv = user === undefined ? words : [...other, ...words];
  const child = Bun.spawn([...argv], { env: environment, stdin: "ignore", stdout: "pipe", stderr: "ignore" });
  const stdout = await new Response(child.stdout).text();
  return { exitCode: await child.exited, stdout };
}
