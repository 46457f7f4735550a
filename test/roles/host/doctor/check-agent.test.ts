/** The check of the agent in one guest: whether it answers, and what else answers instead. */
import { describe, expect, test } from "bun:test";
import { NegotiatorError } from "../../../../src/errors.ts";
import { createAgentCheck } from "../../../../src/roles/host/doctor/check-agent.ts";
import { VERSION } from "../../../../src/version.ts";
import { createQuickHost, examinationOf, guestStatus } from "../../../support/quick-host.ts";
import type { DaemonAnswers, LineOptions, QuickHostOptions } from "../../../support/quick-host.ts";

const PORT = "negotiator-host-to-guest.0";
const AGENT_PORT = "org.qemu.guest_agent.0";
const INFO = {
  role: "guest",
  version: VERSION,
  hostname: "web1.example",
  kernel: "6.12",
  uptimeSeconds: 1,
  agentSeconds: 1,
};
const SILENT = new NegotiatorError("NO_CHANNEL", "it is silent", { remedy: "Start it" });
const REFUSED = new NegotiatorError("UNSUPPORTED", "no such question");
const SILENT_FOUND = { level: "problem", text: "it is silent", remedy: "Start it" } as const;

/** The findings about the guest `web1` on a host, and the calls that its daemon got. */
async function look(parts: QuickHostOptions, line: LineOptions = {}) {
  await using host = await createQuickHost(parts);
  const found = await createAgentCheck("web1").run(examinationOf(host.line(line)));
  return { found, asked: host.asked };
}

/** A daemon that knows `web1` with these changes, and answers so. */
function daemonWith(changes: Parameters<typeof guestStatus>[0], more: DaemonAnswers): QuickHostOptions {
  return { daemon: { status: { guests: [guestStatus({ name: "db1" }), guestStatus(changes)] }, ...more } };
}

function named(port: string): LineOptions {
  return {
    settings: {
      guests: [
        { name: "db1", socket: "/run/d", port: PORT },
        { name: "web1", socket: "/run/w", port },
      ],
    },
  };
}

const noGuests = { status: { guests: [guestStatus({ name: "db1" })] } };

test("an agent that answers is fine, and nothing else is asked", async () => {
  const { found, asked } = await look({ daemon: { info: INFO } });
  expect(found).toMatchObject([
    { level: "ok", text: expect.stringMatching(/^the guest \(web1.example\) ans/) },
  ]);
  expect(asked.map(({ method }) => method)).toEqual(["info", "info"]);
  // An agent that is busy has some seconds.
  expect(JSON.stringify(asked[0]?.params)).toMatch(/^\{"guest":"web1","connectTimeoutMs":\d{4},/);
});

test("an agent of another release is a warning", async () => {
  const { found } = await look({ daemon: { info: { ...INFO, version: "0.1.0" } } });
  expect(found).toMatchObject([
    { level: "ok" },
    { level: "warning", text: `the guest has negotiator 0.1.0, and this host has ${VERSION}` },
  ]);
});

describe("an agent that does not answer", () => {
  test("is a problem of a guest with a port of ours", async () => {
    expect((await look({ daemon: { info: SILENT, ...noGuests } }, named(PORT))).found).toEqual([
      SILENT_FOUND,
    ]);
  });

  test("is a problem of a guest that only the daemon knows", async () => {
    expect((await look(daemonWith({}, { info: SILENT }))).found).toEqual([SILENT_FOUND]);
  });

  test("is a problem if the search for guests fails", async () => {
    const virsh = { "list --uuid": { complaint: "odd" } };
    const line: LineOptions = { host: { libvirt: "yes" } };
    expect((await look({ virsh, daemon: { info: SILENT, ...noGuests } }, line)).found).toEqual([
      SILENT_FOUND,
    ]);
  });

  test.each<[string, QuickHostOptions, LineOptions]>([
    ["is nowhere", { daemon: { info: SILENT, ...noGuests } }, {}],
    ["is shut off", daemonWith({ state: "shut off" }, { info: SILENT }), {}],
    ["has another port", { daemon: { info: SILENT, ...noGuests } }, named(AGENT_PORT)],
    ["has another port, as the daemon knows", daemonWith({}, { info: SILENT }), named(AGENT_PORT)],
    [
      "is not known to the daemon",
      { daemon: { info: new NegotiatorError("NO_GUEST", "?"), ...noGuests } },
      {},
    ],
  ])("is left to the check of the guest if that %s", async (_, parts, line) => {
    expect((await look(parts, line)).found).toEqual([]);
  });

  test("is a problem, wherever the guest is, after another error", async () => {
    const info = new NegotiatorError("TIMEOUT", "too late");
    expect((await look({ daemon: { info, ...noGuests } })).found).toEqual([
      { level: "problem", text: "too late" },
    ]);
  });

  test("is a problem of a daemon that tells no status", async () => {
    const info = new NegotiatorError("TIMEOUT", "too late");
    expect((await look({ daemon: { info } })).found).toEqual([{ level: "problem", text: "too late" }]);
  });
});

describe("the QEMU guest agent", () => {
  test("that answers is fine", async () => {
    const { found, asked } = await look(
      daemonWith({ dialect: "qga" }, { info: REFUSED, "guest-info": { hostName: "a" } }),
    );
    expect(found).toEqual([
      { level: "ok", text: "the QEMU guest agent answers, and runs commands that the host keeps for it" },
    ]);
    expect(asked.at(-1)).toEqual({
      method: "guest-info",
      params: { guest: "web1", connectTimeoutMs: 6000 },
    });
  });

  test("that does not answer is a problem, also of a guest whose only port is its own", async () => {
    const parts = daemonWith({ dialect: "qga" }, { info: REFUSED, "guest-info": SILENT });
    expect((await look(parts)).found).toEqual([SILENT_FOUND]);
    expect((await look(parts, named(AGENT_PORT))).found).toEqual([SILENT_FOUND]);
  });

  test("that does not run commands is a problem although it answers", async () => {
    const parts = daemonWith({ dialect: "qga" }, { info: SILENT, "guest-info": {} });
    expect((await look(parts, named(AGENT_PORT))).found).toEqual([SILENT_FOUND]);
  });
});

test.each(["UNSUPPORTED", "UNKNOWN_METHOD"] as const)(
  "an agent of another kind that answers %s can do less, and is not asked more",
  async (code) => {
    const { found, asked } = await look(
      daemonWith({ dialect: "legacy" }, { info: new NegotiatorError(code, "no") }),
    );
    expect(found).toEqual([
      {
        level: "warning",
        text: "an agent answers that can do less than negotiator",
        remedy: "Install negotiator in the guest: negotiator guest install",
      },
    ]);
    expect(asked.map(({ method }) => method)).toEqual(["info", "status"]);
  },
);

test("without a daemon, a guest that cannot be dialled is judged by its own error", async () => {
  const { found } = await look({}, named(PORT));
  expect(found).toMatchObject([{ level: "problem", text: expect.stringContaining("/run/w") }]);
  expect((await look({})).found).toEqual([]);
});

test("judge has no finding about an unknown guest", () => {
  const { judge } = createAgentCheck("web1");
  const peer = { kind: "error", error: REFUSED } as const;
  const side = { role: "host", isRoot: true } as const;
  expect(judge({ peer, isKnown: false, dialect: "qga" }, side)).toEqual([]);
  expect(judge({ peer, isKnown: true, dialect: null }, side)).toMatchObject([{ level: "warning" }]);
});
