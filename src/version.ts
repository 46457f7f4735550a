/** Which build this is. `scripts/build-binaries.ts` puts commit and target in; a run from source has neither. */

declare const NEGOTIATOR_COMMIT: string | undefined;
declare const NEGOTIATOR_TARGET: string | undefined;

import manifest from "../package.json" with { type: "json" };

export const VERSION: string = manifest.version;
/** Short commit hash, `-dirty` behind it when the tree had changes; `source` when run from source. */
const COMMIT = typeof NEGOTIATOR_COMMIT === "string" ? NEGOTIATOR_COMMIT : "source";
/** Release target, for example `linux-x64-musl-baseline`; `source` when run from source. */
const TARGET = typeof NEGOTIATOR_TARGET === "string" ? NEGOTIATOR_TARGET : "source";

/** One line for `--version` and bug reports: version, commit, target, Bun version. */
export function formatVersion(): string {
  return `negotiator ${VERSION} (commit ${COMMIT}, ${TARGET}, bun ${Bun.version})`;
}
