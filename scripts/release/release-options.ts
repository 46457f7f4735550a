/** Owns the command line of the release script. Pure. */
import { NegotiatorError } from "../../src/errors.ts";
import { printable } from "../../src/printable.ts";
import type { Architecture } from "../../src/roles/install/targets.ts";
import { ARCHITECTURES, PACKAGE_KINDS } from "./package-kinds.ts";
import type { PackageKind } from "./package-kinds.ts";

/** The files to make, and whether the binaries in `dist` are taken as they are. */
export type ReleaseOptions = {
  kinds: readonly PackageKind[];
  architectures: readonly Architecture[];
  skipsBuild: boolean;
};

/** Returns the options, or `"help"`. Throws `BAD_USAGE` with a message of one line. */
export function parseReleaseOptions(words: readonly string[]): ReleaseOptions | "help" {
  const kinds = new Set<PackageKind>();
  const architectures = new Set<Architecture>();
  let skipsBuild = false;
  const queue = [...words];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === "--help" || word === "-h") return "help";
    if (word === "--no-build") skipsBuild = true;
    else if (word === "--kind") kinds.add(oneOf("kind", queue.shift(), PACKAGE_KINDS));
    else if (word === "--arch") architectures.add(oneOf("architecture", queue.shift(), ARCHITECTURES));
    else throw badUsage(`unknown word "${printable(word)}"`);
  }
  return {
    kinds: PACKAGE_KINDS.filter((kind) => kinds.size === 0 || kinds.has(kind)),
    architectures: ARCHITECTURES.filter((name) => architectures.size === 0 || architectures.has(name)),
    skipsBuild,
  };
}

/** The text of `--help`. */
export const RELEASE_HELP = `Make the released files in dist/release/: tarballs, packages, checksums,
and a bill of materials.

Usage:
  bun scripts/release.ts [--kind NAME]... [--arch NAME]... [--no-build]

Options:
  --kind NAME    Make only these: ${PACKAGE_KINDS.join(", ")}; repeatable
  --arch NAME    Only for this architecture: ${ARCHITECTURES.join(", ")}; repeatable
  --no-build     Take the binaries that are in dist/
  -h, --help     Show this help

Needs dpkg-deb for .deb and rpmbuild for .rpm: apt-get install dpkg rpm.
Times in the files are that of the commit, or SOURCE_DATE_EPOCH.

Exit code: 0 all made, 1 failed, 2 wrong usage
`;

function oneOf<Name extends string>(what: string, word: string | undefined, names: readonly Name[]): Name {
  const found = names.find((name) => name === word);
  if (found !== undefined) return found;
  const problem = word === undefined ? `missing ${what}` : `unknown ${what} "${printable(word)}"`;
  throw badUsage(`${problem}: one of ${names.join(", ")}`);
}

function badUsage(problem: string): NegotiatorError {
  return new NegotiatorError("BAD_USAGE", `${problem} (see --help)`);
}
