/** Where a host looks for its guests, as its settings say. */
import { createLibvirtFinder, followLibvirt } from "../../discovery/libvirt/libvirt.ts";
import type { Endpoint, Finder } from "../../discovery/endpoint.ts";
import { combineFinders, createFixedFinder } from "../../discovery/merge.ts";
import { readNamedGuests } from "../../discovery/named.ts";
import { createQemuFinder } from "../../discovery/qemu/qemu.ts";
import { runText, spawnLines } from "../../process/run-text.ts";
import type { Follow } from "../../discovery/watch.ts";
import type { Settings } from "../../config/settings.ts";

export type Finders = {
  find: Finder;
  /** Yields when something may have changed; absent where nothing tells. */
  follow?: Follow;
};

/**
 * `flagged` are the guests of `--socket`. Throws `BAD_CONFIG` for a guest in the config that makes no sense.
 */
export function createFinders({ host, guests }: Settings, flagged: readonly Endpoint[]): Finders {
  const hasVirsh = Bun.which("virsh") !== null;
  // Guests that were named are all that is meant, unless a finder is asked for by name.
  const isAuto = flagged.length === 0;
  const usesLibvirt = host.libvirt === "yes" || (host.libvirt === "auto" && hasVirsh && isAuto);
  const usesQemu = host.qemu === "yes" || (host.qemu === "auto" && !usesLibvirt && isAuto);
  const connect = host.connect === "" ? undefined : host.connect;
  const find = combineFinders({
    ...(flagged.length === 0 ? {} : { flag: createFixedFinder(flagged) }),
    ...(guests.length === 0 ? {} : { config: createFixedFinder(readNamedGuests(guests)) }),
    ...(usesLibvirt ? { libvirt: createLibvirtFinder({ connect, runText }) } : {}),
    ...(usesQemu ? { qemu: createQemuFinder() } : {}),
  });
  if (!usesLibvirt) return { find };
  return { find, follow: (signal) => followLibvirt({ connect, spawnLines }, signal) };
}
