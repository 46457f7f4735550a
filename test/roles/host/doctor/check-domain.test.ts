/** The check of one guest: where it is known, its state, and its channel. */
import { describe, expect, test } from "bun:test";
import type { DomainFacts } from "../../../../src/discovery/libvirt/domain-facts.ts";
import type { ChannelDevice } from "../../../../src/discovery/libvirt/domain-xml.ts";
import type { Endpoint } from "../../../../src/discovery/endpoint.ts";
import { virshAt } from "../../../../src/discovery/attach-line.ts";
import { NegotiatorError } from "../../../../src/errors.ts";
import type { Fix } from "../../../../src/roles/doctor/finding.ts";
import { createDomainCheck } from "../../../../src/roles/host/doctor/check-domain.ts";
import { createQuickHost, examinationOf, guestStatus } from "../../../support/quick-host.ts";
import type { LineOptions, QuickHostOptions, VirshAnswers } from "../../../support/quick-host.ts";
import { domainXml, UUIDS } from "../../../discovery/libvirt/fake-libvirt.ts";

const PORT = "negotiator-host-to-guest.0";
const [UUID] = UUIDS;
const ADD: Fix = ["negotiator", "host", "add-channel", "web 1"];
const ADD_LINE = "negotiator host add-channel 'web 1'";
const VIRSH = virshAt();

const device = (port: string, changes: Partial<ChannelDevice> = {}): ChannelDevice => ({
  port,
  type: "unix",
  source: `/run/${port}`,
  isBound: true,
  ...changes,
});
const withDevices = (...devices: ChannelDevice[]) => ({ hasController: true, devices });
const OURS = withDevices(device(PORT));
const NONE = withDevices();

type GuestFacts = Parameters<ReturnType<typeof createDomainCheck>["judge"]>[0];

function judge(facts: Partial<GuestFacts>, isRoot = true) {
  return createDomainCheck("web 1").judge(
    {
      name: "web 1",
      connect: undefined,
      domain: undefined,
      endpoint: undefined,
      missing: undefined,
      isRefused: false,
      hasOnlyQga: false,
      ...facts,
    },
    { role: "host", isRoot },
  );
}

/** The findings about a running domain, with `changes`. */
function judgeDomain(changes: Partial<DomainFacts>, facts: Partial<GuestFacts> = {}) {
  const domain: DomainFacts = { name: "web 1", uuid: UUID, state: "running", isSaved: false, ...changes };
  return judge({ domain, ...facts });
}

describe("the state of a domain", () => {
  const fine = { level: "ok", text: `it has the port ${PORT}` } as const;
  test.each<[string, Partial<DomainFacts>, object]>([
    ["running", { live: OURS, config: OURS }, { level: "ok", text: "it runs" }],
    [
      "paused",
      { state: "paused", live: OURS, config: OURS },
      { level: "problem", text: "it is paused", remedy: `Resume it: ${VIRSH} resume 'web 1'` },
    ],
    [
      "shut off",
      { state: "shut off", config: OURS },
      { level: "problem", text: "it is shut off", remedy: `Start it: ${VIRSH} start 'web 1'` },
    ],
    [
      "saved",
      { state: "shut off", config: OURS, isSaved: true },
      { level: "problem", text: "it is saved", remedy: `Start it: ${VIRSH} start 'web 1'` },
    ],
  ])("is found: %s", (_, changes, found) => {
    expect(judgeDomain(changes)).toEqual([expect.objectContaining(found), fine]);
  });

  test("is mended at the libvirt of the settings", () => {
    const [found] = judgeDomain({ state: "paused", live: OURS }, { connect: "test:///x" });
    expect(found?.remedy).toBe("Resume it: virsh --connect test:///x resume 'web 1'");
  });
});

/** The findings about the channel alone. */
const channelOf = (changes: Partial<DomainFacts>, facts?: Partial<GuestFacts>) =>
  judgeDomain(changes, facts).slice(1);

