/** The check of libvirt: whether it answers, what helps if not, and what is missed if it is not asked. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { NegotiatorError } from "../../../../src/errors.ts";
import { canBeStarted, CHECK_LIBVIRT } from "../../../../src/roles/host/doctor/check-libvirt.ts";
import { createQuickHost, examinationOf } from "../../../support/quick-host.ts";
import type { LineOptions, VirshAnswers } from "../../../support/quick-host.ts";
import { domainXml, UUIDS } from "../../../discovery/libvirt/fake-libvirt.ts";

const PORT = "negotiator-host-to-guest.0";
const [UUID, OTHER_UUID] = UUIDS;

type LibvirtFacts = Parameters<typeof CHECK_LIBVIRT.judge>[0];
type Unused = Extract<LibvirtFacts, { kind: "unused" }>;
type Failed = Extract<LibvirtFacts, { kind: "failed" }>;

const judge = (facts: LibvirtFacts, isRoot = true) => CHECK_LIBVIRT.judge(facts, { role: "host", isRoot });

/** The findings about a libvirt that is not asked, with `changes`. */
const unused = (changes: Partial<Unused>) =>
  judge({
    kind: "unused",
    reason: 'host.libvirt = "no"',
    looksAtQemu: false,
    named: 0,
    lacksVirsh: false,
    lost: [],
    setBy: "/etc/n\n.toml",
    ...changes,
  });

describe("a libvirt that is not asked", () => {
  test("is fine if guests are found in another way", () => {
    const text = 'it is not asked (host.libvirt = "no"); guests are ';
    expect(unused({ looksAtQemu: true })).toEqual([{ level: "ok", text: `${text}QEMU processes` }]);
    expect(unused({ named: 1 })).toEqual([{ level: "ok", text: `${text}named` }]);
  });

  test("is a problem if no guest can be found", () => {
    expect(unused({})).toEqual([
      {
        level: "problem",
        text:
          'no guest can be found: libvirt is not asked (host.libvirt = "no"), host.qemu is "no", ' +
          "and none is named",
        remedy: "Name the sockets of guests in tables [[guests]], or set host.libvirt and host.qemu to auto",
      },
    ]);
  });

  test("is a warning if it runs guests that are missed", () => {
    expect(unused({ lost: ["web1", "db1"], lacksVirsh: true, looksAtQemu: true })).toEqual([
      {
        level: "warning",
        text:
          "libvirt runs guests with our port that are not found, because it is not asked " +
          '(host.libvirt = "no"): web1, db1',
        remedy: 'Set host.libvirt = "auto" in /etc/n\\n.toml. Then: negotiator host reload',
      },
    ]);
  });

  test("is a warning if it runs here and only virsh is missing", () => {
    const [found] = unused({ lacksVirsh: true, looksAtQemu: true, reason: "there is no program virsh" });
    expect(found).toMatchObject({
      level: "warning",
      text: "libvirt is on this host, and is not asked: there is no program virsh",
    });
    expect(found?.remedy).toStartWith("Install it (Debian: apt-get install libvirt-clients;");
  });
});

