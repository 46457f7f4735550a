/** Chooses where a host looks for its guests, by its settings. */
import type { Settings } from "../../config/settings.ts";
import type { Endpoint, Finder } from "../../discovery/endpoint.ts";
import type { Follow } from "../../discovery/follower.ts";
import { createLibvirtFinder } from "../../discovery/libvirt/libvirt.ts";
import { followLibvirt } from "../../discovery/libvirt/libvirt-events.ts";
import { createStoppedDomains } from "../../discovery/libvirt/stopped.ts";
import type { StoppedDomains } from "../../discovery/libvirt/stopped.ts";
import { combineFinders, createFixedFinder } from "../../discovery/merge.ts";
import { readNamedGuests, readSocketFlags } from "../../discovery/named.ts";
import type { NamedPorts } from "../../discovery/named.ts";
import { createQemuFinder } from "../../discovery/qemu/qemu.ts";
import type { DialectTable } from "../../peers/dialect-table.ts";
import { runText, spawnLines } from "../../process/run-text.ts";
import { findLocalProgram } from "../../process/program-path.ts";

/**
 * A finder for all sources in use. `follow` is absent when none of them reports events, `stopped` without
 * libvirt.
 */
export type Finders = {
  find: Finder;
  follow?: Follow;
  stopped?: StoppedDomains;
};

/** Returns the endpoints of the `--socket` flags. Throws `BAD_USAGE` for an invalid flag. */
export function readFlaggedGuests(texts: readonly string[], dialects: DialectTable): Endpoint[] {
  return readSocketFlags(texts, namedPorts(dialects));
}

/**
 * `flagged` are the endpoints of `readFlaggedGuests`. Throws `BAD_CONFIG` for an invalid guest in the config.
 */
export function createFinders(
  { host, guests }: Settings,
  flagged: readonly Endpoint[],
  dialects: DialectTable,
): Finders {
  const known = namedPorts(dialects);
  const { ports } = known;
  const hasVirsh = findLocalProgram("virsh") !== undefined;
  // A user who names guests by flag wants only these, so the automatic choice adds no other source.
  const isAuto = flagged.length === 0;
  const usesLibvirt = host.libvirt === "yes" || (host.libvirt === "auto" && hasVirsh && isAuto);
  const usesQemu = host.qemu === "yes" || (host.qemu === "auto" && !usesLibvirt && isAuto);
  const connect = host.connect === "" ? undefined : host.connect;
  const find = combineFinders({
    ...(flagged.length === 0 ? {} : { flag: createFixedFinder(flagged) }),
    ...(guests.length === 0 ? {} : { config: createFixedFinder(readNamedGuests(guests, known)) }),
    ...(usesLibvirt ? { libvirt: createLibvirtFinder({ ports, connect, runText }) } : {}),
    ...(usesQemu ? { qemu: createQemuFinder({ ports }) } : {}),
  });
  if (!usesLibvirt) return { find };
  const stopped = createStoppedDomains({ ports, connect, runText });
  return { find, stopped, follow: (signal) => followLibvirt({ connect, spawnLines }, signal) };
}

function namedPorts({ portNames, defaultPort }: DialectTable): NamedPorts {
  return { ports: portNames, defaultPort };
}
