/** Identifies the build. `scripts/build-binaries.ts` sets commit and target. */

declare const NEGOTIATOR_COMMIT: string | undefined;
declare const NEGOTIATOR_TARGET: string | undefined;

import manifest from "../package.json" with { type: "json" };

/** The release, such as `0.1.0`. */
export const VERSION: string = manifest.version;
/** The short commit hash, with `-dirty` if there were uncommitted changes; `source` if not a binary. */
const COMMIT = typeof NEGOTIATOR_COMMIT === "string" ? NEGOTIATOR_COMMIT : "source";
/** The target, such as `linux-x64-musl-baseline`; `source` if not a binary. */
export const TARGET: string = typeof NEGOTIATOR_TARGET === "string" ? NEGOTIATOR_TARGET : "source";

/** Returns the line of `--version`: version, commit, target, version of Bun. */
export function formatVersion(): string {
  return `negotiator ${VERSION} (commit ${COMMIT}, ${TARGET}, bun ${Bun.version})`;
}
