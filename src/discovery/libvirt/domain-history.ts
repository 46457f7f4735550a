/**
 * What became of a domain that was known: whether it was saved, and whether what runs now is that same run, restored. A
 * restored domain has a new id, and so other sockets; its UUID stays.
 */
import type { Endpoint, Scan } from "../endpoint.ts";

/** What has to be asked of libvirt for it. */
export type HistoryQuestions = {
  /** What `virsh domstate --reason` says, such as `shut off (saved)`; undefined when there is no such domain. */
  state: (uuid: string) => Promise<string | undefined>;
  /** The inactive domains whose memory libvirt itself keeps. */
  managedSaves: () => Promise<ReadonlySet<string>>;
};

/**
 * Of a domain that does not run any more, its endpoints from `before`, with the state `saved`, as far as it may come
 * back as it was. The words are those of libvirt's `tools/virsh-domain-monitor.c`.
 */
export async function traceStopped(
  uuid: string,
  before: readonly Endpoint[],
  { managedSaves, state: ask }: HistoryQuestions,
): Promise<Scan> {
  if (before.length === 0) return NOTHING;
  const isManaged = (await managedSaves()).has(uuid);
  const state = await ask(uuid);
  // A transient domain that was saved is gone without a trace: only the event told.
  if (state === undefined)
    return { ...NOTHING, endpoints: before.filter(({ awaitedUntilMs }) => awaitedUntilMs !== undefined) };
  // It runs again already, and the next scan will see where.
  if (!state.startsWith("shut off")) return { ...NOTHING, unread: [{ source: "libvirt", uuid }] };
  // A libvirt that was restarted has forgotten the reason, and only that.
  const isSaved =
    state.endsWith("(saved)") ||
    (state.endsWith("(unknown)") && before.some((known) => known.state === "saved"));
  // The reason stays `saved` when the file that libvirt kept was removed.
  const isRemoved = !isManaged && before.some((known) => known.isManaged === true);
  if (!isManaged && (isRemoved || !isSaved)) return NOTHING;
  return { ...NOTHING, endpoints: before.map((known) => saved(uuid, known, isManaged)) };
}

/** The endpoints of a domain that runs; those that it had elsewhere, in the same run of it, say where. */
export async function traceMoves(
  uuid: string,
  endpoints: readonly Endpoint[],
  before: readonly Endpoint[],
  { state: ask }: HistoryQuestions,
): Promise<readonly Endpoint[]> {
  const earlier = (endpoint: Endpoint): Endpoint | undefined =>
    before.find(
      ({ guest, port, path }) => guest === endpoint.guest && port === endpoint.port && path !== endpoint.path,
    );
  if (endpoints.every((endpoint) => earlier(endpoint) === undefined)) return endpoints;
  const state = (await ask(uuid)) ?? "";
  const wasSaved = before.some((known) => known.state === "saved");
  // What has happened since hides the reason: one that was restored and then paused is `paused (user)`.
  const isSameRun = wasSaved ? !state.endsWith("(booted)") : state.endsWith("(restored)");
  if (!isSameRun) return endpoints;
  return endpoints.map((endpoint) => {
    const path = earlier(endpoint)?.path;
    return path === undefined ? endpoint : { ...endpoint, movedFrom: path };
  });
}

const NOTHING: Scan = { endpoints: [], problems: [], unread: [] };

function saved(uuid: string, { guest, port, path, source, machine }: Endpoint, isManaged: boolean): Endpoint {
  const elsewhere = machine === undefined ? {} : { machine };
  return { guest, uuid, port, path, source, state: "saved", isManaged, ...elsewhere };
}