describe("a libvirt that does not answer", () => {
  const failed = (changes: Partial<Failed>, isRoot?: boolean) =>
    judge({ kind: "failed", error: DOWN, advice: undefined, file: undefined, ...changes }, isRoot);
  const DOWN = new NegotiatorError("NO_CHANNEL", "it is down", {
    remedy: "Start it. If that fails: negotiator host doctor\nOr not",
  });

  test("is a problem, whose remedy does not name doctor again", () => {
    expect(failed({})).toEqual([{ level: "problem", text: "it is down", remedy: "Start it.\nOr not" }]);
    const bare = new NegotiatorError("NO_CHANNEL", "it is down");
    expect(failed({ error: bare })).toStrictEqual([{ level: "problem", text: "it is down" }]);
  });

  test("is unknown to a user without the right to ask", () => {
    const error = new NegotiatorError("DENIED", "not yours", { remedy: "Run as root" });
    expect(failed({ error }, false)).toMatchObject([{ level: "unknown", text: "not yours" }]);
    expect(failed({ error })).toMatchObject([{ level: "problem", text: "not yours" }]);
  });

  test("has the advice about its units", () => {
    const advice = { state: "it is stopped", remedy: "Start it", fix: ["systemctl", "start"] } as const;
    expect(failed({ advice })).toEqual([
      {
        level: "problem",
        text: "it is down; it is stopped",
        remedy: 'Start it\nIf this host does not use libvirt, set host.libvirt = "no"',
        fix: ["systemctl", "start"],
      },
    ]);
  });

  test("because of its URI is to be corrected in the config, if that names it", () => {
    const error = new NegotiatorError("BAD_CONFIG", "wrong URI", { remedy: "Give another" });
    expect(failed({ error, file: "/etc/n.toml" })).toEqual([
      {
        level: "problem",
        text: "wrong URI",
        remedy:
          'Correct host.connect in /etc/n.toml, for example: "qemu:///system". Then: negotiator host reload',
      },
    ]);
    expect(failed({ error })).toEqual([{ level: "problem", text: "wrong URI", remedy: "Give another" }]);
    expect(failed({ file: "/etc/n.toml" })).toMatchObject([
      { text: "it is down", remedy: "Start it.\nOr not" },
    ]);
  });

  test.each([
    [undefined, "NO_CHANNEL", true],
    [undefined, "TIMEOUT", true],
    [undefined, "DENIED", false],
    ["qemu:///system", "NO_CHANNEL", true],
    ["qemu:///system", "BAD_CONFIG", false],
    ["qemu+ssh://kvm2/system", "NO_CHANNEL", false],
    ["test:///x", "TIMEOUT", false],
  ] as const)("at the URI %p with the error %s can be started here: %p", (connect, code, can) => {
    expect(canBeStarted(connect, new NegotiatorError(code, "?"))).toBe(can);
  });
});

test.each([
  ["qemu:///system", false, false, "ok"],
  ["qemu:///session", false, false, "warning"],
  ["qemu:///session?a", false, false, "warning"],
  ["qemu:///sessions", false, false, "ok"],
  ["qemu:///session", true, false, "ok"],
  ["qemu:///session", false, true, "ok"],
])("the libvirt at %s that answers (root: %p, chosen: %p) is found %s", (uri, isRoot, isChosen, level) => {
  const [found] = judge({ kind: "answers", survey: { uri, running: [] }, isChosen }, isRoot);
  expect(found?.level).toBe(level === "ok" ? "ok" : "warning");
  expect(found?.text).toBe(
    level === "ok"
      ? `${uri} answers`
      : `this user asks its own libvirt, at ${uri}, and not that of the system`,
  );
});

/** The findings on a host, and the calls of its virsh. */
async function look(virsh: VirshAnswers | undefined, line: LineOptions = {}, isRoot = true) {
  await using host = await createQuickHost(virsh === undefined ? {} : { virsh });
  const found = await CHECK_LIBVIRT.run(examinationOf(host.line(line), isRoot));
  return { found, calls: await host.virshCalls() };
}

const ANSWERS: VirshAnswers = { uri: "test:///x\n", "list --uuid": "" };
const WRONG = { uri: { complaint: "failed to connect to the hypervisor\nerror: invalid URI" } };
const DOWN = { uri: { complaint: "failed to connect to the hypervisor\nerror: Connection refused" } };

test.each(["auto", "yes"] as const)("libvirt is asked with host.libvirt = %p", async (libvirt) => {
  const { found, calls } = await look(ANSWERS, { host: { libvirt } });
  expect(found).toEqual([{ level: "ok", text: "test:///x answers" }]);
  expect(calls.map((call) => call.split(" ").slice(0, 2))).not.toContainEqual(["--readonly", "--connect="]);
});

test("libvirt is asked at the URI of the settings, and that counts as chosen", async () => {
  const virsh = { ...ANSWERS, uri: "qemu:///session" };
  const { found, calls } = await look(virsh, { host: { libvirt: "yes", connect: "test:///y" } }, false);
  expect(found).toEqual([{ level: "ok", text: "qemu:///session answers" }]);
  expect(calls).toContain("--readonly --connect=test:///y uri");
  expect((await look(virsh, { host: { libvirt: "yes" } }, false)).found).toMatchObject([
    { level: "warning" },
  ]);
});

