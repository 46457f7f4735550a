/** Reads the settings: defaults, then the file, the environment, and the command line. The last one wins. */
import { readFileSync } from "node:fs";
import { NegotiatorError } from "../errors.ts";
import { DEFAULTS, SettingsSchema } from "./settings.ts";
import type { Settings, SettingsLayer } from "./settings.ts";
import { printable } from "../printable.ts";
import { dropRemovedKeys, REMOVED_KEYS, warnOfRemoved } from "./removed-settings.ts";
import { warnOfStrays } from "./stray-variables.ts";
import { checkStrict, namePlaces } from "../strict/strict.ts";
import { parseToml } from "../strict/toml.ts";
import { decodeUtf8 } from "../strict/utf8.ts";
import { readTrustedFileLate } from "../trust/late-files.ts";
import { readTrustedFile } from "../trust/trusted-file.ts";

/** The file to read if neither `--config` nor `NEGOTIATOR_CONFIG` is given. It may be missing. */
export const CONFIG_FILE = "/etc/negotiator/negotiator.toml";
const DEFAULT_ORIGIN = "default";
const CONFIG_VARIABLE = "NEGOTIATOR_CONFIG";
/** The names of our variables, and of mistyped ones. */
const OUR_VARIABLE = /^negotiator_/i;

/**
 * The settings in force.
 * - `origins`: for each dotted key `default`, the path of the file, the name of the variable, or `option`.
 * - `warnings`: sentences about keys and variables that have no effect.
 * - `file`: the path of the config, and its text; undefined if there was no file.
 * - `checkedBy`: the command line that checks the config and the policy, for messages.
 */
export type Config = {
  file: { path: string; text: string | undefined };
  checkedBy?: string | undefined;
  settings: Settings;
  origins: ReadonlyMap<string, string>;
  warnings: readonly string[];
};

/**
 * The layers above the defaults.
 * - `file`: the value of `--config`.
 * - `flags`: the settings of the options. `-v` is relative, so it gets the settings without options.
 * - `optionOf`: the option that sets a dotted key, for messages. `help`: the command that shows the help.
 * - `checkedBy`: as in `Config`. `readFile`: reads the file, as `readTrustedFile` does.
 */
export type ConfigSources = {
  optionOf?: (key: string) => string;
  help?: string;
  checkedBy?: string | undefined;
  file?: string | undefined;
  flags?: (below: Settings) => SettingsLayer;
  environment?: Environment;
  readFile?: (path: string) => string | undefined;
};
type Environment = Readonly<Record<string, string | undefined>>;

/** Loads the settings. Throws `BAD_CONFIG`, or `BAD_USAGE` for options, with a line for each problem. */
export function loadConfig(sources: ConfigSources = {}): Config {
  const environment = sources.environment ?? process.env;
  const variables = Object.keys(environment).filter((name) => OUR_VARIABLE.test(name));
  if (variables.some((name) => environment[name]?.includes(REPLACED) === true)) checkVariables(variables);
  const path = sources.file ?? environment[CONFIG_VARIABLE];
  const origins = new Map<string, string>();
  const table: Record<string, unknown> = {};
  applyLayer(table, origins, { origin: () => DEFAULT_ORIGIN, settings: DEFAULTS });
  const { checkedBy, optionOf = (key) => key, readFile = readTrustedFile } = sources;
  const place = path ?? CONFIG_FILE;
  const file = readFileLayer(place, readFile(place), path !== undefined, checkRemedy(checkedBy));
  applyLayer(table, origins, file);
  // Most environments set nothing of ours, and naming the variable of every key takes time.
  if (variables.some((name) => name !== CONFIG_VARIABLE))
    applyLayer(table, origins, readEnvironmentLayer(environment));
  // DEFAULTS was applied first and has every key, so the table is complete.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const settings = table as Settings;
  const flags = checkStrict(SettingsSchema, sources.flags?.(settings) ?? {}, "the options", {
    code: "BAD_USAGE",
    nameOf: (keys) => optionOf(keys.join(".")),
    remedy: sources.help === undefined ? undefined : `Read the help: ${sources.help}`,
  });
  applyLayer(table, origins, { origin: () => "option", settings: flags });
  const warnings = [...(file.warnings ?? []), ...warnOfVariables(variables)];
  return { settings, origins, warnings, file: { path: file.path, text: file.text }, checkedBy };
}

/**
 * Resolves with the settings as `load` returns them, which gets the text of the config's file. Rejects as
 * `load` throws, and with `TIMEOUT` for a file that does not answer. Never waits on this thread.
 */
export async function loadConfigLate(
  path: string,
  load: (readFile: () => string | undefined) => Config,
): Promise<Config> {
  const text = await readTrustedFileLate(path);
  return load(() => text);
}

