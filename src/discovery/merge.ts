/** Merges the scans of several sources: each endpoint once, and each guest's name for one machine only. */
import { NegotiatorError } from "../errors.ts";
import { printable } from "../printable.ts";
import { SOURCES } from "./endpoint.ts";
import type { Clash, Endpoint, Finder, Scan, Source } from "./endpoint.ts";

/**
 * Returns a finder that asks all of `finders` at once and merges what they find. A finder that throws becomes
 * a problem and its whole source is `unread`; the others still count. Throws the reason of an aborted
 * `signal`.
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
      clashes: merged.clashes,
      unread: scans.flatMap((scan) => scan.unread),
    };
  };
}

/**
 * Returns a finder that always finds `endpoints`. A port that had another path before, by the same source,
 * has moved: an administrator who names another socket for a guest means the same guest.
 */
export function createFixedFinder(endpoints: readonly Endpoint[]): Finder {
  return (_, known = []) =>
    Promise.resolve({
      endpoints: endpoints.map((endpoint) => traceMove(endpoint, known)),
      problems: [],
      unread: [],
    });
}

function traceMove(endpoint: Endpoint, known: readonly Endpoint[]): Endpoint {
  const { source, guest, port, path } = endpoint;
  const earlier = known.find((old) => old.source === source && old.guest === guest && old.port === port);
  return earlier === undefined || earlier.path === path ? endpoint : { ...endpoint, movedFrom: earlier.path };
}

/** The endpoints of all sources, each once. */
export type Merged = Required<Pick<Scan, "endpoints" | "problems" | "clashes">>;

/**
 * Removes duplicates: an endpoint whose socket, or whose port of the same UUID, an earlier source of
 * `SOURCES` has.
 *
 * Resolves clashes, each with a problem `BAD_CONFIG`. When two machines have one name, the earlier source
 * keeps it. When both are from one source, neither keeps it, because a call could reach the wrong machine.
 * All endpoints of the losing guest are removed, so that its name does not stand for two machines.
 *
 * Removes a saved guest when a live one has its name or UUID; that is not a problem.
 */
export function mergeEndpoints(endpoints: readonly Endpoint[]): Merged {
  const problems: NegotiatorError[] = [];
  const clashes: Clash[] = [];
  const accepted = createIndex();
  const rejected = new Set<string>();
  const live = endpoints.filter(({ state }) => state !== "saved");
  for (const endpoint of live.toSorted(byRank)) {
    const near = accepted.near(endpoint);
    if (near.some((other) => isSame(other, endpoint))) continue;
    const rival = near.find((other) => isRival(other, endpoint));
    if (rival === undefined) {
      accepted.add(endpoint);
      continue;
    }
    const error = explainClash(rival, endpoint);
    problems.push(error);
    rejected.add(claimOf(endpoint));
    if (rival.source !== endpoint.source) continue;
    rejected.add(claimOf(rival));
    clashes.push({ guests: [...new Set([rival.guest, endpoint.guest])], error });
  }
  const names = new Set(live.map(({ guest }) => guest));
  const uuids = new Set(live.map(({ uuid }) => uuid));
  const saved = endpoints.filter(
    ({ state, guest, uuid }) => state === "saved" && !names.has(guest) && !uuids.has(uuid),
  );
  return {
    endpoints: [...accepted.all.filter((endpoint) => !rejected.has(claimOf(endpoint))), ...saved],
    problems,
    clashes,
  };
}

async function tryFinder(source: Source, find: () => Promise<Scan>): Promise<Scan> {
  try {
    return await find();
  } catch (error) {
    return { endpoints: [], problems: [NegotiatorError.from(error)], unread: [{ source }] };
  }
}

/**
 * Endpoints in the order in which they were added. A host may have thousands, so none is compared with all.
 */
function createIndex() {
  const all: Endpoint[] = [];
  const places = new Map<string, number[]>();
  return {
    all,
    add(endpoint: Endpoint): void {
      for (const key of keysOf(endpoint)) {
        const known = places.get(key) ?? [];
        known.push(all.length);
        places.set(key, known);
      }
      all.push(endpoint);
    },
    /** Returns those that can be the same as `endpoint` or its rival: they have a key in common. */
    near(endpoint: Endpoint): Endpoint[] {
      const found = new Set(keysOf(endpoint).flatMap((key) => places.get(key) ?? []));
      return [...found].sort((left, right) => left - right).flatMap((place) => all[place] ?? []);
    },
  };
}

/** `isSame` and `isRival` are false for endpoints without a common key. */
function keysOf({ path, guest, uuid }: Endpoint): string[] {
  return [`path ${path}`, `guest ${guest}`, ...(uuid === undefined ? [] : [`uuid ${uuid}`])];
}

function byRank(left: Endpoint, right: Endpoint): number {
  return SOURCES.indexOf(left.source) - SOURCES.indexOf(right.source);
}

function isSame(left: Endpoint, right: Endpoint): boolean {
  if (isSamePlace(left, right)) return !areTwoProcesses(left, right);
  return left.source !== right.source && isSamePort(left, right);
}

function isSamePlace(left: Endpoint, right: Endpoint): boolean {
  return left.path === right.path && left.machine === right.machine;
}

/** Only one of two processes can listen at a path, and both claim it. */
function areTwoProcesses({ qemu: left }: Endpoint, { qemu: right }: Endpoint): boolean {
  if (left === undefined || right === undefined) return false;
  return left.pid !== right.pid || left.startTicks !== right.startTicks;
}

/**
 * A copied machine keeps its UUID, so one source can have two sockets for the same port of one UUID: that is
 * a clash.
 */
function isRival(left: Endpoint, right: Endpoint): boolean {
  if (isSamePlace(left, right)) return areTwoProcesses(left, right);
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

function explainClash(rival: Endpoint, endpoint: Endpoint): NegotiatorError {
  const outcome =
    rival.source === endpoint.source ? "neither is used" : `that of the ${rival.source} is used`;
  const [first, second] = [rival, endpoint].map(({ guest, path, source, qemu }) => {
    const finder = qemu === undefined ? source : `${source}, process ${qemu.pid}`;
    return `"${printable(guest)}" at "${printable(path)}" (${finder})`;
  });
  const shared = rival.path === endpoint.path ? "socket" : "name or UUID";
  const condition = `${first} and ${second} have the same ${shared}; ${outcome}`;
  return new NegotiatorError("BAD_CONFIG", `Cannot tell two guests apart: ${condition}`, {
    remedy: "Give each guest its own name and UUID",
  });
}
