/** On a host: the running domains of libvirt, their channels' sockets, and their comings and goings. */
import { NegotiatorError } from "../../errors.ts";
import { traceMoves, traceStopped } from "./domain-history.ts";
import type { HistoryQuestions } from "./domain-history.ts";
import { parseDomainXml } from "./domain-xml.ts";
import type { Domain } from "./domain-xml.ts";
import type { Endpoint, Finder, GuestState, Scan } from "../endpoint.ts";
import {
  askVirsh,
  explainStart,
  isGeneralFailure,
  listUuids,
  VIRSH_ENVIRONMENT,
  virshWords,
} from "./virsh.ts";
import type { VirshOptions } from "./virsh.ts";

/** A `virsh` call costs 15–35 ms of one processor; more at once would only crowd out the host's own work. */
const PARALLEL_CALLS = 4;

/**
 * Finds the channels of all running and paused domains, and which of the known ones were saved: each of these costs one
 * call. A domain that vanishes meanwhile is left out; one that cannot be read is a problem and `unread`; throws when
 * libvirt cannot be asked: `UNSUPPORTED` (no virsh), `NO_CHANNEL`, `DENIED`, `BAD_CONFIG` (the URI), `TIMEOUT`.
 */
export function createLibvirtFinder(options: VirshOptions): Finder {
  return async (caller, known = []) => {
    const scan = new AbortController();
    const signal = AbortSignal.any([caller, scan.signal]);
    try {
      const states = await listDomains(options, signal);
      const before = Map.groupBy(
        known.filter(({ source }) => source === "libvirt"),
        ({ uuid = "" }) => uuid,
      );
      const uuids = new Set([...states.keys(), ...before.keys()]);
      const look = { options, signal, fate: createQuestions(options, signal) };
      const parts = await mapBounded([...uuids], PARALLEL_CALLS, (uuid) =>
        readDomain({ uuid, state: states.get(uuid), before: before.get(uuid) ?? [] }, look),
      );
      return {
        endpoints: parts.flatMap((part) => part.endpoints),
        problems: parts.flatMap((part) => part.problems),
        unread: parts.flatMap((part) => part.unread),
      };
    } finally {
      // When one call shows that libvirt is gone, the others in flight are not waited for.
      scan.abort();
    }
  };
}

/**
 * Starts a program and yields its stdout line by line; ends when the program ends, and stops it when `signal` aborts.
 * `environment` is added to the one the program gives its children.
 */
export type SpawnLines = (
  argv: readonly string[],
  options: { environment: Readonly<Record<string, string>>; signal: AbortSignal },
) => AsyncIterable<string>;

/** An event after which it is worth looking again; `saved` is the name of the guest if it is that a guest was saved. */
export type LibvirtEvent = { kind: string; saved?: string };

/**
 * Yields each event after which it is worth looking again, as it comes; ends when libvirt goes away. What happens before
 * libvirt has registered the watcher (some 20 ms) is not told. Throws `UNSUPPORTED` without virsh.
 */
export async function* followLibvirt(
  options: { connect?: string | undefined; spawnLines: SpawnLines },
  signal: AbortSignal,
): AsyncGenerator<LibvirtEvent, void, undefined> {
  const words = virshWords(options.connect, ["event", "--all", "--loop"]);
  try {
    for await (const line of options.spawnLines(words, { environment: VIRSH_ENVIRONMENT, signal })) {
      const [, kind] = EVENT.exec(line) ?? [];
      if (kind === undefined || !TELLING_EVENTS.has(kind)) continue;
      const [, saved] = SAVED.exec(line) ?? [];
      yield saved === undefined ? { kind } : { kind, saved };
    }
  } catch (error) {
    throw explainStart(error);
  }
}

/** The form of libvirt's `tools/virsh-domain-event.c`; what follows is the domain's name, which may hold anything. */
const EVENT = /^event '([a-z0-9-]+)' for domain /;

