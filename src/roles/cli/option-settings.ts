/** The options of a command line as a layer of settings. */
import type { Settings, SettingsLayer } from "../../config/settings.ts";
import { LOG_FORMATS, shiftLevel } from "../../log.ts";
import type { Role } from "../../peers/dialect.ts";
import { readSeconds } from "./call-limits.ts";
import type { Words } from "./tokenizer.ts";
import { usageError } from "./usage.ts";

/**
 * The layer over the settings `below`, which `-v` and `-q` are relative to. Throws `BAD_USAGE` for a value
 * that does not fit; `help` is the command that shows the help.
 */
export function optionSettings(
  { role, help }: { role: Role; help: string },
  words: Words,
  below: Settings,
): SettingsLayer {
  const value = (option: string): string | undefined => words.options.get(option)?.at(-1);
  const count = (option: string): number => words.options.get(option)?.length ?? 0;
  const steps = count("verbose") - count("quiet");
  const format = readFormat(value("log-format"), help);
  const connectTimeout = value("connect-timeout");
  const own = {
    control: value("control"),
    connect: value("connect"),
    characterDevice: value("character-device"),
    qgaPort: value("qga-port"),
  };
  return {
    ...(connectTimeout !== undefined && {
      connectTimeoutSeconds: readSeconds("--connect-timeout", connectTimeout),
    }),
    log: {
      ...(steps === 0 ? {} : { level: shiftLevel(below.log.level, steps) }),
      ...(format === undefined ? {} : { format }),
    },
    [role]: Object.fromEntries(Object.entries(own).filter(([, text]) => text !== undefined)),
  };
}

/** Returns the option that sets a dotted key. */
export function optionOf(key: string): string {
  return OPTIONS.get(key) ?? `--${key.replace(/^.*\./, "")}`;
}

const OPTIONS = new Map([
  ["guest.characterDevice", "--character-device"],
  ["guest.qgaPort", "--qga-port"],
  ["log.format", "--log-format"],
  ["connectTimeoutSeconds", "--connect-timeout"],
]);

function readFormat(text: string | undefined, help: string): (typeof LOG_FORMATS)[number] | undefined {
  const format = LOG_FORMATS.find((candidate) => candidate === text);
  if (text !== undefined && format === undefined)
    throw usageError("value of --log-format", text, LOG_FORMATS, help);
  return format;
}
