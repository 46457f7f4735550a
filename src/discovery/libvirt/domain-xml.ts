/** Reads the few things we want from a domain's XML as `virsh dumpxml` prints it for a running domain. */
import { XMLParser } from "fast-xml-parser";
import { NegotiatorError } from "../../errors.ts";
import { isPortName } from "../endpoint.ts";
import type { PortName } from "../endpoint.ts";

export type DomainChannel = { port: PortName; path: string; connected?: boolean };
/** `isActive`: it runs or is paused; else the XML is its definition, and the sockets in it do not exist. */
export type Domain = { name: string; uuid: string; isActive: boolean; channels: DomainChannel[] };

/**
 * The domain's name, UUID and those of its channels that are ours and on whose socket the hypervisor listens. Throws
 * `BAD_FRAME` when the text is not a domain's XML. Source: libvirt's `docs/formatdomain.rst`, "Channel".
 */
export function parseDomainXml(text: string): Domain {
  const domain = member(parseXml(text), "domain");
  const name = member(domain, "name");
  const uuid = member(domain, "uuid");
  if (typeof name !== "string" || typeof uuid !== "string") {
    throw new NegotiatorError("BAD_FRAME", "Cannot read a domain's XML: it lacks the domain's name or UUID");
  }
  const channels = member(member(domain, "devices"), "channel");
  const ours = Array.isArray(channels) ? channels.flatMap(readChannel) : [];
  // Only a domain that is active has an id.
  const isActive = member(domain, "@id") !== undefined;
  return { name: decode(name), uuid: decode(uuid), isActive, channels: ours };
}

function parseXml(text: string): unknown {
  try {
    return createParser().parse(text, true);
  } catch (error) {
    const message = `Cannot read a domain's XML: ${NegotiatorError.from(error).message}`;
    throw new NegotiatorError("BAD_FRAME", message, { cause: error });
  }
}

/** Values stay text as written and entities stay unread, so nothing declared inside the text can grow. */
function createParser(): XMLParser {
  return new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: "@",
    parseTagValue: false,
    parseAttributeValue: false,
    trimValues: false,
    processEntities: false,
    isArray: (name) => name === "channel",
  });
}

/** The parser gives an element as an object, or as a string when it has neither children nor attributes. */
function member(element: unknown, name: string): unknown {
  return isRecord(element) ? element[name] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** A channel of another kind, however odd, is none of ours and no reason to miss the guest. */
function readChannel(element: unknown): DomainChannel[] {
  const attribute = (child: string, name: string): string => {
    const value = member(member(element, child), `@${name}`);
    return typeof value === "string" ? decode(value) : "";
  };
  if (member(element, "@type") !== "unix" || attribute("target", "type") !== "virtio") return [];
  const port = attribute("target", "name");
  const path = attribute("source", "path");
  // With mode "connect" it is QEMU that dials, so nobody listens for us at that path.
  if (!isPortName(port) || !path.startsWith("/") || attribute("source", "mode") === "connect") return [];
  const state = attribute("target", "state");
  return [{ port, path, ...(state === "" ? {} : { connected: state === "connected" }) }];
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

/** XML 1.0's five entities and numeric character references; libvirt writes no others. */
function decode(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w+));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[name] ?? whole;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
