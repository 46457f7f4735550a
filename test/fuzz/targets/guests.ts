/** Fuzz targets of what describes guests: libvirt's XML, and QEMU's command lines. */
import { parseDomainPorts, parseDomainXml } from "../../../src/discovery/libvirt/domain-xml.ts";
import { parseOptionList, parseQemuCommandLine } from "../../../src/discovery/qemu/qemu-options.ts";
import { OWN_PORTS } from "../../discovery/endpoint-sample.ts";
import type { FuzzRound, FuzzTarget } from "../fuzz-target.ts";
import { makeText, toCorpus } from "../mutation.ts";
import { refusesWith } from "./refusals.ts";

const CHANNEL =
  "<channel type='unix'><source mode='bind' path='/run/a'/>" +
  "<target type='virtio' name='negotiator-host-to-guest.0' state='connected'/></channel>";
const DOMAINS = toCorpus([
  `<domain type='kvm' id='3'><name>web1</name><uuid>6</uuid><devices>${CHANNEL}</devices></domain>`,
  `<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "b">]><domain><name>a&amp;&#65;&a;</name><uuid/></domain>`,
  `<domain><name><![CDATA[x]]></name><uuid>u</uuid><!----><devices>${CHANNEL}${CHANNEL}</devices></domain>`,
]);
const LINES = toCorpus([
  "-name\0guest=web1,debug-threads=on\0-uuid\0AB-1\0-chardev\0socket,id=c0,path=/run/s,server=on,wait=off\0" +
    "-device\0virtserialport,chardev=c0,name=negotiator-host-to-guest.0\0",
  '-device\0{"driver":"virtserialport","chardev":"c0","name":"negotiator-channel.0"}\0-chardev\0' +
    '{"id":"c0","backend":{"type":"socket","data":{"addr":{"type":"unix","data":{"path":"/run/s"}}}}}\0',
  "--name\0a,,b\0-chardev\0socket,path=/a,,b,server,nowait,id=c\0",
]);
const PIECES = ["a", ",", "=", "no", "path", "\n", "{", '"', "ß"];

/** The targets by name. */
export const GUEST_TARGETS: Readonly<Record<string, FuzzTarget>> = {
  xml: {
    what: "a domain's XML is read without its entities, or refused with BAD_FRAME",
    start: (): FuzzRound => (random) => {
      const text = makeText(DOMAINS, random);
      const domain = refusesWith(["BAD_FRAME"], () => parseDomainXml(text, OWN_PORTS));
      const same = refusesWith(["BAD_FRAME"], () => parseDomainPorts(text));
      if (domain?.name !== same?.name) throw new Error("both readers see another name");
      for (const { port, path } of domain?.channels ?? []) {
        if (!OWN_PORTS.has(port) || path === "") throw new Error(`a channel "${port}" at "${path}"`);
      }
    },
  },
  qemu: {
    what: "a command line of QEMU gives only sockets of known ports",
    start: (): FuzzRound => (random) => {
      const argv = makeText(LINES, random).split("\0");
      for (const { port } of parseQemuCommandLine(argv, OWN_PORTS).sockets) {
        if (!OWN_PORTS.has(port)) throw new Error(`a socket of port "${port}"`);
      }
      const value = Array.from({ length: 1 + random.below(6) }, () => random.pick(PIECES)).join("");
      const list = parseOptionList(`key=${value.replaceAll(",", ",,")},last=1`, "first");
      if (list.get("key") !== value || list.get("last") !== "1")
        throw new Error(`the value ${JSON.stringify(value)} is read as ${JSON.stringify(list.get("key"))}`);
    },
  },
};
