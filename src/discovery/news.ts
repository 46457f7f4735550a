/** Compares two scans and returns what is new in the second one. */
import type { NegotiatorError } from "../errors.ts";
import type { Clash, Endpoint } from "./endpoint.ts";

/**
 * The difference between two scans. `changed` has endpoints at the same place with another member that
 * differs, such as `state`, and endpoints whose guest was restored at another path or moved there. `problems`
 * has those that the scan before did not have, so that each lasting problem is reported once.
 */
export type News = {
  appeared: readonly Endpoint[];
  changed: readonly Endpoint[];
  gone: readonly Endpoint[];
  problems: readonly NegotiatorError[];
  /** All clashes of the later scan, if they differ from those of the scan before. */
  clashes?: readonly Clash[];
};

/** Endpoints and problems of two scans; `reported` has the messages of the earlier scan's problems. */
export type ScanPair = {
  before: readonly Endpoint[];
  after: readonly Endpoint[];
  problems: readonly NegotiatorError[];
  reported: ReadonlySet<string>;
};

/** Returns the news of the later scan. */
export function compareScans({ before, after, problems, reported }: ScanPair): News {
  const old = new Map(before.map((endpoint) => [placeOf(endpoint), endpoint]));
  const pairs = after.map((endpoint) => {
    const { movedFrom: path = endpoint.path } = endpoint;
    return { endpoint, earlier: old.get(placeOf(endpoint)) ?? old.get(placeOf({ ...endpoint, path })) };
  });
  const stayed = new Set(pairs.map(({ earlier }) => earlier));
  return {
    appeared: pairs.flatMap(({ endpoint, earlier }) => (earlier === undefined ? [endpoint] : [])),
    changed: pairs.flatMap(({ endpoint, earlier }) => {
      if (earlier === undefined) return [];
      // The move itself is news. The next scan no longer has `movedFrom`, and that is not news.
      const { movedFrom: _, ...rest } = earlier;
      return Bun.deepEquals(rest, endpoint) ? [] : [endpoint];
    }),
    gone: before.filter((endpoint) => !stayed.has(endpoint)),
    problems: problems.filter((problem) => !reported.has(problem.message)),
  };
}

/** Returns whether there is something new. That all clashes are over is news too. */
export function hasNews({ appeared, changed, gone, problems, clashes }: News): boolean {
  return clashes !== undefined || [appeared, changed, gone, problems].some((list) => list.length > 0);
}

/** Returns the later clashes as news, or nothing if they are the same. */
export function compareClashes(before: readonly Clash[], after: readonly Clash[]): Pick<News, "clashes"> {
  return Bun.deepEquals(messagesOf(before), messagesOf(after)) ? {} : { clashes: after };
}

function messagesOf(clashes: readonly Clash[]): string[] {
  return clashes.map(({ error }) => error.message);
}

/** A restarted domain has a new socket, and a new guest may get an old path, so all of these count. */
function placeOf({ guest, uuid, port, path, machine }: Endpoint): string {
  return JSON.stringify([guest, uuid, port, path, machine]);
}
