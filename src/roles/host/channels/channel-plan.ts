/** Decides what has to be done so that domains have a channel, or no longer have it. It only decides. */
import type { Devices, DomainFacts } from "../../../discovery/libvirt/domain-facts.ts";
import { formatChannel } from "../../../discovery/libvirt/channel-xml.ts";
import type { ChannelDevice } from "../../../discovery/libvirt/domain-xml.ts";
import { printable } from "../../../printable.ts";

/** `live`: the domain as it runs now. `config`: its next start. */
export type Place = "live" | "config";

/** One change of a domain by virsh. */
export type Step = { action: "attach" | "detach"; port: string; places: readonly Place[]; xml: string };

/** `later`: why the change counts only after the next start. `refusal`: why it cannot be made. */
export type Plan = { steps: readonly Step[]; later?: Reason; refusal?: Reason };

/** `why` follows the names of guests and a colon; `remedy` is what to do. */
export type Reason = { why: string; remedy?: string };

/**
 * Parts of remedies. `restart`: the whole remedy that gives the guest its new devices. `startAgain` and
 * `edit`: command lines that boot a saved guest, and change its XML.
 */
export type RemedyLines = { restart: string; startAgain: string; edit: string };

/**
 * Returns the steps that give a domain these ports. A port that is there already is left alone: libvirt
 * refuses to attach it twice, but replaces its socket with one where nothing listens.
 */
export function planAdding(facts: DomainFacts, ports: readonly string[], lines: RemedyLines): Plan {
  const { live, config, isSaved } = facts;
  const steps: Step[] = [];
  let later: Reason | undefined;
  for (const port of ports) {
    const places: Place[] = [];
    for (const [place, devices] of placesOf(facts)) {
      const device = findDevice(devices, port);
      if (device !== undefined && !device.isBound)
        return { steps: [], refusal: otherKind(device, facts, lines) };
      if (device !== undefined) continue;
      if (place === "config" || devices.hasController) places.push(place);
      else if (config === undefined) return { steps: [], refusal: transientWithoutController() };
      else later = withoutController(lines);
    }
    if (places.length > 0) steps.push({ action: "attach", port, places, xml: formatChannel(port) });
  }
  if (live === undefined && isSaved && steps.length > 0) later = saved(lines);
  return { steps, ...(later === undefined ? {} : { later }) };
}

/** Returns the steps that take these ports from a domain. */
export function planRemoving(facts: DomainFacts, ports: readonly string[], lines: RemedyLines): Plan {
  const steps: Step[] = [];
  for (const port of ports) {
    for (const [place, devices] of placesOf(facts)) {
      const device = findDevice(devices, port);
      if (device === undefined) continue;
      if (!device.isBound) return { steps: [], refusal: otherKind(device, facts, lines) };
      steps.push({ action: "detach", port, places: [place], xml: formatChannel(port, device.source) });
    }
  }
  const isLater = facts.live === undefined && facts.isSaved && steps.length > 0;
  return { steps, ...(isLater ? { later: saved(lines) } : {}) };
}

/** Returns the device of this port, if there is one. */
export function findDevice({ devices }: Devices, port: string): ChannelDevice | undefined {
  return devices.find((device) => device.port === port);
}

function placesOf({ live, config }: DomainFacts): [Place, Devices][] {
  return [
    ...(live === undefined ? [] : [["live", live] satisfies [Place, Devices]]),
    ...(config === undefined ? [] : [["config", config] satisfies [Place, Devices]]),
  ];
}

function withoutController({ restart }: RemedyLines): Reason {
  return {
    why: "no virtio-serial controller, and libvirt cannot add one while the guest runs",
    remedy: restart,
  };
}

function transientWithoutController(): Reason {
  return {
    why: "no virtio-serial controller, and libvirt keeps no definition of the guest",
    remedy: "Add the XML to the file that it is created from: negotiator host add-channel --print-xml",
  };
}

function saved({ startAgain }: RemedyLines): Reason {
  return {
    why: "saved, and comes back with the devices that it had then",
    remedy: `To give up its saved memory and boot it: ${startAgain}`,
  };
}

function otherKind({ port, type }: ChannelDevice, { live, config }: DomainFacts, lines: RemedyLines): Reason {
  const kind =
    type === "unix"
      ? "QEMU connects to its socket and does not listen there"
      : `of the type "${printable(type)}"`;
  return {
    why: `the port ${port} is there, but ${kind}, so it is not of negotiator`,
    remedy:
      config === undefined
        ? "Correct the file that it is created from, as in: negotiator host add-channel --print-xml"
        : `Replace it by the XML of "negotiator host add-channel --print-xml": ${lines.edit}` +
          (live === undefined ? "" : `\n${lines.restart}`),
  };
}
