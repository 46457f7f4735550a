/** Reads a domain's name, UUID and channels from the XML that `virsh dumpxml` prints. */
import { XMLParser } from "fast-xml-parser";
import { NegotiatorError } from "../../errors.ts";

/** A port on whose socket the hypervisor listens. `connected`: a process in the guest has it open. */
export type DomainChannel = { port: string; path: string; connected?: boolean };
/** `isActive`: it runs or is paused. Otherwise the XML is only its definition, without sockets. */
export type Domain = { name: string; uuid: string; isActive: boolean; channels: DomainChannel[] };

/** A domain with the names of all its virtio ports, whether they have a socket or not. */
export type DomainPorts = Omit<Domain, "channels"> & { ports: string[] };

/**
 * A channel of a domain, of any kind. `type`: how the host reaches it, such as `unix`. `source`: where it
 * leads; `isBound`: the hypervisor listens there.
 */
export type ChannelDevice = {
  port: string;
  type: string;
  source: string;
  isBound: boolean;
  connected?: boolean;
};

/** A domain with its channels, and whether it has a controller for them. */
export type DomainDevices = Omit<Domain, "channels"> & { hasController: boolean; devices: ChannelDevice[] };

/**
 * Returns the domain's name, its UUID and its channels: those whose port name is in `ports` and on whose
 * socket the hypervisor listens. Throws `BAD_FRAME` when the text is not a domain's XML.
 * Source: libvirt's `docs/formatdomain.rst`, "Channel".
 */
export function parseDomainXml(text: string, ports: ReadonlySet<string>): Domain {
  const { elements, controllers: _, ...domain } = readDomain(text);
  return { ...domain, channels: elements.flatMap(readChannel).filter(({ port }) => ports.has(port)) };
}

/** Returns the domain with all its ports. The XML of a domain that is shut off has no sockets. */
export function parseDomainPorts(text: string): DomainPorts {
  const { elements, controllers: _, ...domain } = readDomain(text);
  return { ...domain, ports: elements.flatMap(readPortName) };
}

/** Returns the domain with the channels of all programs. */
export function parseDomainDevices(text: string): DomainDevices {
  const { elements, controllers, ...domain } = readDomain(text);
  const hasController = controllers.some((controller) => member(controller, "@type") === "virtio-serial");
  return { ...domain, hasController, devices: elements.flatMap(readDevice) };
}

type ReadDomain = Omit<Domain, "channels"> & { elements: unknown[]; controllers: unknown[] };

function readDomain(text: string): ReadDomain {
  const domain = member(parseXml(text), "domain");
  const name = member(domain, "name");
  const uuid = member(domain, "uuid");
  if (typeof name !== "string" || typeof uuid !== "string") {
    throw new NegotiatorError("BAD_FRAME", "Cannot read a domain's XML: it lacks the domain's name or UUID");
  }
  const devices = member(domain, "devices");
  const listOf = (kind: string): unknown[] => {
    const list = member(devices, kind);
    return Array.isArray(list) ? list : [];
  };
  const isActive = member(domain, "@id") !== undefined;
  return {
    name: decode(name),
    uuid: decode(uuid),
    isActive,
    elements: listOf("channel"),
    controllers: listOf("controller"),
  };
}

function parseXml(text: string): unknown {
  try {
    return createParser().parse(text, true);
  } catch (error) {
    const message = `Cannot read a domain's XML: ${NegotiatorError.from(error).message}`;
    throw new NegotiatorError("BAD_FRAME", message, { cause: error });
  }
}

/** Expands no entities, so a declaration inside the text cannot make it grow. */
function createParser(): XMLParser {
  return new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: "@",
    parseTagValue: false,
    parseAttributeValue: false,
    trimValues: false,
    processEntities: false,
    isArray: (name) => name === "channel" || name === "controller",
  });
}

function member(element: unknown, name: string): unknown {
  return isRecord(element) ? element[name] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function readPortName(element: unknown): string[] {
  const port = attribute(element, "target", "name");
  return attribute(element, "target", "type") === "virtio" && port !== "" ? [port] : [];
}

function readChannel(element: unknown): DomainChannel[] {
  // A malformed channel must not hide the guest, so this returns nothing for it.
  if (member(element, "@type") !== "unix") return [];
  const [port] = readPortName(element);
  const path = attribute(element, "source", "path");
  // With mode "connect" QEMU dials, so nothing listens at that path.
  const isDialled = attribute(element, "source", "mode") === "connect";
  if (port === undefined || !path.startsWith("/") || isDialled) return [];
  return [{ port, path, ...readConnected(element) }];
}

function readDevice(element: unknown): ChannelDevice[] {
  const type = member(element, "@type");
  const [port] = readPortName(element);
  if (port === undefined || typeof type !== "string") return [];
  const isBound = type === "unix" && attribute(element, "source", "mode") !== "connect";
  const source = attribute(element, "source", "path");
  return [{ port, type, source, isBound, ...readConnected(element) }];
}

/** libvirt says only of the channels of a running domain whether a process in the guest has them open. */
function readConnected(element: unknown): { connected?: boolean } {
  const state = attribute(element, "target", "state");
  return state === "" ? {} : { connected: state === "connected" };
}

function attribute(element: unknown, child: string, name: string): string {
  const value = member(member(element, child), `@${name}`);
  return typeof value === "string" ? decode(value) : "";
}

/** The five entities of XML 1.0. Besides these, libvirt writes only numeric character references. */
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["lt", "<"],
  ["gt", ">"],
  ["amp", "&"],
  ["quot", '"'],
  ["apos", "'"],
]);

function decode(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w+));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES.get(name) ?? whole;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
