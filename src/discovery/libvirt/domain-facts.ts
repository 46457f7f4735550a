/** Reads of domains what decides how a channel can be added to them: running now, and at the next start. */
import { parseDomainDevices } from "./domain-xml.ts";
import type { DomainDevices } from "./domain-xml.ts";
import { askVirsh, listUuids } from "./virsh.ts";
import type { VirshOptions } from "./virsh.ts";

/** The devices of a domain in one of its two forms. */
export type Devices = Pick<DomainDevices, "hasController" | "devices">;

/**
 * A domain. `live` is what runs now; absent while it is shut off. `config` is what its next start gives it;
 * absent for a transient domain. `isSaved`: its next start restores its memory, with the devices of then.
 */
export type DomainFacts = {
  name: string;
  uuid: string;
  state: "running" | "paused" | "shut off";
  isSaved: boolean;
  live?: Devices;
  config?: Devices;
};

/** The domains of a libvirt by UUID, and what the lists of virsh say of them. */
export type DomainLists = {
  all: readonly string[];
  transient: ReadonlySet<string>;
  paused: ReadonlySet<string>;
  saved: ReadonlySet<string>;
};

/** Rejects as `askVirsh` does. */
export async function listAllDomains(options: VirshOptions, signal: AbortSignal): Promise<DomainLists> {
  const list = (...words: string[]): Promise<string[]> => listUuids(words, options, signal);
  const [all, transient, paused, saved] = await Promise.all([
    list("--all"),
    list("--all", "--transient"),
    list("--state-paused"),
    list("--inactive", "--with-managed-save"),
  ]);
  return { all, transient: new Set(transient), paused: new Set(paused), saved: new Set(saved) };
}

/** Resolves with the UUID of the domain with this name or UUID, or undefined. Rejects as `askVirsh` does. */
export async function findDomain(
  word: string,
  options: VirshOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  const xml = await askVirsh(["dumpxml", "--", word], options, signal);
  const domain = xml === undefined ? undefined : parseDomainDevices(xml);
  // virsh takes a number for a domain's id too.
  return domain !== undefined && [domain.name, domain.uuid].includes(word) ? domain.uuid : undefined;
}

/** Resolves with the domain as it is now; undefined if it is gone. Rejects as `askVirsh` does. */
export async function readDomainFacts(
  uuid: string,
  { transient, paused, saved }: DomainLists,
  options: VirshOptions,
  signal: AbortSignal,
): Promise<DomainFacts | undefined> {
  const now = await readDevices(uuid, [], options, signal);
  if (now === undefined) return undefined;
  const { name, isActive } = now;
  const shared = { name, uuid, isSaved: saved.has(uuid) };
  if (!isActive) return { ...shared, state: "shut off", config: now };
  const state = paused.has(uuid) ? "paused" : "running";
  if (transient.has(uuid)) return { ...shared, state, live: now };
  const config = await readDevices(uuid, ["--inactive"], options, signal);
  return config === undefined ? undefined : { ...shared, state, live: now, config };
}

/** Resolves with the devices of the domain as it runs now, or undefined. Rejects as `askVirsh` does. */
export async function readLiveDevices(
  uuid: string,
  options: VirshOptions,
  signal: AbortSignal,
): Promise<Devices | undefined> {
  const domain = await readDevices(uuid, [], options, signal);
  return domain?.isActive === true ? domain : undefined;
}

async function readDevices(
  uuid: string,
  words: readonly string[],
  options: VirshOptions,
  signal: AbortSignal,
): Promise<DomainDevices | undefined> {
  const xml = await askVirsh(["dumpxml", ...words, "--", uuid], options, signal);
  return xml === undefined ? undefined : parseDomainDevices(xml);
}