/**
 * Resolves with whether the config's file has changed since it was read, or cannot be used now. Rejects with
 * `TIMEOUT` if it does not answer within `limitMs`.
 */
export async function isUnread(
  { file: { path, text } }: Pick<Config, "file">,
  limitMs: number,
): Promise<boolean> {
  try {
    return (await readTrustedFileLate(path, limitMs)) !== text;
  } catch (thrown) {
    if (NegotiatorError.from(thrown).code === "TIMEOUT") throw thrown;
    return true;
  }
}

/**
 * Resolves with what gives the text of the config's file to `loadConfig`, or throws the fault of that file
 * there: `TIMEOUT` if it does not answer. Never waits on this thread.
 */
export async function readConfigLate(
  file: string | undefined,
  environment: Environment = process.env,
): Promise<() => string | undefined> {
  try {
    const text = await readTrustedFileLate(file ?? environment[CONFIG_VARIABLE] ?? CONFIG_FILE);
    return () => text;
  } catch (thrown) {
    return () => {
      throw thrown;
    };
  }
}

/** Returns the remedy for a wrong file; `checkedBy` is the command line that checks it. */
function checkRemedy(checkedBy: string | undefined): string | undefined {
  return checkedBy === undefined ? undefined : `Correct the file, then check it: ${checkedBy}`;
}

/** The runtime puts it in the place of bytes that are not UTF-8. */
const REPLACED = "\ufffd";

/** Throws `BAD_CONFIG` for a variable of ours that is not UTF-8: its value would be another path or name. */
function checkVariables(names: readonly string[]): void {
  const entries = readFileSync("/proc/self/environ", "latin1").split("\0");
  for (const entry of entries) {
    const name = entry.split("=", 1)[0] ?? "";
    if (!names.includes(name) || decodeUtf8(Buffer.from(entry, "latin1")) !== undefined) continue;
    throw new NegotiatorError("BAD_CONFIG", `Cannot use the environment: the variable ${name} is not UTF-8`, {
      remedy: `Set it in UTF-8, or remove it: unset ${name}`,
    });
  }
}

/** Returns the socket of the service manager (sd_notify(3)); undefined without one. */
export function notifySocket(): string | undefined {
  return process.env["NOTIFY_SOCKET"];
}

/** Returns what the service manager's watchdog wants (sd_watchdog_enabled(3)). */
export function watchdogRequest(): Record<"usec" | "pid" | "socket", string | undefined> {
  const { WATCHDOG_USEC, WATCHDOG_PID } = process.env;
  return { usec: WATCHDOG_USEC, pid: WATCHDOG_PID, socket: notifySocket() };
}

/** Returns the device and inode of the stream to the journal (systemd.exec(5)); undefined without one. */
export function journalStream(): string | undefined {
  return process.env["JOURNAL_STREAM"];
}

/** Returns the files that replace the usual ones under the name of the QEMU guest agent. */
export function agentFiles(): { config: string | undefined; osRelease: string | undefined } {
  const { QGA_CONF, QGA_OS_RELEASE } = process.env;
  return { config: QGA_CONF, osRelease: QGA_OS_RELEASE };
}

/** Returns the environment for programs such as virsh. */
export function toolEnvironment(): Record<string, string> {
  const { PATH = "/usr/sbin:/usr/bin:/sbin:/bin", HOME = "/", XDG_RUNTIME_DIR } = process.env;
  return { PATH, HOME, ...(XDG_RUNTIME_DIR === undefined ? {} : { XDG_RUNTIME_DIR }) };
}