test("a host without virsh does not ask libvirt, and warns if it runs here", async () => {
  const runs = ["libvirt-sock", "virtqemud-sock"].some((name) => existsSync(`/run/libvirt/${name}`));
  const { found } = await look(undefined, { host: { libvirt: "auto", qemu: "auto" } });
  const unused = "it is not asked (there is no program virsh); guests are QEMU processes";
  expect(found).toMatchObject([runs ? { level: "warning" } : { level: "ok", text: unused }]);
});

test("a host with host.libvirt = no names its guests or looks at processes", async () => {
  const text = 'it is not asked (host.libvirt = "no"); guests are ';
  const guests = [{ name: "web1", socket: "/run/w", port: PORT }];
  expect((await look(undefined, { settings: { guests } })).found).toEqual([
    { level: "ok", text: `${text}named` },
  ]);
  expect((await look(undefined, { host: { qemu: "yes" } })).found).toMatchObject([
    { level: "ok", text: `${text}QEMU processes` },
  ]);
  expect((await look(undefined)).found).toMatchObject([{ level: "problem" }]);
});

/** A libvirt that runs both domains. */
const TWO: VirshAnswers = {
  "list --uuid": `${UUID}\n${OTHER_UUID}\n`,
  "list --uuid --state-paused": "",
  [`dumpxml -- ${UUID}`]: domainXml("web1", UUID),
  [`dumpxml -- ${OTHER_UUID}`]: domainXml("db1", OTHER_UUID),
  [`dumpxml ${UUID}; dumpxml ${OTHER_UUID}`]: domainXml("web1", UUID) + domainXml("db1", OTHER_UUID),
};

test("guests of a libvirt that is not asked are missed, unless they are named", async () => {
  const guests = [{ name: "web1", socket: `/run/${UUID}/host-to-guest`, port: PORT }];
  const { found } = await look(TWO, { settings: { guests }, origins: { "host.libvirt": "/etc/n.toml" } });
  expect(found).toEqual([
    {
      level: "warning",
      text: expect.stringMatching(/because it is not asked \(host.libvirt = "no"\): db1$/),
      remedy: 'Set host.libvirt = "auto" in /etc/n.toml. Then: negotiator host reload',
    },
  ]);
  const byOption = await look(TWO);
  expect(byOption.found).toMatchObject([
    { text: expect.stringMatching(/: web1, db1$/), remedy: expect.stringContaining('"auto" in an option.') },
  ]);
});

test("the libvirt of the settings is asked for missed guests", async () => {
  const { calls } = await look(TWO, { host: { connect: "test:///y" } });
  expect(calls.length).toBeGreaterThan(0);
  expect(calls.filter((call) => !call.startsWith("--readonly --connect=test:///y "))).toEqual([]);
});

test("a libvirt that does not answer misses no guests", async () => {
  const guests = [{ name: "web1", socket: "/run/w", port: PORT }];
  expect((await look({}, { settings: { guests } })).found).toMatchObject([{ level: "ok" }]);
});

test("a wrong URI is to be corrected where it was set", async () => {
  const host = { libvirt: "yes", connect: "test:///y" } as const;
  const [inFile] = (await look(WRONG, { host, origins: { "host.connect": "/etc/n.toml" } })).found;
  expect(inFile?.remedy).toStartWith("Correct host.connect in /etc/n.toml");
  const [byOption] = (await look(WRONG, { host, origins: { "host.connect": "--connect" } })).found;
  expect(byOption?.remedy).toStartWith("Give a libvirt URI");
  expect((await look(WRONG, { host })).found[0]?.remedy).toStartWith("Give a libvirt URI");
});

test("a libvirt elsewhere that is down is a problem without advice about units of this machine", async () => {
  const host = { libvirt: "yes", connect: "qemu+ssh://kvm2/system" } as const;
  const [found] = (await look(DOWN, { host })).found;
  expect(found).toMatchObject({ level: "problem", text: expect.stringMatching(/: Connection refused$/) });
  expect(found?.fix).toBeUndefined();
});
