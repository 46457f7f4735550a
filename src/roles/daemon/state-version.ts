/** The version of the state that one daemon hands over to the next one. */
import type { BuildFacts } from "../../process/next-program.ts";
import { formatVersion } from "../../version.ts";

declare const NEGOTIATOR_STATE_VERSIONS: { min: number; max: number } | undefined;

/**
 * The versions that this program reads and writes. A test builds programs with others, to try what happens
 * between releases. Raise `max` when a member of the state changes its meaning, and keep reading the old one.
 */
export const STATE_VERSIONS =
  typeof NEGOTIATOR_STATE_VERSIONS === "object" ? NEGOTIATOR_STATE_VERSIONS : { min: 1, max: 1 };

/** Returns the highest version that both programs know; undefined if there is none. */
export function commonStateVersion({ min, max }: BuildFacts["states"]): number | undefined {
  const version = Math.min(max, STATE_VERSIONS.max);
  return version >= Math.max(min, STATE_VERSIONS.min) ? version : undefined;
}

/** Returns the answer of this program when it is tried. */
export function describeBuild(): BuildFacts {
  return { version: formatVersion(), states: STATE_VERSIONS };
}
