/**
 * Finds out what happened to a known domain: whether it was saved, and whether the domain that runs now is
 * the same run, restored. A restored domain has a new id and so new sockets, but the same UUID.
 */
import type { Endpoint, Scan } from "../endpoint.ts";

/** The questions that libvirt has to answer for it. */
export type HistoryQuestions = {
  /**
   * Returns the output of `virsh domstate --reason`, such as `shut off (saved)`; undefined for an unknown
   * domain.
   */
  state: (uuid: string) => Promise<string | undefined>;
  /** Returns the UUIDs of the inactive domains whose memory file libvirt keeps. */
  managedSaves: () => Promise<ReadonlySet<string>>;
};

/**
 * Returns the endpoints in `before` of a domain that does not run any longer, with the state `saved`, or none
 * if the domain cannot be restored. Source of the states: libvirt's `tools/virsh-domain-monitor.c`.
 */
export async function traceStopped(
  uuid: string,
  before: readonly Endpoint[],
  { managedSaves, state: ask }: HistoryQuestions,
): Promise<Scan> {
  if (before.length === 0) return NOTHING;
  const isManaged = (await managedSaves()).has(uuid);
  const state = await ask(uuid);
  // libvirt keeps nothing of a transient domain that was saved, so only the event counts.
  if (state === undefined)
    return { ...NOTHING, endpoints: before.filter(({ awaitedUntilMs }) => awaitedUntilMs !== undefined) };
  if (!state.startsWith("shut off")) return { ...NOTHING, unread: [{ source: "libvirt", uuid }] };
  // A restart of libvirt loses the reason and nothing else.
  const isSaved =
    state.endsWith("(saved)") ||
    (state.endsWith("(unknown)") && before.some((known) => known.state === "saved"));
  // libvirt still gives the reason `saved` after its memory file was removed.
  const isRemoved = !isManaged && before.some((known) => known.isManaged === true);
  if (!isManaged && (isRemoved || !isSaved)) return NOTHING;
  return { ...NOTHING, endpoints: before.map((known) => toSaved(uuid, known, isManaged)) };
}

/**
 * Returns the `endpoints` of a running domain. Those that had another path in `before`, in the same run of
 * the domain, get it as `movedFrom`. Returns undefined while libvirt starts the domain and does not say
 * whether it was restored.
 */
export async function traceMoves(
  uuid: string,
  endpoints: readonly Endpoint[],
  before: readonly Endpoint[],
  { state: ask }: HistoryQuestions,
): Promise<readonly Endpoint[] | undefined> {
  const earlier = (endpoint: Endpoint): Endpoint | undefined =>
    before.find(
      ({ guest, port, path }) => guest === endpoint.guest && port === endpoint.port && path !== endpoint.path,
    );
  if (endpoints.every((endpoint) => earlier(endpoint) === undefined)) return endpoints;
  const state = (await ask(uuid)) ?? "";
  const wasSaved = before.some((known) => known.state === "saved");
  if (state.endsWith("(starting up)")) return undefined;
  // libvirt reports only the last reason: a domain that was restored and then paused is `paused (user)`.
  const isSameRun = wasSaved ? !state.endsWith("(booted)") : state.endsWith("(restored)");
  if (!isSameRun) return endpoints;
  return endpoints.map((endpoint) => {
    const path = earlier(endpoint)?.path;
    return path === undefined ? endpoint : { ...endpoint, movedFrom: path };
  });
}

const NOTHING: Scan = { endpoints: [], problems: [], unread: [] };

function toSaved(
  uuid: string,
  { guest, port, path, source, machine, connect }: Endpoint,
  isManaged: boolean,
): Endpoint {
  const place = { ...(machine !== undefined && { machine }), ...(connect !== undefined && { connect }) };
  return { guest, uuid, port, path, source, state: "saved", isManaged, ...place };
}
