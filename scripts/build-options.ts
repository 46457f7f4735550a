/** Owns the command line of the build script. Pure. */
import { NegotiatorError } from "../src/errors.ts";
import { nearest } from "../src/nearest.ts";
import { printable } from "../src/printable.ts";
import { isTargetName, TARGET_NAMES } from "../src/roles/install/targets.ts";
import type { TargetName } from "../src/roles/install/targets.ts";

/** The name of a build. `host` is the binary for this machine, called `negotiator` without a suffix. */
export type BuildName = TargetName | "host";

/** All builds, in the order in which they run. */
export const BUILD_NAMES: readonly BuildName[] = ["host", ...TARGET_NAMES];

/**
 * Returns the builds to run, each once, or `"help"` for `--help`. Throws `BAD_USAGE` with a message of one
 * line.
 */
export function parseBuildOptions(words: readonly string[]): readonly BuildName[] | "help" {
  const chosen = new Set<BuildName>();
  const queue = [...words];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === "--help" || word === "-h") return "help";
    const attached = /^--target=(.*)$/s.exec(word)?.[1];
    if (word !== "--target" && attached === undefined) {
      const kind = word.startsWith("-") ? "option" : "word";
      throw badUsage(`unknown ${kind} "${printable(word)}"`, nearest(word, OPTIONS), OPTIONS);
    }
    chosen.add(parseBuildName(attached ?? queue.shift()));
  }
  return chosen.size === 0 ? BUILD_NAMES : BUILD_NAMES.filter((name) => chosen.has(name));
}

/** The text of `--help`. */
export const BUILD_HELP = `Build the release binaries into dist/.

Usage:
  bun scripts/build-binaries.ts [--target NAME]...

Options:
  --target NAME   Build only this one; repeatable (default: build all)
  -h, --help      Show this help

Names:
  host            For this machine: dist/negotiator and the links of both roles
${TARGET_NAMES.map((name) => `  ${name}`).join("\n")}

Examples:
  bun scripts/build-binaries.ts --target host
  bun scripts/build-binaries.ts --target linux-x64 --target linux-arm64

Exit code: 0 all built, 1 a build failed, 2 wrong usage
`;

const OPTIONS = ["--target", "--help"];

function parseBuildName(word: string | undefined): BuildName {
  if (word === "host" || (word !== undefined && isTargetName(word))) return word;
  if (word === undefined || word === "") throw badUsage("option --target needs a name", [], BUILD_NAMES);
  throw badUsage(`unknown target "${printable(word)}"`, nearest(word, BUILD_NAMES), BUILD_NAMES);
}

function badUsage(problem: string, guesses: readonly string[], allowed: readonly string[]): NegotiatorError {
  const quoted = guesses.map((guess) => `"${guess}"`).join(" or ");
  const hint = guesses.length === 0 ? `one of: ${allowed.join(", ")}` : `did you mean ${quoted}?`;
  return new NegotiatorError("BAD_USAGE", `${problem}: ${hint} (see --help)`);
}
