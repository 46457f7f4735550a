/** Reads the XML of many domains with few calls of virsh: its start costs more than a hundred answers. */
import { NegotiatorError } from "../../errors.ts";
import { mapBounded, PARALLEL_CALLS } from "./parallel-calls.ts";
import { askVirshForAll, isGeneralFailure } from "./virsh.ts";
import type { VirshOptions } from "./virsh.ts";

/** Returns the XML of the domain with this UUID, as it was a moment ago; undefined if it is not known. */
export type DomainDumps = (uuid: string) => string | undefined;

/** A domain that hangs holds up the others of its call. */
const DOMAINS_PER_CALL = 25;

/**
 * Reads the domains with these UUIDs. A domain that libvirt cannot read is not known, and neither are the
 * others of a call that takes too long: ask for each of those. Rejects only if libvirt answers no call.
 */
export async function readDumps(
  uuids: readonly string[],
  options: VirshOptions,
  signal: AbortSignal,
): Promise<DomainDumps> {
  const dumps = new Map<string, string>();
  const calls = uuids.length < 2 ? [] : chunksOf(uuids, DOMAINS_PER_CALL);
  await mapBounded(calls, PARALLEL_CALLS, async (some) => {
    try {
      const commands = some.map((uuid) => ["dumpxml", "--", uuid]);
      const text = await askVirshForAll(commands, options, signal);
      for (const [, xml = "", uuid = ""] of text.matchAll(DUMP)) dumps.set(uuid, xml);
    } catch (thrown) {
      if (signal.aborted || isGeneralFailure(NegotiatorError.from(thrown))) throw thrown;
    }
  });
  return (uuid) => dumps.get(uuid);
}

/** Only the root element begins and ends at the start of a line. The first UUID is the domain's. */
const DUMP = /(^<domain\b.*?<uuid>([0-9a-f-]{36})<\/uuid>.*?^<\/domain>)/gms;

function chunksOf<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
