/** Identifies the build. `scripts/compile.ts` sets the stamp. */

declare const NEGOTIATOR_STAMP: string | undefined;

import manifest from "../package.json" with { type: "json" };

/** A build: its release, such as `0.1.0`, its commit and its target. */
export type Build = { version: string; commit: string; target: string };

const MARK = "negotiator-stamp:";
const STAMP_BYTES = 200;

/** Returns the text that each binary has inside, so that another one can read its build from the file. */
export function formatStamp({ version, commit, target }: Build): string {
  return `${MARK}${version}:${commit}:${target};`;
}

/** Returns the build of the binary in these bytes; undefined if it has no stamp, as before 0.2.0. */
export function readStamp(bytes: Uint8Array): Build | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = file.indexOf(MARK); at !== -1; at = file.indexOf(MARK, at + 1)) {
    const build = parseStamp(file.toString("latin1", at, at + STAMP_BYTES));
    if (build !== undefined) return build;
  }
  return undefined;
}

function parseStamp(text: string): Build | undefined {
  const fields = /^negotiator-stamp:(?<version>[\w.+-]+):(?<commit>[\w.-]+):(?<target>[\w.-]+);/.exec(text);
  const { version, commit, target } = fields?.groups ?? {};
  return version === undefined || commit === undefined || target === undefined
    ? undefined
    : { version, commit, target };
}

const BUILD = typeof NEGOTIATOR_STAMP === "string" ? parseStamp(NEGOTIATOR_STAMP) : undefined;

/** The release, such as `0.1.0`. */
export const VERSION: string = manifest.version;
/** The short commit hash, with `-dirty` if there were uncommitted changes; `source` if not a binary. */
const COMMIT = BUILD?.commit ?? "source";
/** The target, such as `linux-x64-musl-baseline`; `source` if not a binary. */
export const TARGET: string = BUILD?.target ?? "source";

/** Returns the line of `--version`: version, commit, target, version of Bun. */
export function formatVersion(): string {
  return `negotiator ${VERSION} (commit ${COMMIT}, ${TARGET}, bun ${Bun.version})`;
}