describe("the channel of a running domain", () => {
  test("is fine if it is there now and later, or if there is no later", () => {
    const other = withDevices(device("negotiator-channel.0"));
    expect(channelOf({ live: other, config: OURS })).toEqual([
      { level: "ok", text: "it has the port negotiator-channel.0" },
    ]);
    expect(channelOf({ live: OURS })).toEqual([{ level: "ok", text: `it has the port ${PORT}` }]);
  });

  test("is to be kept if only the run of now has it", () => {
    const config = withDevices(device("org.qemu.guest_agent.0"));
    expect(channelOf({ live: OURS, config })).toEqual([
      {
        level: "warning",
        text: "it has the port only until it is shut off",
        remedy: `Keep it: ${ADD_LINE}`,
        fix: ADD,
      },
    ]);
    const [found] = channelOf({ live: OURS, config }, { connect: "test:///a b" });
    expect(found?.fix).toEqual(["negotiator", "host", "add-channel", "--connect", "test:///a b", "web 1"]);
    expect(found?.remedy).toBe("Keep it: negotiator host add-channel --connect 'test:///a b' 'web 1'");
  });

  test("is not needed if the daemon calls its QEMU guest agent, but is shown if it is there", () => {
    const hasOnlyQga = true;
    const qga = withDevices(device("org.qemu.guest_agent.0"));
    expect(channelOf({ live: qga, config: qga }, { hasOnlyQga })).toEqual([
      { level: "ok", text: "it has only the port of the QEMU guest agent, and the daemon calls it there" },
    ]);
    expect(channelOf({ live: OURS, config: OURS }, { hasOnlyQga })).toMatchObject([
      { text: `it has the port ${PORT}` },
    ]);
  });

  test("is to be added if it is missing, and its other ports are named", () => {
    expect(channelOf({ live: NONE, config: NONE })).toEqual([
      {
        level: "problem",
        text: `it has no port ${PORT} (it has: none)`,
        remedy: `Add it: ${ADD_LINE}`,
        fix: ADD,
      },
    ]);
    const others = withDevices(device("a"), device("negotiator-host-to-gust.0"));
    expect(channelOf({ live: others, config: others })).toMatchObject([
      {
        text:
          `it has no port ${PORT} (it has: a, negotiator-host-to-gust.0); ` +
          '"negotiator-host-to-gust.0" may be mistyped',
      },
    ]);
  });

  test("comes at the next start if the guest has no controller now", () => {
    const live = { hasController: false, devices: [] };
    const restart =
      `Shut it down (a reboot inside is not enough): ${VIRSH} shutdown 'web 1'\n` +
      `When it is off, start it: ${VIRSH} start 'web 1'`;
    const why = "no virtio-serial controller, and libvirt cannot add one while the guest runs";
    expect(channelOf({ live, config: OURS })).toEqual([
      { level: "problem", text: `it gets the port at its next start: ${why}`, remedy: restart },
    ]);
    expect(channelOf({ live, config: NONE })).toEqual([
      {
        level: "problem",
        text: `it has no port ${PORT} (it has: none); ${why}`,
        remedy: `Add it: ${ADD_LINE}\n${restart}`,
        fix: ADD,
      },
    ]);
  });

  test("that cannot be added is a problem with its own remedy", () => {
    const dialled = withDevices(device(PORT, { isBound: false }));
    expect(channelOf({ live: dialled })).toEqual([
      {
        level: "problem",
        text: expect.stringContaining("QEMU connects to its socket and does not listen there"),
        remedy: expect.stringContaining("Correct the file that it is created from"),
      },
    ]);
  });

  test("of a domain that is shut off is that of its next start", () => {
    expect(judgeDomain({ state: "shut off", config: NONE })).toMatchObject([
      { text: "it is shut off" },
      { text: `it has no port ${PORT} (it has: none)` },
    ]);
  });
});

test.each<[Endpoint["source"], string]>([
  ["flag", "an option"],
  ["config", "the config"],
  ["qemu", "its QEMU process"],
  ["libvirt", "libvirt"],
])("a guest whose endpoint has the source %s is fine, by %s", (source, by) => {
  const endpoint = { guest: "web 1", port: PORT, path: "/run/a\nb", source };
  expect(judge({ endpoint })).toEqual([{ level: "ok", text: `its socket is /run/a\\nb, by ${by}` }]);
});

test("a guest that only the daemon knows is fine", () => {
  expect(judge({})).toEqual([{ level: "ok", text: "the daemon knows it" }]);
});

test("a missing guest is a problem, or unknown to a user who may not ask the daemon", () => {
  const missing = new NegotiatorError("NO_GUEST", "not there", { remedy: "Look again" });
  const problem = { level: "problem", text: "not there", remedy: "Look again" } as const;
  expect(judge({ missing })).toEqual([problem]);
  expect(judge({ missing }, false)).toEqual([problem]);
  expect(judge({ missing, isRefused: true })).toEqual([problem]);
  expect(judge({ missing, isRefused: true }, false)).toEqual([
    { level: "unknown", text: "not there", remedy: "Run doctor as root" },
  ]);
  const denied = new NegotiatorError("DENIED", "not yours", { remedy: "Join" });
  expect(judge({ missing: denied }, false)).toEqual([
    { level: "unknown", text: "not yours", remedy: "Join" },
  ]);
});

/** The findings about the guest `web1` on a host. */
async function look(parts: QuickHostOptions, line: LineOptions = {}, isRoot = true) {
  await using host = await createQuickHost(parts);
  return await createDomainCheck("web1").run(examinationOf(host.line(line), isRoot));
}

