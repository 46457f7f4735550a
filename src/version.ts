/**
 * The version of this build. `scripts/build-binaries.ts` sets commit and target; a run from source has
 * neither.
 */

declare const NEGOTIATOR_COMMIT: string | undefined;
declare const NEGOTIATOR_TARGET: string | undefined;

import manifest from "../package.json" with { type: "json" };

/** The version in package.json, such as `0.1.0`. */
export const VERSION: string = manifest.version;
/** A short commit hash, with `-dirty` if there were changes. */
const COMMIT = typeof NEGOTIATOR_COMMIT === "string" ? NEGOTIATOR_COMMIT : "source";
/** A release target, such as `linux-x64-musl-baseline`. */
const TARGET = typeof NEGOTIATOR_TARGET === "string" ? NEGOTIATOR_TARGET : "source";

/** Returns the line of `--version`: version, commit, target, and the version of Bun. */
export function formatVersion(): string {
  return `negotiator ${VERSION} (commit ${COMMIT}, ${TARGET}, bun ${Bun.version})`;
}
