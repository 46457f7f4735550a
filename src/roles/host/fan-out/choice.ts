/** The options of `execute` for several guests. */
import type { ArgsDef } from "citty";
import { NegotiatorError } from "../../../errors.ts";
import { printable } from "../../../printable.ts";
import type { Words } from "../../cli/tokenizer.ts";

/** The options that take the place of GUEST. */
export const FAN_OUT_OPTIONS = {
  all: { type: "boolean", description: "Run it in all guests that run, in place of GUEST" },
  guests: {
    type: "string",
    valueHint: "pattern",
    description: "Run it in the guests of these names, such as 'db*,web1'; repeatable, in place of GUEST",
  },
  "guests-file": {
    type: "string",
    valueHint: "file",
    description: "Run it in the guests that this file names, one on each line; in place of GUEST",
  },
  parallel: { type: "string", valueHint: "n", description: "Of several guests: so many at once; default 32" },
  "fail-fast": { type: "boolean", description: "Of several guests: begin with no more after a failure" },
  "output-dir": {
    type: "string",
    valueHint: "directory",
    description: "Of several guests: write each one's output to GUEST.stdout and GUEST.stderr there",
  },
  json: { type: "boolean", description: "Of several guests: one JSON object for each" },
} as const satisfies ArgsDef;

/** The options that choose the guests. */
export const CHOOSING = ["all", "guests", "guests-file"] as const;

/** The options that need one of those. */
const DEPENDENT = ["parallel", "fail-fast", "output-dir", "json"] as const;

/** Options of a call to one guest. */
const SINGLE = ["direct", "connect", "socket", "detach", "detach-on-hangup", "keep"] as const;

const MOST_PARALLEL = 256;
const DEFAULT_PARALLEL = 32;

/** Which guests, and how. */
export type FanOutChoice = {
  all: boolean;
  patterns: readonly string[];
  files: readonly string[];
  parallel: number;
  failFast: boolean;
  outputDirectory: string | undefined;
  isJson: boolean;
};

/** Returns the choice; undefined for a call to one guest. Throws `BAD_USAGE`. */
export function readFanOut({ options }: Words): FanOutChoice | undefined {
  const chosen = CHOOSING.some((name) => options.has(name));
  const dependent = DEPENDENT.find((name) => options.has(name));
  if (!chosen) {
    if (dependent === undefined) return undefined;
    throw badUsage(`--${dependent} is for several guests`, "Add --all or --guests PATTERN, or leave it out");
  }
  const single = SINGLE.find((name) => options.has(name));
  if (single !== undefined)
    throw badUsage(`--${single} is for a call to one guest`, "Name one guest, or leave it out");
  if (options.has("all") && (options.has("guests") || options.has("guests-file")))
    throw badUsage("--all and --guests exclude each other", "Leave one of them out");
  const patterns = (options.get("guests") ?? []).flatMap((text) => text.split(","));
  if (patterns.includes(""))
    throw badUsage("a pattern of --guests is empty", "Write for example: --guests 'db*,web1'");
  return {
    all: options.has("all"),
    patterns,
    files: options.get("guests-file") ?? [],
    parallel: readParallel(options.get("parallel")?.at(-1)),
    failFast: options.has("fail-fast"),
    outputDirectory: options.get("output-dir")?.at(-1),
    isJson: options.has("json"),
  };
}

function readParallel(text: string | undefined): number {
  if (text === undefined) return DEFAULT_PARALLEL;
  const number = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= MOST_PARALLEL) return number;
  const problem = `--parallel must be a number from 1 to ${MOST_PARALLEL}; this is "${printable(text)}"`;
  throw badUsage(problem, "Write for example: --parallel 10");
}

function badUsage(problem: string, remedy: string): NegotiatorError {
  return new NegotiatorError("BAD_USAGE", problem, { remedy });
}

/** Under the usage of `execute`, about several guests. */
export const FAN_OUT_NOTES =
  "With --all, --guests or --guests-file it runs in several guests at once. That option stands for GUEST, " +
  "before COMMAND. Each line of output begins with the guest's name. Standard input is sent, the same to " +
  "each guest, only if it is a file. -t is for each guest. A guest without an agent fails at once. Exit " +
  "code: 0 if all succeeded, else 1.\n\nWith --json each line is { guest, exitCode, signal, endedBy, " +
  "durationMs, stdout, stderr, isTruncated, error }; with --output-dir it has stdoutFile and stderrFile in " +
  "place of the output.";
