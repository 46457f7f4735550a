/** Makes one picture of what several sources say: the same endpoint once, and no guest's name for two machines. */
import { NegotiatorError } from "../errors.ts";
import { printable } from "../printable.ts";
import { SOURCES } from "./endpoint.ts";
import type { Endpoint, Finder, Scan, Source } from "./endpoint.ts";

/**
 * Asks all finders at once. One that throws becomes a problem, and its whole source is `unread`; the others still count.
 * An aborted `signal` is thrown on.
 */
export function combineFinders(finders: Readonly<Partial<Record<Source, Finder>>>): Finder {
  return async (signal, known) => {
    const chosen = SOURCES.flatMap((source) => {
      const find = finders[source];
      return find === undefined ? [] : [tryFinder(source, () => find(signal, known))];
    });
    const scans = await Promise.all(chosen);
    signal.throwIfAborted();
    const merged = mergeEndpoints(scans.flatMap((scan) => scan.endpoints));
    return {
      endpoints: merged.endpoints,
      problems: [...scans.flatMap((scan) => scan.problems), ...merged.problems],
      unread: scans.flatMap((scan) => scan.unread),
    };
  };
}

/** A finder for endpoints that are known from the start. */
export function createFixedFinder(endpoints: readonly Endpoint[]): Finder {
  return () => Promise.resolve({ endpoints, problems: [], unread: [] });
}

/**
 * Drops what an earlier source of `SOURCES` has said already: the same socket, or the same port of the same UUID. Where
 * two machines claim one name, the earlier source has it; where one source says so of two, neither has it, as a call could
 * hit the wrong machine. All that the loser's source says of the guest is dropped, or the name would stand for a mixture.
 * Each such clash is a problem `BAD_CONFIG`. A saved guest gives way to a live one of its name or UUID without a word.
 */
export function mergeEndpoints(endpoints: readonly Endpoint[]): Pick<Scan, "endpoints" | "problems"> {
  const problems: NegotiatorError[] = [];
  const accepted: Endpoint[] = [];
  const rejected = new Set<string>();
  const live = endpoints.filter(({ state }) => state !== "saved");
  for (const endpoint of live.toSorted(byRank)) {
    if (accepted.some((other) => isSame(other, endpoint))) continue;
    const rival = accepted.find((other) => isRival(other, endpoint));
    if (rival === undefined) {
      accepted.push(endpoint);
      continue;
    }
    problems.push(describeClash(rival, endpoint));
    rejected.add(claimOf(endpoint));
    if (rival.source === endpoint.source) rejected.add(claimOf(rival));
  }
  const saved = endpoints.filter(
    ({ state, guest, uuid }) =>
      state === "saved" && !live.some((other) => other.guest === guest || other.uuid === uuid),
  );
  return {
    endpoints: [...accepted.filter((endpoint) => !rejected.has(claimOf(endpoint))), ...saved],
    problems,
  };
}

async function tryFinder(source: Source, find: () => Promise<Scan>): Promise<Scan> {
  try {
    return await find();
  } catch (error) {
    return { endpoints: [], problems: [NegotiatorError.from(error)], unread: [{ source }] };
  }
}

function byRank(left: Endpoint, right: Endpoint): number {
  return SOURCES.indexOf(left.source) - SOURCES.indexOf(right.source);
}

function isSame(left: Endpoint, right: Endpoint): boolean {
  if (left.path === right.path && left.machine === right.machine) return true;
  return left.source !== right.source && isSamePort(left, right);
}

/** One source that has two sockets for the same port of the same UUID speaks of a copy whose UUID was not changed. */
function isRival(left: Endpoint, right: Endpoint): boolean {
  if (left.guest !== right.guest) return left.source === right.source && isSamePort(left, right);
  if (left.port === right.port) return true;
  return left.uuid !== undefined && right.uuid !== undefined && left.uuid !== right.uuid;
}

function isSamePort(left: Endpoint, right: Endpoint): boolean {
  return left.uuid !== undefined && left.uuid === right.uuid && left.port === right.port;
}

function claimOf({ source, guest }: Endpoint): string {
  return `${source} ${guest}`;
}

function describeClash(rival: Endpoint, endpoint: Endpoint): NegotiatorError {
  const outcome =
    rival.source === endpoint.source ? "neither is used" : `that of the ${rival.source} is used`;
  const [first, second] = [rival, endpoint].map(
    ({ guest, path, source }) => `"${printable(guest)}" at "${printable(path)}" (${source})`,
  );
  const message = `Cannot tell two guests apart: ${first} and ${second} have the same name or UUID; ${outcome}`;
  return new NegotiatorError("BAD_CONFIG", message, {
    remedy: "Give each guest a name and a UUID of its own",
  });
}
