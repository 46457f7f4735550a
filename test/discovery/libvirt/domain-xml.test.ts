/** Reading a domain's XML, friendly and hostile. */
import { expect, test } from "bun:test";
import { parseDomainXml } from "../../../src/discovery/libvirt/domain-xml.ts";
import { errorOf } from "../../support/error-of.ts";

const HOST_TO_GUEST = "negotiator-host-to-guest.0";

function domain(devices: string, name = "web1", rest = ""): string {
  return `<domain type='kvm' id='3'>\n  <name>${name}</name>\n  <uuid>64800e11-3e0a-4844-b181-5e5b9a9fed46</uuid>${rest}
  <devices>${devices}</devices>\n</domain>\n`;
}

function channel(source: string, target: string, type = "unix"): string {
  return `\n<channel type='${type}'>\n <source ${source}/>\n <target ${target}/>\n <alias name='channel0'/></channel>`;
}

const OURS = channel("mode='bind' path='/run/a'", `type='virtio' name='${HOST_TO_GUEST}' state='connected'`);

test("reads name, UUID and our channels among others", () => {
  const text = domain(
    OURS +
      channel("mode='bind' path='/run/qga'", "type='virtio' name='org.qemu.guest_agent.0'") +
      channel("path='/run/b'", "type='virtio' name='negotiator-guest-to-host.0' state='disconnected'") +
      channel("path='/run/c'", "type='virtio' name='negotiator-channel.0'"),
  );
  expect(parseDomainXml(text)).toEqual({
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

test.each([
  ["a pty", channel("path='/dev/pts/0'", `type='virtio' name='${HOST_TO_GUEST}'`, "pty")],
  ["QEMU dials", channel("mode='connect' path='/x'", `type='virtio' name='${HOST_TO_GUEST}'`)],
  ["no path", channel("mode='bind'", `type='virtio' name='${HOST_TO_GUEST}'`)],
  ["relative path", channel("path='x'", `type='virtio' name='${HOST_TO_GUEST}'`)],
  ["another target", channel("path='/x'", `type='guestfwd' name='${HOST_TO_GUEST}'`)],
  ["no name", channel("path='/x'", "type='virtio'")],
  ["empty elements", "<channel/><channel type='unix'/><channel type='unix'><source/><target/></channel>"],
  ["two sources", `<channel type='unix'><source path='/a'/><source path='/b'/></channel>`],
  ["text only", "\n  "],
  ["a metadata lookalike", `<x:channel type='unix' xmlns:x='u'/>`],
])("passes over a channel that is not ours: %s", (_, devices) => {
  expect(parseDomainXml(domain(devices)).channels).toEqual([]);
});

test("a domain without an id is not active, and one without devices is a domain", () => {
  const text = "<domain><name>a</name><uuid>b</uuid></domain>";
  expect(parseDomainXml(text)).toEqual({ name: "a", uuid: "b", isActive: false, channels: [] });
});

test.each([
  ["-we &quot;ird&apos;  näme &lt;a&gt; &amp;lt;", `-we "ird'  näme <a> &lt;`],
  ["  blanks  ", "  blanks  "],
  ["007", "007"],
  ["1e3", "1e3"],
  ["true", "true"],
  ["&#xE4;&#228;&#x1F600;", "ää😀"],
  ["&nosuch;&#x110000;&#99999999;", "&nosuch;&#x110000;&#99999999;"],
  ["<![CDATA[a<b]]>", "a<b"],
])("takes the name %s for %s", (written, meant) => {
  expect(parseDomainXml(domain("", written)).name).toBe(meant);
});

test("channels outside of the domain's devices do not count", () => {
  const text = domain(
    OURS,
    "a",
    `<metadata><devices>${OURS}</devices><!-- </metadata> -->${OURS}</metadata>`,
  );
  expect(parseDomainXml(text).channels).toHaveLength(1);
});

test("declared entities stay unread, however they nest", () => {
  const bomb = Array.from({ length: 30 }, (_, n) => `<!ENTITY e${n + 1} "&e${n};&e${n};">`).join("");
  const text = `<!DOCTYPE d [<!ENTITY e0 "boom">${bomb}<!ENTITY f SYSTEM "file:///etc/passwd">]>${domain("", "&e30;")}`;
  const name = (): string => parseDomainXml(text).name;
  let result = "";
  try {
    result = name();
  } catch (error) {
    expect(error).toMatchObject({ code: "BAD_FRAME" });
  }
  expect(result.length).toBeLessThan(100);
});

test.each([
  ["nothing", ""],
  ["no XML", "error: failed"],
  ["cut short", domain(OURS).slice(0, -12)],
  ["cut short before the devices", "<domain><name>a</name><uuid>b</uuid>"],
  ["crossed tags", "<domain><name>a</domain></name>"],
  ["no name", "<domain><uuid>a</uuid></domain>"],
  ["two names", "<domain><name>a</name><name>b</name><uuid>c</uuid></domain>"],
  ["no domain", "<network><name>a</name><uuid>b</uuid></network>"],
  ["deep", "<domain>".repeat(100_000)],
  ["a dangerous name", "<domain><__proto__><name>a</name></__proto__></domain>"],
])("refuses %s", (_, text) => {
  expect(errorOf(() => parseDomainXml(text)).code).toBe("BAD_FRAME");
});
