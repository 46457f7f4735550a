/** Asks libvirt where a search for guests looked, when it has found none. */
import { parseDomainXml } from "./domain-xml.ts";
import { askVirsh, listUuids } from "./virsh.ts";
import type { VirshOptions } from "./virsh.ts";

/** The URI that was asked, and the names of the domains that run there, with or without our ports. */
export type Survey = { uri: string; running: string[] };

/** More names make no message better. */
const MOST_NAMES = 5;

/** Rejects as `askVirsh` does. */
export async function surveyLibvirt(options: VirshOptions, signal: AbortSignal): Promise<Survey> {
  const uri = ((await askVirsh(["uri"], options, signal)) ?? "").trim();
  const uuids = await listUuids([], options, signal);
  const running: string[] = [];
  for (const uuid of uuids.slice(0, MOST_NAMES)) {
    const xml = await askVirsh(["dumpxml", "--", uuid], options, signal);
    if (xml !== undefined) running.push(parseDomainXml(xml, new Set()).name);
  }
  return { uri, running };
}
