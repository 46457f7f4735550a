/** The explanation of an empty search: where the host looked, and how to get guests there. */
import { expect, spyOn, test } from "bun:test";
import { defaultUri } from "../../../src/discovery/default-uri.ts";
import { explainEmpty } from "../../../src/roles/host/no-guests.ts";
import { createQuickHost } from "../../support/quick-host.ts";
import type { LineOptions, VirshAnswers } from "../../support/quick-host.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { domainXml, UUIDS } from "../../discovery/libvirt/fake-libvirt.ts";

const PORT = "negotiator-host-to-guest.0";
const IS_ROOT = process.geteuid?.() === 0;

/** The code and the lines of the error on a host with these settings. */
async function explain(settings: LineOptions["host"], virsh?: VirshAnswers): Promise<string[]> {
  await using host = await createQuickHost(virsh === undefined ? {} : { virsh });
  const { code, message } = await explainEmpty(host.line({ host: settings ?? {} }).config.settings, PORT);
  return [code, ...message.split("\n")];
}

/** A libvirt at this URI, with running guests of these names. */
function libvirtWith(uri: string, names: readonly string[]): VirshAnswers {
  const uuids = UUIDS.slice(0, names.length);
  const xml = uuids.map((uuid, index) => [`dumpxml -- ${uuid}`, domainXml(names[index] ?? "", uuid)]);
  return { uri: `${uri}\n\n`, "list --uuid": `${uuids.join("\n")}\n`, ...Object.fromEntries(xml) };
}

const OTHER: VirshAnswers = { uri: { complaint: "must not be asked" } };

test.each<[string, LineOptions["host"], VirshAnswers | undefined, string]>([
  ["libvirt is switched off", { libvirt: "no", qemu: "auto" }, OTHER, 'host.libvirt = "no"'],
  ["there is no virsh", { libvirt: "auto", qemu: "yes" }, undefined, "there is no virsh"],
])("without libvirt, because %s, a host that looks at processes says so", async (_, host, virsh, why) => {
  expect(await explain(host, virsh)).toEqual([
    "NO_GUEST",
    `No guest was found: no QEMU process of root has a negotiator port (libvirt is not asked: ${why})`,
    "Look for QEMU processes with such a port, as root: ps -ef | grep negotiator-",
  ]);
});

test.each<[LineOptions["host"], string]>([
  [{ libvirt: "no", qemu: "no" }, 'host.libvirt = "no"'],
  [{ libvirt: "auto", qemu: "no" }, "there is no virsh"],
])("a host with %j that looks nowhere wants named sockets", async (host, why) => {
  expect(await explain(host)).toEqual([
    "NO_GUEST",
    `No guest was found: none is named, ${why}, host.qemu = "no"`,
    "Name the sockets: negotiator host list-guests --socket GUEST=PATH",
  ]);
});

test("a libvirt without running guests is named, with the line that shows all its guests", async () => {
  for (const libvirt of ["auto", "yes"] as const)
    expect(await explain({ libvirt }, libvirtWith("qemu:///system?a b", []))).toEqual([
      "NO_GUEST",
      "No guest was found: none runs by libvirt at qemu:///system?a b",
      "Look at all guests: virsh --connect 'qemu:///system?a b' list --all",
    ]);
});

test("running guests without our port are named, with the line that adds it to the first one", async () => {
  expect(await explain({ libvirt: "yes" }, libvirtWith("qemu:///system", ["web 1"]))).toEqual([
    "NO_GUEST",
    `No guest can be called: guest "web 1" runs, but has no port ${PORT}`,
    "Add it: negotiator host add-channel 'web 1'",
  ]);
  const two = libvirtWith("qemu:///system", ["web1", "db1"]);
  expect(await explain({ libvirt: "yes", connect: "qemu:///system" }, two)).toEqual([
    "NO_GUEST",
    `No guest can be called: guests "web1", "db1" run, but have no port ${PORT}`,
    "Add it: negotiator host add-channel --connect qemu:///system web1",
  ]);
});

test("libvirt is asked at the URI of the settings", async () => {
  await using host = await createQuickHost({ virsh: libvirtWith("test:///x", []) });
  const { settings } = host.line({ host: { libvirt: "yes", connect: "test:///x" } }).config;
  await explainEmpty(settings, PORT);
  const own = "--readonly --connect=test:///x";
  expect(await host.virshCalls()).toEqual([`${own} uri`, `${own} list --uuid`]);
});

test("libvirt is asked at its own URI without one in the settings", async () => {
  await using host = await createQuickHost({ virsh: libvirtWith("test:///x", []) });
  await explainEmpty(host.line({ host: { libvirt: "yes" } }).config.settings, PORT);
  const uri = defaultUri();
  const own = uri === undefined ? "" : ` --connect=${uri}`;
  expect(await host.virshCalls()).toEqual([`--readonly${own} uri`, `--readonly${own} list --uuid`]);
});

test("the error of a libvirt that does not answer comes through", async () => {
  const virsh = { uri: { complaint: "internal error: odd" } };
  expect((await rejectionOf(explain({ libvirt: "yes" }, virsh))).message).toContain("odd");
});

test.each([
  ["qemu:///session", true],
  ["qemu+ssh:///session?a=b", true],
  ["qemu:///sessions", false],
  ["qemu://host/session", false],
  ["a:qemu:///session", false],
])("of the libvirt at %s, a user who is not root reads that it is its own: %p", async (uri, isOwn) => {
  const libvirt = libvirtWith(uri, []);
  using _ = spyOn(process, "geteuid").mockReturnValue(1000);
  const found = await explain({ libvirt: "yes" }, libvirt);
  expect(found[0]).toBe(isOwn ? "DENIED" : "NO_GUEST");
  if (isOwn)
    expect(found).toEqual([
      "DENIED",
      `No guest was found: this user asked its own libvirt, at ${uri}, not that of the system`,
      "Run as root, or ask the system's libvirt with the option --connect qemu:///system",
      "Join the group libvirt first, if that is refused: usermod -aG libvirt USER",
    ]);
  // A user who chose it knows it.
  expect((await explain({ libvirt: "yes", connect: uri }, libvirt))[0]).toBe("NO_GUEST");
});

test.if(IS_ROOT)("root's own libvirt is one as any other (needs root)", async () => {
  const [code] = await explain({ libvirt: "yes" }, libvirtWith("qemu:///session", []));
  expect(code).toBe("NO_GUEST");
});