/** Names have no line breaks (libvirt's `src/conf/domain_conf.c`), so the end of the line is not a part of one. */
const SAVED = /^event 'lifecycle' for domain '(.*)': Stopped Saved$/;

/**
 * Starting, stopping, pausing, and a port that was attached or detached. All else a guest could set off as often as it
 * likes (its clock, its balloon, its qemu-guest-agent), and none of it moves a socket. `agent-lifecycle` tells of the
 * port `org.qemu.guest_agent.0` only: there is no event for a guest that opens one of ours (`src/qemu/qemu_process.c`).
 */
const TELLING_EVENTS: ReadonlySet<string> = new Set(["lifecycle", "device-added", "device-removed"]);

/**
 * The active domains by UUID, as names can be anything and `virsh list` garbles them in the C locale. Two questions, so a
 * domain can change its state between them; the next scan will tell.
 */
async function listDomains(options: VirshOptions, signal: AbortSignal): Promise<Map<string, GuestState>> {
  const active = await listUuids([], options, signal);
  const paused = new Set(await listUuids(["--state-paused"], options, signal));
  return new Map(active.map((uuid) => [uuid, paused.has(uuid) ? "paused" : "running"]));
}

/** The list of managed saves is asked for once a scan, if at all. */
function createQuestions(options: VirshOptions, signal: AbortSignal): HistoryQuestions {
  let managed: Promise<ReadonlySet<string>> | undefined;
  const listManaged = async (): Promise<ReadonlySet<string>> =>
    new Set(await listUuids(["--inactive", "--with-managed-save"], options, signal));
  return {
    state: async (uuid) => (await askVirsh(["domstate", "--reason", "--", uuid], options, signal))?.trim(),
    managedSaves: () => (managed ??= listManaged()),
  };
}

/** A domain that was active or known; `state` is undefined when it was not active. */
type Subject = { uuid: string; state: GuestState | undefined; before: readonly Endpoint[] };
type Look = { options: VirshOptions; signal: AbortSignal; fate: HistoryQuestions };

async function readDomain({ uuid, state, before }: Subject, { options, signal, fate }: Look): Promise<Scan> {
  try {
    const domain = state === undefined ? undefined : await readActive(uuid, options, signal);
    if (state === undefined || domain === undefined) return await traceStopped(uuid, before, fate);
    const machine = machineOf(options.connect);
    const shared = { guest: domain.name, uuid, source: "libvirt", state } as const;
    const found = domain.channels.map((channel): Endpoint => ({ ...shared, ...channel, ...machine }));
    return { endpoints: await traceMoves(uuid, found, before, fate), problems: [], unread: [] };
  } catch (error) {
    const cause = NegotiatorError.from(error);
    if (signal.aborted || isGeneralFailure(cause)) throw cause;
    const message = `Cannot look for channels of the guest with UUID ${uuid}: ${cause.message}`;
    const problem = new NegotiatorError(cause.code, message, { cause });
    return { endpoints: [], problems: [problem], unread: [{ source: "libvirt", uuid }] };
  }
}

/** Undefined when it is not active any more. */
async function readActive(
  uuid: string,
  options: VirshOptions,
  signal: AbortSignal,
): Promise<Domain | undefined> {
  const xml = await askVirsh(["dumpxml", "--", uuid], options, signal);
  const domain = xml === undefined ? undefined : parseDomainXml(xml);
  return domain?.isActive === true ? domain : undefined;
}

/** The host in a URI such as `qemu+ssh://root@kvm2/system`; there is none in `qemu:///system`. */
function machineOf(connect = ""): { machine?: string } {
  const [, machine = ""] = /^[^:/]+:\/\/(?:[^@/]*@)?(\[[^\]/]*\]|[^:/?#]*)/.exec(connect) ?? [];
  return machine === "" ? {} : { machine };
}

async function mapBounded<Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = items.entries();
  const takeTurns = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: limit }, takeTurns));
  return results;
}