/** A libvirt with the domain `web1`, which runs and has this XML at its next start. */
function libvirtWith(next = domainXml("web1", UUID)): VirshAnswers {
  return {
    "list --uuid": UUID,
    "list --uuid --state-paused": "",
    "list --uuid --all": UUID,
    "list --uuid --all --transient": "",
    "list --uuid --inactive --with-managed-save": "",
    "dumpxml -- web1": domainXml("web1", UUID),
    [`dumpxml -- ${UUID}`]: domainXml("web1", UUID),
    [`dumpxml --inactive -- ${UUID}`]: next,
  };
}

const WITH_LIBVIRT: LineOptions = { host: { libvirt: "yes" } };
const NAMED: LineOptions = {
  settings: {
    guests: [
      { name: "db1", socket: "/run/d", port: PORT },
      { name: "web1", socket: "/run/w", port: PORT },
    ],
  },
};

test("a domain of libvirt is looked at, now and at its next start", async () => {
  expect(await look({ virsh: libvirtWith() }, WITH_LIBVIRT)).toMatchObject([
    { text: "it runs" },
    { text: `it has the port ${PORT}` },
  ]);
  const next = `<domain><name>web1</name><uuid>${UUID}</uuid></domain>`;
  expect(await look({ virsh: libvirtWith(next) }, WITH_LIBVIRT)).toMatchObject([
    { text: "it runs" },
    { text: "it has the port only until it is shut off" },
  ]);
});

test("a host whose settings name a libvirt asks that one", async () => {
  await using host = await createQuickHost({ virsh: libvirtWith() });
  const line = host.line({ host: { libvirt: "yes", connect: "test:///x" } });
  await createDomainCheck("web1").run(examinationOf(line));
  const calls = await host.virshCalls();
  expect(calls).toContain("--readonly --connect=test:///x dumpxml -- web1");
  expect(calls.filter((call) => !call.includes("--connect=test:///x"))).toEqual([]);
});

test("a host that does not use libvirt does not ask it, and finds the guest of its config", async () => {
  await using host = await createQuickHost({ virsh: libvirtWith() });
  const found = await createDomainCheck("web1").run(examinationOf(host.line(NAMED)));
  expect(found).toEqual([{ level: "ok", text: "its socket is /run/w, by the config" }]);
  expect(await host.virshCalls()).toEqual([]);
});

test("a guest that only the daemon knows is found by its name", async () => {
  const guests = [guestStatus({ name: "web1" })];
  expect(await look({ daemon: { status: { guests } } })).toEqual([
    { level: "ok", text: "the daemon knows it" },
  ]);
  const others = [guestStatus({ name: "db1" })];
  expect(await look({ daemon: { status: { guests: others } } }, { host: { qemu: "no" } })).toMatchObject([
    { level: "problem", text: expect.stringContaining('is called "web1"') },
  ]);
});

/** A daemon that calls `web1` in this dialect. */
const statusOf = (dialect: string) => ({ status: { guests: [guestStatus({ dialect })] } });

test("a domain that the daemon calls through its QEMU guest agent needs no port of ours", async () => {
  const bare = domainXml("web1", UUID).replaceAll("negotiator-", "other-");
  const virsh = { ...libvirtWith(bare), [`dumpxml -- ${UUID}`]: bare };
  expect(await look({ virsh, daemon: statusOf("qga") }, WITH_LIBVIRT)).toMatchObject([
    { text: "it runs" },
    { text: expect.stringContaining("only the port of the QEMU guest agent") },
  ]);
  expect(await look({ virsh, daemon: statusOf("native") }, WITH_LIBVIRT)).toMatchObject([
    { text: "it runs" },
    { text: expect.stringContaining(`it has no port ${PORT}`) },
  ]);
});

test("a guest that is nowhere is a problem, with the error of the search or with its names", async () => {
  expect(await look({}, { settings: { guests: NAMED.settings?.guests?.slice(0, 1) ?? [] } })).toEqual([
    {
      level: "problem",
      text: 'No running guest with a negotiator channel is called "web1"',
      remedy: "List the guests with: negotiator host list-guests",
    },
  ]);
  const virsh = { "list --uuid": { complaint: "internal error: odd" } };
  expect(await look({ virsh }, WITH_LIBVIRT)).toMatchObject([
    { level: "problem", text: expect.stringContaining("internal error: odd") },
  ]);
});

test("of a guest that is nowhere, a user whom the daemon refuses cannot tell", async () => {
  const status = new NegotiatorError("DENIED", "not you");
  expect(await look({ daemon: { status } }, {}, false)).toMatchObject([
    { level: "unknown", remedy: "Run doctor as root" },
  ]);
  const failed = new NegotiatorError("INTERNAL", "broken");
  expect(await look({ daemon: { status: failed } }, {}, false)).toMatchObject([{ level: "problem" }]);
});
