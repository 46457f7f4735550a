/**
 * Finds the ports of libvirt's domains on a host. It lists domains by UUID,
 * because `virsh list` garbles names in the C locale.
 */
import { NegotiatorError } from "../../errors.ts";
import { readDumps } from "./domain-dumps.ts";
import type { DomainDumps } from "./domain-dumps.ts";
import { traceMoves, traceStopped } from "./domain-history.ts";
import type { HistoryQuestions } from "./domain-history.ts";
import { parseDomainXml } from "./domain-xml.ts";
import { findPidDirectory, pidFileOf } from "./domain-process.ts";
import type { PidDirectory } from "./domain-process.ts";
import type { Domain } from "./domain-xml.ts";
import type { Endpoint, Finder, GuestState, Scan } from "../endpoint.ts";
import { mapBounded, PARALLEL_CALLS } from "./parallel-calls.ts";
import { nextTurn } from "../../delay.ts";
import { askVirsh, isGeneralFailure, listUuids } from "./virsh.ts";
import type { VirshOptions } from "./virsh.ts";

/** `ports` are the names of the ports to report; the finder skips all others. */
export type LibvirtOptions = VirshOptions & { ports: ReadonlySet<string> };

/**
 * Returns a finder for the ports of all running and paused domains, and of the known domains that were saved.
 * It calls virsh once for 25 of these domains. It leaves out a domain that ends during the scan; a domain
 * that it cannot read is a problem and `unread`. It throws when libvirt does not answer: `UNSUPPORTED` (no
 * virsh), `NO_CHANNEL`, `DENIED`, `BAD_CONFIG` (the URI), `TIMEOUT`.
 */
export function createLibvirtFinder(options: LibvirtOptions): Finder {
  return async (caller, known = []) => {
    const scan = new AbortController();
    const signal = AbortSignal.any([caller, scan.signal]);
    try {
      const isLocal = placeOf(options.connect).machine === undefined;
      const pids = isLocal ? await findPidDirectory(options.connect) : undefined;
      const states = await listDomains(options, signal);
      const before = Map.groupBy(
        known.filter(({ source }) => source === "libvirt"),
        ({ uuid = "" }) => uuid,
      );
      const uuids = new Set([...states.keys(), ...before.keys()]);
      const questions = createQuestions(options, signal);
      const dumpOf = await readDumps([...states.keys()], options, signal);
      const parts = await mapBounded([...uuids], PARALLEL_CALLS, (uuid) =>
        readDomain(
          { uuid, state: states.get(uuid), before: before.get(uuid) ?? [] },
          { options, signal, questions, pids, dumpOf },
        ),
      );
      return {
        endpoints: parts.flatMap((part) => part.endpoints),
        problems: parts.flatMap((part) => part.problems),
        unread: parts.flatMap((part) => part.unread),
      };
    } finally {
      scan.abort();
    }
  };
}

async function listDomains(options: VirshOptions, signal: AbortSignal): Promise<Map<string, GuestState>> {
  const active = await listUuids([], options, signal);
  const paused = new Set(await listUuids(["--state-paused"], options, signal));
  return new Map(active.map((uuid) => [uuid, paused.has(uuid) ? "paused" : "running"]));
}

function createQuestions(options: VirshOptions, signal: AbortSignal): HistoryQuestions {
  let managed: Promise<ReadonlySet<string>> | undefined;
  const listManaged = async (): Promise<ReadonlySet<string>> =>
    new Set(await listUuids(["--inactive", "--with-managed-save"], options, signal));
  return {
    state: async (uuid) => (await askVirsh(["domstate", "--reason", "--", uuid], options, signal))?.trim(),
    managedSaves: () => (managed ??= listManaged()),
  };
}

type Candidate = { uuid: string; state: GuestState | undefined; before: readonly Endpoint[] };
type ScanContext = {
  options: LibvirtOptions;
  signal: AbortSignal;
  questions: HistoryQuestions;
  pids: PidDirectory | undefined;
  dumpOf: DomainDumps;
};

async function readDomain({ uuid, state, before }: Candidate, context: ScanContext): Promise<Scan> {
  const { options, signal, questions, pids } = context;
  // Other work of the process goes on between many domains.
  await nextTurn();
  try {
    const domain = state === undefined ? undefined : await readActive(uuid, context);
    if (state === undefined || domain === undefined) return await traceStopped(uuid, before, questions);
    const pidFile = pidFileOf(domain.name, pids);
    const place = { ...placeOf(options.connect), ...(pidFile === undefined ? {} : { pidFile }) };
    const shared = { guest: domain.name, uuid, source: "libvirt", state } as const;
    const found = domain.channels.map((channel): Endpoint => ({ ...shared, ...channel, ...place }));
    const endpoints = await traceMoves(uuid, found, before, questions);
    if (endpoints === undefined)
      return { endpoints: [], problems: [], unread: [{ source: "libvirt", uuid }] };
    return { endpoints, problems: [], unread: [] };
  } catch (error) {
    const cause = NegotiatorError.from(error);
    if (signal.aborted || isGeneralFailure(cause)) throw cause;
    const message = `Cannot find the ports of the guest with UUID ${uuid}: ${cause.message}`;
    const problem = new NegotiatorError(cause.code, message, { cause });
    return { endpoints: [], problems: [problem], unread: [{ source: "libvirt", uuid }] };
  }
}

async function readActive(
  uuid: string,
  { options, signal, dumpOf }: ScanContext,
): Promise<Domain | undefined> {
  const xml = dumpOf(uuid) ?? (await askVirsh(["dumpxml", "--", uuid], options, signal));
  const domain = xml === undefined ? undefined : parseDomainXml(xml, options.ports);
  return domain?.isActive === true ? domain : undefined;
}

/** The machine is the host of a URI such as `qemu+ssh://root@kvm2/system`; `qemu:///system` has none. */
function placeOf(connect: string | undefined): Pick<Endpoint, "connect" | "machine"> {
  if (connect === undefined) return {};
  const [, machine = ""] = /^[^:/]+:\/\/(?:[^@/]*@)?(\[[^\]/]*\]|[^:/?#]*)/.exec(connect) ?? [];
  return machine === "" ? { connect } : { connect, machine };
}
