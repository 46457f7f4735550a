/** All ports and channels in a domain's XML, also those of other programs. */
import { expect, test } from "bun:test";
import { parseDomainDevices, parseDomainPorts } from "../../../src/discovery/libvirt/domain-xml.ts";

const UUID = "64800e11-3e0a-4844-b181-5e5b9a9fed46";

function domain(devices: string, id = " id='3'"): string {
  const names = `<name>a&lt;b</name><uuid>${UUID}</uuid>`;
  return `<domain type='kvm'${id}>${names}<devices>${devices}</devices></domain>`;
}

const target = (name: string, rest = ""): string => `<target type='virtio' name='${name}'${rest}/>`;

const BOUND = `<channel type='unix'><source mode='bind' path='/run/a'/>${target("a.0")}</channel>`;
const DIALLED = `<channel type='unix'><source mode='connect' path='/run/b'/>${target("b.0")}</channel>`;
const SPICE = `<channel type='spicevmc'>${target("c.0", " state='connected'")}</channel>`;
const OTHERS =
  `<channel type='unix'><target type='guestfwd' name='d.0'/></channel>` +
  `<channel type='unix'><target type='virtio'/></channel><channel>${target("e.0")}</channel>`;

test("the devices are the named virtio channels of any kind, and whether QEMU listens there", () => {
  const { devices, ...rest } = parseDomainDevices(domain(BOUND + DIALLED + SPICE + OTHERS));
  expect(rest).toEqual({ name: "a<b", uuid: UUID, isActive: true, hasController: false });
  expect(devices).toEqual([
    { port: "a.0", type: "unix", source: "/run/a", isBound: true },
    { port: "b.0", type: "unix", source: "/run/b", isBound: false },
    { port: "c.0", type: "spicevmc", source: "", isBound: false, connected: true },
  ]);
});

test.each([
  ["a virtio-serial controller", "<controller type='virtio-serial' index='0'/>", true],
  [
    "a virtio-serial controller after another",
    "<controller type='usb'/><controller type='virtio-serial'/>",
    true,
  ],
  ["only a USB controller", "<controller type='usb'/>", false],
  ["no controller", "", false],
])("with %s, hasController is as expected", (_, xml, expected) => {
  expect(parseDomainDevices(domain(xml)).hasController).toBe(expected);
});

test("the ports of a domain that is shut off are the named virtio ones, with or without a socket", () => {
  const shut = domain(BOUND + SPICE + OTHERS, "");
  expect(parseDomainPorts(shut)).toEqual({
    name: "a<b",
    uuid: UUID,
    isActive: false,
    ports: ["a.0", "c.0", "e.0"],
  });
});
