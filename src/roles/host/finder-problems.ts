/** Remembers what the finders cannot do now, and since when. */
import type { NegotiatorError } from "../../errors.ts";

/** A problem that the last scan had too. `since` is in ISO 8601. */
export type FinderProblem = { message: string; since: string };

/** The problems of the scans. */
export type FinderProblems = {
  /** Takes all problems of a scan. Those that it does not have are over. */
  follow(problems: readonly NegotiatorError[]): void;
  /** The problems of the last scan, the oldest first. */
  list(): FinderProblem[];
};

/** Most problems that are remembered: each of hundreds of guests may have one. */
const MOST = 50;

/** Creates an empty list. */
export function createFinderProblems(): FinderProblems {
  let known = new Map<string, string>();
  return {
    follow(problems) {
      const now = new Date().toISOString();
      const next = problems.map(({ message }): [string, string] => [message, known.get(message) ?? now]);
      known = new Map(next.slice(0, MOST));
    },
    list: () =>
      [...known]
        .map(([message, since]) => ({ message, since }))
        .sort((one, other) => (one.since < other.since ? -1 : one.since > other.since ? 1 : 0)),
  };
}
