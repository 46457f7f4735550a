/** Domains of libvirt that no scan reports: those that are shut off, and those without our ports. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { createStoppedDomains } from "../../../src/discovery/libvirt/stopped.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { AGENT_PORT, OWN_PORTS as ports } from "../endpoint-sample.ts";
import { answer, complaint, fakeVirsh, UUIDS } from "./fake-libvirt.ts";

const [A, B, C] = UUIDS;
const signal = new AbortController().signal;
const GONE = complaint("failed to get domain 'x'");

/** The XML of a domain with these ports, which has no id while it is shut off. */
function xml(name: string, uuid: string, names: readonly string[], id = ""): string {
  const channels = names.map(
    (port) => `<channel type='unix'><target type='virtio' name='${port}'/></channel>`,
  );
  const devices = `<devices>${channels.join("")}</devices>`;
  return `<domain type='kvm'${id}>\n<name>${name}</name><uuid>${uuid}</uuid>${devices}\n</domain>\n\n`;
}

const CALLS = "negotiator-host-to-guest.0";

test("list gives the domains that are shut off and have a port of ours, and reads each once", async () => {
  const { runText, calls } = fakeVirsh({
    "list --uuid --inactive": answer(`${A}\n${B}\n${C}\n`),
    [`dumpxml -- ${A}`]: answer(xml("web1", A, [CALLS, AGENT_PORT])),
    [`dumpxml -- ${B}`]: answer(xml("other", B, [AGENT_PORT])),
    [`dumpxml -- ${C}`]: GONE,
  });
  const domains = createStoppedDomains({ runText, ports });
  expect(await domains.list(signal)).toEqual([{ guest: "web1", uuid: A }]);
  expect(await domains.list(signal)).toEqual([{ guest: "web1", uuid: A }]);
  expect(calls.filter((words) => words.at(-1)?.includes(A) === true)).toHaveLength(1);
});

test("list leaves out a domain that has started since", async () => {
  const { runText } = fakeVirsh({
    "list --uuid --inactive": answer(`${A}\n`),
    [`dumpxml -- ${A}`]: answer(xml("web1", A, [CALLS], " id='3'")),
  });
  expect(await createStoppedDomains({ runText, ports }).list(signal)).toEqual([]);
});

test.each([
  ["is shut off", xml("web1", A, [CALLS]), { isActive: false, ports: [CALLS] }],
  [
    "runs without our ports",
    xml("web1", A, [AGENT_PORT], " id='3'"),
    { isActive: true, ports: [AGENT_PORT] },
  ],
])("find for a domain that %s gives its ports", async (_, text, expected) => {
  const { runText } = fakeVirsh({ "dumpxml -- web1": answer(text) });
  const domains = createStoppedDomains({ runText, ports });
  expect(await domains.find("web1", signal)).toEqual(expected);
});

test("find gives nothing for a word that virsh takes for an id or a UUID", async () => {
  const { runText } = fakeVirsh({ "dumpxml -- 7": answer(xml("web7", A, [CALLS])) });
  expect(await createStoppedDomains({ runText, ports }).find("7", signal)).toBeUndefined();
});

test("find gives nothing for an unknown domain, and without libvirt", async () => {
  const known = createStoppedDomains({ ...fakeVirsh({ "dumpxml -- web1": GONE }), ports });
  expect(await known.find("web1", signal)).toBeUndefined();
  const broken = createStoppedDomains({ ...fakeVirsh({}), ports });
  expect(await broken.find("web1", signal)).toBeUndefined();
  expect(await broken.list(signal)).toEqual([]);
});

test("a libvirt that does not answer is named, and the guest is not called unknown", async () => {
  const { runText } = fakeVirsh({
    "dumpxml -- web1": () => Promise.reject(new NegotiatorError("TIMEOUT", "too slow")),
  });
  const domains = createStoppedDomains({ runText, ports, connect: "qemu:///system" });
  expect(await rejectionOf(domains.find("web1", signal))).toMatchObject({
    code: "NO_GUEST",
    message: expect.stringMatching(
      /^Cannot find guest "web1": libvirt does not answer within \d+ s\nLook .*: virsh --connect .* list$/,
    ),
  });
});
