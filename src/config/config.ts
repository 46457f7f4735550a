/**
 * Loads the settings: defaults, then the config file, then the environment, then options. The only reader of
 * the environment and of config files.
 */
import { NegotiatorError } from "../errors.ts";
import { DEFAULTS, SettingsSchema } from "./settings.ts";
import type { Settings, SettingsLayer } from "./settings.ts";
import { printable } from "../printable.ts";
import { dropRemovedKeys, REMOVED_KEYS, warnOfRemovedVariables } from "./removed-settings.ts";
import { warnOfStrays } from "./stray-variables.ts";
import { checkStrict, parseToml } from "../strict.ts";
import { readTrustedFile } from "../trust/trusted-file.ts";

const CONFIG_FILE = "/etc/negotiator/negotiator.toml";
const DEFAULT_ORIGIN = "default";
const CONFIG_VARIABLE = "NEGOTIATOR_CONFIG";

/**
 * The settings in force. `origins` has for each dotted key who set it: `default`, a file, a variable, or
 * `option`. `warnings` are sentences about keys and variables that set nothing.
 */
export type Config = {
  settings: Settings;
  origins: ReadonlyMap<string, string>;
  warnings: readonly string[];
};

/**
 * `file` is the value of `--config`. `flags` returns the layer of the options; it gets the settings of the
 * layers below, because `-v` and `-q` are relative to them.
 */
export type ConfigSources = {
  file?: string | undefined;
  flags?: (below: Settings) => SettingsLayer;
  environment?: Environment;
};
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Returns the settings in force. Without a named file, `/etc/negotiator/negotiator.toml` is read if it
 * exists. Throws `BAD_CONFIG`, or `BAD_USAGE` for options, which lists the problems with their places.
 */
export function loadConfig(sources: ConfigSources = {}): Config {
  const environment = sources.environment ?? process.env;
  const path = sources.file ?? environment[CONFIG_VARIABLE];
  const origins = new Map<string, string>();
  const table: Record<string, unknown> = {};
  applyLayer(table, origins, { origin: () => DEFAULT_ORIGIN, settings: DEFAULTS });
  const file = readFileLayer(path ?? CONFIG_FILE, path !== undefined);
  applyLayer(table, origins, file);
  applyLayer(table, origins, readEnvironmentLayer(environment));
  // DEFAULTS was applied first and has every key, so the table is complete.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const settings = table as Settings;
  const flags = checkStrict(SettingsSchema, sources.flags?.(settings) ?? {}, "the options", "BAD_USAGE");
  applyLayer(table, origins, { origin: () => "option", settings: flags });
  const warnings = [...file.warnings, ...warnOfVariables(Object.keys(environment))];
  return { settings, origins, warnings };
}

/** Returns the socket that the service manager listens on (sd_notify(3)), if there is one. */
export function notifySocket(): string | undefined {
  return process.env["NOTIFY_SOCKET"];
}

/**
 * Returns device and inode of the stream that systemd has connected to the journal (systemd.exec(5)), if any.
 */
export function journalStream(): string | undefined {
  return process.env["JOURNAL_STREAM"];
}

/** Returns the environment of programs that we run ourselves, such as virsh. */
export function toolEnvironment(): Record<string, string> {
  const { PATH = "/usr/sbin:/usr/bin:/sbin:/bin", HOME = "/", XDG_RUNTIME_DIR } = process.env;
  return { PATH, HOME, ...(XDG_RUNTIME_DIR === undefined ? {} : { XDG_RUNTIME_DIR }) };
}

/**
 * Returns the path of the policy file, and the file, variable or option that set it: undefined for the
 * default.
 */
export function findPolicyFile({ settings, origins }: Config): { path: string; setBy: string | undefined } {
  const origin = origins.get("policyFile") ?? "the settings";
  return { path: settings.policyFile, setBy: origin === DEFAULT_ORIGIN ? undefined : origin };
}

/** Returns the value of a dotted key such as `log.level`, or undefined if there is no such key. */
export function settingAt(settings: Settings, key: string): unknown {
  return key
    .split(".")
    .reduce<unknown>((value, part) => (isTable(value) ? value[part] : undefined), settings);
}

/** Returns the variable that sets a dotted key: `log.level` is `NEGOTIATOR_LOG_LEVEL`. */
export function variableOf(key: string): string {
  const words = key.replaceAll(".", "_").replace(/[A-Z]/g, (letter) => `_${letter}`);
  return `NEGOTIATOR_${words.toUpperCase()}`;
}

type Layer = { settings: SettingsLayer; origin: (key: string) => string };

function readFileLayer(path: string, isRequired: boolean): Layer & { warnings: readonly string[] } {
  const origin = (): string => path;
  const text = readTrustedFile(path);
  if (text !== undefined) {
    const { table, warnings } = dropRemovedKeys(parseToml(text, path), path);
    return { origin, settings: checkStrict(SettingsSchema, table, path), warnings };
  }
  if (!isRequired) return { origin, settings: {}, warnings: [] };
  throw new NegotiatorError(
    "BAD_CONFIG",
    `Cannot read the config file "${printable(path)}": there is no such file`,
  );
}

function warnOfVariables(names: readonly string[]): string[] {
  const removed = REMOVED_KEYS.map(variableOf);
  const known = [CONFIG_VARIABLE, ...leavesOf(DEFAULTS).map(([key]) => variableOf(key))];
  const others = names.filter((name) => !removed.includes(name));
  return [...warnOfRemovedVariables(names, removed), ...warnOfStrays(others, known)];
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

/** Converts to the type of the default. Text that does not fit stays text, and the schema rejects it. */
function coerce(text: string, fallback: unknown): unknown {
  if (typeof fallback === "number") {
    const number = Number(text);
    return text.trim() !== "" && Number.isFinite(number) ? number : text;
  }
  if (typeof fallback === "boolean") return text === "true" ? true : text === "false" ? false : text;
  if (Array.isArray(fallback)) return text.split(",").filter((item) => item !== "");
  return text;
}

function applyLayer(settings: Record<string, unknown>, origins: Map<string, string>, layer: Layer): void {
  for (const [key, value] of leavesOf(layer.settings)) {
    setAt(settings, key, value);
    origins.set(key, layer.origin(key));
  }
}

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