/** Returns the variables that choose how libguestfs opens an image (guestfs(3)). */
export function imageToolEnvironment(): Record<string, string> {
  const all = Object.entries(process.env).filter(([name]) => name.startsWith("LIBGUESTFS_"));
  return Object.fromEntries(all.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/**
 * Returns the path of the policy. `setBy` is the file, variable or option that set it; undefined by default.
 * `remedy` is that of a policy with a wrong key or value.
 */
export function findPolicyFile({ settings, origins, checkedBy }: Config): {
  path: string;
  setBy: string | undefined;
  remedy?: string | undefined;
} {
  const origin = origins.get("policyFile") ?? "the settings";
  const setBy = origin === DEFAULT_ORIGIN ? undefined : origin;
  return { path: settings.policyFile, setBy, remedy: checkRemedy(checkedBy) };
}

/** Returns the value of a dotted key such as `log.level`. */
export function settingAt(settings: Settings, key: string): unknown {
  return key
    .split(".")
    .reduce<unknown>((value, part) => (isTable(value) ? value[part] : undefined), settings);
}

/** Returns the settings that come from variables and options, with their values as JSON. */
export function settingsElsewhere({
  settings,
  origins,
}: Config): Map<string, { value: string; origin: string }> {
  const found = [...origins].filter(([, origin]) => origin !== DEFAULT_ORIGIN && !origin.startsWith("/"));
  return new Map(
    found.map(([key, origin]) => [key, { value: JSON.stringify(settingAt(settings, key)), origin }]),
  );
}

/** Returns the variable for a dotted key: `NEGOTIATOR_LOG_LEVEL` for `log.level`. */
export function variableOf(key: string): string {
  const words = key.replaceAll(".", "_").replace(/[A-Z]/g, (letter) => `_${letter}`);
  return `NEGOTIATOR_${words.toUpperCase()}`;
}

type Layer = { settings: SettingsLayer; origin: (key: string) => string; warnings?: readonly string[] };

function readFileLayer(
  path: string,
  text: string | undefined,
  isRequired: boolean,
  remedy: string | undefined,
): Layer & Config["file"] {
  const origin = (): string => path;
  if (text !== undefined) {
    const parsed = parseToml(text, path, remedy);
    const warnings = dropRemovedKeys(parsed, path);
    const options = { nameOf: namePlaces(text), remedy };
    return { origin, settings: checkStrict(SettingsSchema, parsed, path, options), warnings, path, text };
  }
  if (!isRequired) return { origin, settings: {}, path, text };
  throw new NegotiatorError(
    "BAD_CONFIG",
    `Cannot read the config file "${printable(path)}": there is no such file`,
    { remedy: `Create the file, or correct --config or the variable ${CONFIG_VARIABLE}` },
  );
}

function readEnvironmentLayer(environment: Environment): Layer {
  const settings: Record<string, unknown> = {};
  for (const [key, fallback] of leavesOf(DEFAULTS)) {
    const text = environment[variableOf(key)];
    if (text !== undefined) setAt(settings, key, coerce(text, fallback));
  }
  return {
    origin: variableOf,
    settings: checkStrict(SettingsSchema, settings, "the environment", {
      nameOf: nameVariable,
      write: (keys, value) => `${variableOf(keys.filter(isName).join("."))}=${value.replaceAll('"', "")}`,
      remedy: (wrong) => {
        const names = new Set(wrong.map((keys) => variableOf(keys.filter(isName).join("."))));
        return `Correct the variables, or remove them: unset ${[...names].join(" ")}`;
      },
    }),
  };
}

function isName(key: unknown): boolean {
  return typeof key === "string";
}

/** A variable is a whole setting; a list in it has items, from 1. */
function nameVariable(keys: readonly unknown[]): string {
  const variable = variableOf(keys.filter(isName).join("."));
  const index = keys.find((key) => typeof key === "number");
  return index === undefined ? variable : `item ${index + 1} of ${variable}`;
}

/**
 * Returns a warning for each of the variables that sets nothing, though its name begins like those of
 * settings.
 */
function warnOfVariables(names: readonly string[]): string[] {
  if (names.every((name) => name === CONFIG_VARIABLE)) return [];
  const variables = [CONFIG_VARIABLE, ...leavesOf(DEFAULTS).map(([key]) => variableOf(key))];
  const removed = new Map(REMOVED_KEYS.map((key) => [variableOf(key), key]));
  const strays = warnOfStrays(
    names.filter((name) => !removed.has(name)),
    variables,
  );
  const set = [...removed].filter(([variable]) => names.includes(variable));
  return [...set.map(([variable, key]) => warnOfRemoved(variable, key)), ...strays];
}

/**
 * Converts text to the type of the setting's default. Returns text that does not fit, which the schema
 * refuses.
 */
function coerce(text: string, fallback: unknown): unknown {
  if (typeof fallback === "number") {
    const number = Number(text);
    return text.trim() !== "" && Number.isFinite(number) ? number : text;
  }
  if (typeof fallback === "boolean") return text === "true" ? true : text === "false" ? false : text;
  if (Array.isArray(fallback)) {
    const items = text.split(",").map((item) => item.trim());
    return items.filter((item) => item !== "");
  }
  return text;
}

function applyLayer(settings: Record<string, unknown>, origins: Map<string, string>, layer: Layer): void {
  for (const [key, value] of leavesOf(layer.settings)) {
    setAt(settings, key, value);
    origins.set(key, layer.origin(key));
  }
}

/** Returns each value that is not a table, with its dotted key. */
function leavesOf(table: object, prefix = ""): [string, unknown][] {
  return Object.entries(table).flatMap(([name, value]): [string, unknown][] =>
    isTable(value) ? leavesOf(value, `${prefix}${name}.`) : [[`${prefix}${name}`, value]],
  );
}

function setAt(table: Record<string, unknown>, key: string, value: unknown): void {
  const [name = "", ...rest] = key.split(".");
  if (rest.length === 0) {
    table[name] = value;
    return;
  }
  const inner = table[name];
  const next = isTable(inner) ? inner : {};
  table[name] = next;
  setAt(next, rest.join("."), value);
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
