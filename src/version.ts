/** Names this build. `scripts/build-binaries.ts` defines the commit and the target. */

declare const NEGOTIATOR_COMMIT: string | undefined;
declare const NEGOTIATOR_TARGET: string | undefined;

import manifest from "../package.json" with { type: "json" };

/** The version from package.json. */
export const VERSION: string = manifest.version;
const COMMIT = typeof NEGOTIATOR_COMMIT === "string" ? NEGOTIATOR_COMMIT : "source";
const TARGET = typeof NEGOTIATOR_TARGET === "string" ? NEGOTIATOR_TARGET : "source";

/**
 * Returns one line for `--version` and bug reports: version, commit, target, Bun version. A run from source
 * has `source` as commit and target. A commit ends in `-dirty` when its tree had changes.
 */
export function formatVersion(): string {
  return `negotiator ${VERSION} (commit ${COMMIT}, ${TARGET}, bun ${Bun.version})`;
}
