/** Reading a domain's XML, valid and hostile. */
import { expect, test } from "bun:test";
import { parseDomainXml } from "../../../src/discovery/libvirt/domain-xml.ts";
import { errorOf } from "../../support/error-of.ts";
import { AGENT_PORT, OWN_PORTS, PORTS_WITH_AGENT } from "../endpoint-sample.ts";

const HOST_TO_GUEST = "negotiator-host-to-guest.0";

function domain(devices: string, name = "web1", rest = ""): string {
  return `<domain type='kvm' id='3'>\n  <name>${name}</name>
  <uuid>64800e11-3e0a-4844-b181-5e5b9a9fed46</uuid>${rest}
  <devices>${devices}</devices>\n</domain>\n`;
}

const parse = (text: string) => parseDomainXml(text, OWN_PORTS);

function channel(source: string, target: string, type = "unix"): string {
  return `\n<channel type='${type}'>
 <source ${source}/>
 <target ${target}/>
 <alias name='channel0'/></channel>`;
}

const OURS = channel("mode='bind' path='/run/a'", `type='virtio' name='${HOST_TO_GUEST}' state='connected'`);

test("a domain gives its name, its UUID and the channels whose ports are known", () => {
  const text = domain(
    OURS +
      channel("mode='bind' path='/run/qga'", "type='virtio' name='org.qemu.guest_agent.0'") +
      channel("path='/run/b'", "type='virtio' name='negotiator-guest-to-host.0' state='disconnected'") +
      channel("path='/run/c'", "type='virtio' name='negotiator-channel.0'"),
  );
  expect(parse(text)).toEqual({
    name: "web1",
    uuid: "64800e11-3e0a-4844-b181-5e5b9a9fed46",
    isActive: true,
    channels: [
      { port: HOST_TO_GUEST, path: "/run/a", connected: true },
      { port: "negotiator-guest-to-host.0", path: "/run/b", connected: false },
      { port: "negotiator-channel.0", path: "/run/c" },
    ],
  });
});

test("the port of another program is reported when it is known, and otherwise not", () => {
  const text = domain(OURS + channel("mode='bind' path='/run/qga'", `type='virtio' name='${AGENT_PORT}'`));
  const portsIn = (ports: ReadonlySet<string>) =>
    parseDomainXml(text, ports).channels.map(({ port }) => port);
  expect(portsIn(PORTS_WITH_AGENT)).toEqual([HOST_TO_GUEST, AGENT_PORT]);
  expect(portsIn(OWN_PORTS)).toEqual([HOST_TO_GUEST]);
});

test.each([
  ["a pty", channel("path='/dev/pts/0'", `type='virtio' name='${HOST_TO_GUEST}'`, "pty")],
  ["a socket that QEMU dials", channel("mode='connect' path='/x'", `type='virtio' name='${HOST_TO_GUEST}'`)],
  ["a channel without a path", channel("mode='bind'", `type='virtio' name='${HOST_TO_GUEST}'`)],
  ["a relative path", channel("path='x'", `type='virtio' name='${HOST_TO_GUEST}'`)],
  ["a target that is not virtio", channel("path='/x'", `type='guestfwd' name='${HOST_TO_GUEST}'`)],
  ["a channel without a name", channel("path='/x'", "type='virtio'")],
  ["empty elements", "<channel/><channel type='unix'/><channel type='unix'><source/><target/></channel>"],
  ["a channel with two sources", `<channel type='unix'><source path='/a'/><source path='/b'/></channel>`],
  ["text without elements", "\n  "],
  ["a channel in another namespace", `<x:channel type='unix' xmlns:x='u'/>`],
])("a domain with %s has no channels", (_, devices) => {
  expect(parse(domain(devices)).channels).toEqual([]);
});

test("a domain without an id is not active, and without devices it has no channels", () => {
  const text = "<domain><name>a</name><uuid>b</uuid></domain>";
  expect(parse(text)).toEqual({ name: "a", uuid: "b", isActive: false, channels: [] });
});

test.each([
  ["-we &quot;ird&apos;  näme &lt;a&gt; &amp;lt;", `-we "ird'  näme <a> &lt;`],
  ["  blanks  ", "  blanks  "],
  ["007", "007"],
  ["1e3", "1e3"],
  ["true", "true"],
  ["&#xE4;&#228;&#x1F600;", "ää😀"],
  ["&nosuch;&#x110000;&#99999999;", "&nosuch;&#x110000;&#99999999;"],
  ["&constructor;&toString;", "&constructor;&toString;"],
  ["<![CDATA[a<b]]>", "a<b"],
])("the name %j in XML is read as %j", (written, meant) => {
  expect(parse(domain("", written)).name).toBe(meant);
});

test("channels outside the domain's devices are ignored", () => {
  const text = domain(
    OURS,
    "a",
    `<metadata><devices>${OURS}</devices><!-- </metadata> -->${OURS}</metadata>`,
  );
  expect(parse(text).channels).toHaveLength(1);
});

test("nested entity declarations are not expanded", () => {
  const bomb = Array.from({ length: 30 }, (_, n) => `<!ENTITY e${n + 1} "&e${n};&e${n};">`).join("");
  const declarations = `<!ENTITY e0 "boom">${bomb}<!ENTITY f SYSTEM "file:///etc/passwd">`;
  const text = `<!DOCTYPE d [${declarations}]>${domain("", "&e30;")}`;
  const name = (): string => parse(text).name;
  let result = "";
  try {
    result = name();
  } catch (error) {
    expect(error).toMatchObject({ code: "BAD_FRAME" });
  }
  expect(result.length).toBeLessThan(100);
});

test.each([
  ["an empty text", ""],
  ["a text that is not XML", "error: failed"],
  ["a domain that is cut short", domain(OURS).slice(0, -12)],
  ["a domain that is cut short before its devices", "<domain><name>a</name><uuid>b</uuid>"],
  ["crossed tags", "<domain><name>a</domain></name>"],
  ["a domain without a name", "<domain><uuid>a</uuid></domain>"],
  ["a domain with two names", "<domain><name>a</name><name>b</name><uuid>c</uuid></domain>"],
  ["a network", "<network><name>a</name><uuid>b</uuid></network>"],
  ["100,000 nested elements", "<domain>".repeat(100_000)],
  ["an element called __proto__", "<domain><__proto__><name>a</name></__proto__></domain>"],
])("%s is refused with BAD_FRAME", (_, text) => {
  expect(errorOf(() => parse(text)).code).toBe("BAD_FRAME");
});
