/** Reads the settings: defaults, then the file, the environment, and the command line. The last one wins. */
import { NegotiatorError } from "../errors.ts";
import { DEFAULTS, SettingsSchema } from "./settings.ts";
import type { Settings, SettingsLayer } from "./settings.ts";
import { printable } from "../printable.ts";
import { dropRemovedKeys, REMOVED_KEYS, warnOfRemoved } from "./removed-settings.ts";
import { warnOfStrays } from "./stray-variables.ts";
import { checkStrict } from "../strict/strict.ts";
import { parseToml } from "../strict/toml.ts";
import { readTrustedFile } from "../trust/trusted-file.ts";

/** The file to read if neither `--config` nor `NEGOTIATOR_CONFIG` is given. It may be missing. */
const CONFIG_FILE = "/etc/negotiator/negotiator.toml";
const DEFAULT_ORIGIN = "default";
const CONFIG_VARIABLE = "NEGOTIATOR_CONFIG";
/** The names of our variables, and of mistyped ones. */
const OUR_VARIABLE = /^negotiator_/i;

/**
 * The settings in force.
 * - `origins`: for each dotted key `default`, the path of the file, the name of the variable, or `option`.
 * - `warnings`: sentences about keys and variables that have no effect.
 */
export type Config = {
  settings: Settings;
  origins: ReadonlyMap<string, string>;
  warnings: readonly string[];
};

/**
 * The layers above the defaults.
 * - `file`: the value of `--config`.
 * - `flags`: the settings of the options. `-v` is relative, so it gets the settings without options.
 */
export type ConfigSources = {
  file?: string | undefined;
  flags?: (below: Settings) => SettingsLayer;
  environment?: Environment;
};
type Environment = Readonly<Record<string, string | undefined>>;

/** Loads the settings. Throws `BAD_CONFIG`, or `BAD_USAGE` for options, with a line for each problem. */
export function loadConfig(sources: ConfigSources = {}): Config {
  const environment = sources.environment ?? process.env;
  const path = sources.file ?? environment[CONFIG_VARIABLE];
  const origins = new Map<string, string>();
  const table: Record<string, unknown> = {};
  applyLayer(table, origins, { origin: () => DEFAULT_ORIGIN, settings: DEFAULTS });
  const file = readFileLayer(path ?? CONFIG_FILE, path !== undefined);
  applyLayer(table, origins, file);
  const variables = Object.keys(environment).filter((name) => OUR_VARIABLE.test(name));
  // Most environments set nothing of ours, and naming the variable of every key takes time.
  if (variables.some((name) => name !== CONFIG_VARIABLE))
    applyLayer(table, origins, readEnvironmentLayer(environment));
  // DEFAULTS was applied first and has every key, so the table is complete.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const settings = table as Settings;
  const flags = checkStrict(SettingsSchema, sources.flags?.(settings) ?? {}, "the options", "BAD_USAGE");
  applyLayer(table, origins, { origin: () => "option", settings: flags });
  const warnings = [...(file.warnings ?? []), ...warnOfVariables(variables)];
  return { settings, origins, warnings };
}

/** Returns the socket of the service manager (sd_notify(3)); undefined without one. */
export function notifySocket(): string | undefined {
  return process.env["NOTIFY_SOCKET"];
}

/** Returns the device and inode of the stream to the journal (systemd.exec(5)); undefined without one. */
export function journalStream(): string | undefined {
  return process.env["JOURNAL_STREAM"];
}

/** Returns the environment for programs such as virsh. */
export function toolEnvironment(): Record<string, string> {
  const { PATH = "/usr/sbin:/usr/bin:/sbin:/bin", HOME = "/", XDG_RUNTIME_DIR } = process.env;
  return { PATH, HOME, ...(XDG_RUNTIME_DIR === undefined ? {} : { XDG_RUNTIME_DIR }) };
}

/**
 * Returns the path of the policy. `setBy` is the file, variable or option that set it; undefined by default.
 */
export function findPolicyFile({ settings, origins }: Config): { path: string; setBy: string | undefined } {
  const origin = origins.get("policyFile") ?? "the settings";
  return { path: settings.policyFile, setBy: origin === DEFAULT_ORIGIN ? undefined : origin };
}

/** Returns the value of a dotted key such as `log.level`. */
export function settingAt(settings: Settings, key: string): unknown {
  return key
    .split(".")
    .reduce<unknown>((value, part) => (isTable(value) ? value[part] : undefined), settings);
}

/** Returns the variable for a dotted key: `NEGOTIATOR_LOG_LEVEL` for `log.level`. */
export function variableOf(key: string): string {
  const words = key.replaceAll(".", "_").replace(/[A-Z]/g, (letter) => `_${letter}`);
  return `NEGOTIATOR_${words.toUpperCase()}`;
}

type Layer = { settings: SettingsLayer; origin: (key: string) => string; warnings?: readonly string[] };

function readFileLayer(path: string, isRequired: boolean): Layer {
  const origin = (): string => path;
  const text = readTrustedFile(path);
  if (text !== undefined) {
    const parsed = parseToml(text, path);
    const warnings = dropRemovedKeys(parsed, path);
    return { origin, settings: checkStrict(SettingsSchema, parsed, path), warnings };
  }
  if (!isRequired) return { origin, settings: {} };
  throw new NegotiatorError(
    "BAD_CONFIG",
    `Cannot read the config file "${printable(path)}": there is no such file`,
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
    settings: checkStrict(SettingsSchema, settings, "the environment (NEGOTIATOR_…)"),
  };
}

/**
 * Returns a warning for each of the variables that sets nothing, though its name begins like those of
 * settings.
 */
function warnOfVariables(names: readonly string[]): string[] {
  if (names.every((name) => name === CONFIG_VARIABLE)) return [];
  const variables = [CONFIG_VARIABLE, ...leavesOf(DEFAULTS).map(([key]) => variableOf(key))];
  const removed = REMOVED_KEYS.map(variableOf).filter((name) => names.includes(name));
  const strays = warnOfStrays(
    names.filter((name) => !removed.includes(name)),
    variables,
  );
  return [...removed.map(warnOfRemoved), ...strays];
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
