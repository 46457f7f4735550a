/**
 * Asks libvirt for domains that no scan reports: those that are shut off, and those without our ports. Only a
 * question of a user needs them, so a scan does not pay for them.
 */
import { NegotiatorError } from "../../errors.ts";
import { readDumps } from "./domain-dumps.ts";
import { parseDomainPorts } from "./domain-xml.ts";
import type { DomainPorts } from "./domain-xml.ts";
import { nextTurn } from "../../delay.ts";
import { askVirsh, listUuids } from "./virsh.ts";
import type { VirshOptions } from "./virsh.ts";

/** A domain that is shut off. */
export type StoppedDomain = { guest: string; uuid: string };

/** The domains that no scan reports. Both functions find nothing when libvirt does not answer. */
export type StoppedDomains = {
  /** The URI of libvirt, if one was set. */
  connect?: string | undefined;
  /** The domain of this name: whether it runs, and the names of all its virtio ports. */
  find(name: string, signal: AbortSignal): Promise<Pick<DomainPorts, "isActive" | "ports"> | undefined>;
  /** The domains that are shut off and have one of our ports. */
  list(signal: AbortSignal): Promise<StoppedDomain[]>;
};

/** A user waits for the answer. */
const CALL_TIMEOUT_MS = 2000;
/** A definition can change while the domain is shut off, but rarely does. */
const KEPT_MS = 60_000;

/** `ports` are the names of our ports. */
export function createStoppedDomains(options: VirshOptions & { ports: ReadonlySet<string> }): StoppedDomains {
  const quick = { ...options, callTimeoutMs: CALL_TIMEOUT_MS };
  const kept = new Map<string, { domain: DomainPorts | undefined; untilMs: number }>();

  const read = async (word: string, signal: AbortSignal): Promise<DomainPorts | undefined> => {
    const xml = await askVirsh(["dumpxml", "--", word], quick, signal);
    return xml === undefined ? undefined : parseDomainPorts(xml);
  };
  const isKept = (uuid: string): boolean => (kept.get(uuid)?.untilMs ?? 0) > performance.now();
  const keep = async (uuids: readonly string[], signal: AbortSignal): Promise<void> => {
    const dumpOf = await readDumps(uuids, quick, signal);
    for (const uuid of uuids) {
      const xml = dumpOf(uuid);
      const domain = xml === undefined ? await read(uuid, signal) : parseDomainPorts(xml);
      kept.set(uuid, { domain, untilMs: performance.now() + KEPT_MS });
      // Other work of the process goes on between hundreds of domains.
      await nextTurn();
    }
  };
  const listAll = async (signal: AbortSignal): Promise<StoppedDomain[]> => {
    const uuids = await listUuids(["--inactive"], quick, signal);
    for (const uuid of kept.keys()) if (!uuids.includes(uuid)) kept.delete(uuid);
    await keep(
      uuids.filter((uuid) => !isKept(uuid)),
      signal,
    );
    const stopped: StoppedDomain[] = [];
    for (const uuid of uuids) {
      const domain = kept.get(uuid)?.domain;
      const isOurs = domain?.ports.some((port) => options.ports.has(port)) === true;
      if (domain !== undefined && !domain.isActive && isOurs) stopped.push({ guest: domain.name, uuid });
    }
    return stopped;
  };

  return {
    connect: options.connect,
    async find(name, signal) {
      const domain = await read(name, signal).catch((thrown: unknown) => {
        const { code, message } = NegotiatorError.from(thrown);
        if (code === "TIMEOUT")
          throw new NegotiatorError("NO_GUEST", `Cannot find guest "${name}": ${message}`);
        return undefined;
      });
      // virsh takes a number for a domain's id, and also knows UUIDs.
      if (domain?.name !== name) return undefined;
      return { isActive: domain.isActive, ports: domain.ports };
    },
    list: (signal) => listAll(signal).catch(() => []),
  };
}
