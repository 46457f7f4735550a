/** The limits of a command line's call, from its options and settings. */
import type { CallLimits } from "../../peers/call-time.ts";
import type { Settings } from "../../config/settings.ts";
import { NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import type { Words } from "./tokenizer.ts";

/** The deadline of a list, which the other side answers at once. */
export const LIST_SECONDS = 10;

/** The longest deadline, a year. */
const MOST_SECONDS = 31_536_000;

/** The limits of a call. Without `--timeout` it has a deadline of `defaultSeconds`, 0 for none. */
export function callLimits(
  { options }: Words,
  { connectTimeoutSeconds }: Pick<Settings, "connectTimeoutSeconds">,
  defaultSeconds = 0,
): CallLimits {
  const seconds = options.get("timeout")?.at(-1);
  return {
    timeoutMs: 1000 * (seconds === undefined ? defaultSeconds : readSeconds("--timeout", seconds)),
    connectTimeoutMs: 1000 * connectTimeoutSeconds,
    isPatient: options.has("connect-timeout"),
  };
}

/** The daemon passes a question on, and needs a moment for that. */
const RELAY_MS = 2000;

/** Returns the milliseconds after which a daemon that passes a call on has not answered; 0 for no limit. */
export function relayTimeout({ timeoutMs, connectTimeoutMs }: CallLimits): number {
  return timeoutMs === 0 ? 0 : timeoutMs + connectTimeoutMs + RELAY_MS;
}

/** Returns how a call is detached, if it is. Throws `BAD_USAGE` for `--keep` without `--detach`. */
export function detachOption({ options }: Words): { detach?: { keepMs?: number } } {
  const seconds = options.get("keep")?.at(-1);
  if (options.has("detach") || options.has("detach-on-hangup"))
    return { detach: seconds === undefined ? {} : { keepMs: 1000 * readSeconds("--keep", seconds) } };
  if (seconds === undefined) return {};
  throw new NegotiatorError("BAD_USAGE", "--keep needs a detached call: nothing of other calls is kept", {
    remedy: "Add --detach or --detach-on-hangup, or leave out --keep",
  });
}

/**
 * Returns the seconds. Throws `BAD_USAGE` for a value of `option` that is not a number, or more than a year.
 */
export function readSeconds(option: string, text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw badSeconds(option, "a number of seconds", text);
  const seconds = Number(text);
  const noLimit = option === "--keep" ? "" : " (0 for no limit)";
  if (seconds > MOST_SECONDS) throw badSeconds(option, `a number from 0 to ${MOST_SECONDS}`, text, noLimit);
  return seconds;
}

/**
 * Throws `BAD_USAGE` if an option for seconds has another value. It may have taken the next word for its
 * value, which would then count as missing.
 */
export function checkSeconds({ options }: Words): void {
  for (const name of ["timeout", "connect-timeout", "keep"])
    for (const text of options.get(name) ?? []) readSeconds(`--${name}`, text);
}

function badSeconds(option: string, needed: string, text: string, more = ""): NegotiatorError {
  const problem = `${option} must be ${needed}; this is "${printable(text)}"`;
  return new NegotiatorError("BAD_USAGE", problem, { remedy: `Write for example: ${option} 60${more}` });
}
