/** The options of `status`, for both roles. */
import type { ArgsDef } from "citty";
import { NegotiatorError } from "../../errors.ts";
import { readSeconds } from "./call-limits.ts";
import { CONTROL_OPTION, JSON_OPTION } from "./options.ts";
import type { Words } from "./tokenizer.ts";

/** The options. */
export const STATUS_OPTIONS = {
  watch: { type: "boolean", alias: "w", description: "Show it again and again, until Ctrl-C" },
  interval: {
    type: "string",
    valueHint: "seconds",
    description: "Of --watch: the pause between two looks; default 2",
  },
  check: {
    type: "boolean",
    description: "For monitoring: print only what is wrong; exit code 0 ok, 1 warning, 2 problem",
  },
  ...JSON_OPTION,
  ...CONTROL_OPTION,
} as const satisfies ArgsDef;

const DEFAULT_SECONDS = 2;
const LEAST_SECONDS = 0.1;

/** Returns the milliseconds between two looks; undefined without `--watch`. Throws `BAD_USAGE`. */
export function watchInterval({ options }: Words): number | undefined {
  const text = options.get("interval")?.at(-1);
  const seconds = text === undefined ? DEFAULT_SECONDS : readSeconds("--interval", text);
  if (!options.has("watch")) {
    if (text === undefined) return undefined;
    throw badUsage(
      "--interval needs --watch: without it there is only one look",
      "Add --watch, or leave out --interval",
    );
  }
  if (options.has("check"))
    throw badUsage(
      "--check and --watch exclude each other: a check ends with its exit code",
      "Leave one of them out",
    );
  if (seconds < LEAST_SECONDS)
    throw badUsage(
      `--interval must be at least ${LEAST_SECONDS}; this is "${text}"`,
      "Write for example: --interval 2",
    );
  return seconds * 1000;
}

function badUsage(problem: string, remedy: string): NegotiatorError {
  return new NegotiatorError("BAD_USAGE", problem, { remedy });
}

/** The exit code of wrong usage, and of a question that cannot be answered. */
const CANNOT_TELL = 3;

/** Returns the exit code for the errors of a command line: 3 if it has `--check`. */
export function checkExitCode(argv: readonly string[]): number | undefined {
  return argv.includes("--check") ? CANNOT_TELL : undefined;
}

/** Under the usage of `status`. */
export const STATUS_NOTES =
  "On a terminal it is a table: PING is the round trip, RUN and DONE count calls of both directions, IN " +
  "and OUT are bytes of the channels. Elsewhere it is one line for each. With --json each line is " +
  "{ name, uuid, state, dialect, version, since, calls, callsDone, bytes, roundTripMs, lastError, " +
  "overQuota, cannot }; calls and callsDone have { outgoing, incoming }, bytes has { in, out }; overQuota " +
  "is there only while it sends too much, and cannot only if its QEMU guest agent blocks commands.";

/** Under the usage of `status`, about `--check`. */
export const CHECK_NOTES =
  '--check prints lines such as "problem: web1: unresponsive", and exits with 0 ok, 1 warning, 2 problem, ' +
  "or 3 wrong usage or no answer to tell from. With --json it prints { level, findings }.";
