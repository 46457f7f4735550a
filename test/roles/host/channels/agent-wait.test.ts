/** Waits for agents on new channels, with and without a daemon of this host. */
import { expect, test } from "bun:test";
import type { RunText } from "../../../../src/process/run-text.ts";
import { waitForAgents } from "../../../../src/roles/host/channels/agent-wait.ts";
import type { GuestStatus } from "../../../../src/roles/host/status.ts";
import { answer, complaint, domainXml, UUIDS } from "../../../discovery/libvirt/fake-libvirt.ts";
import { listenAsDaemon } from "../../../support/false-daemon.ts";
import { guestStatus } from "../../../support/quick-host.ts";
import { createTemporaryDirectory } from "../../../support/temporary-directory.ts";

const [uuid] = UUIDS;
const port = "negotiator-host-to-guest.0";
const CLOSED = domainXml("web1", uuid);
const OPEN = CLOSED.replaceAll("disconnected", "connected");

/** Waits for guests whose XML comes from `looks`, one after the other; the last one stays. */
async function wait(isNew: boolean, waitMs: number, looks: readonly string[], life = new AbortController()) {
  let count = 0;
  const runText: RunText = () => {
    const xml = looks[Math.min(count++, looks.length - 1)];
    return Promise.resolve(xml === undefined ? complaint("failed to get domain") : answer(xml));
  };
  const guests = [{ name: "web1", uuid, port, isNew }];
  const options = { waitMs, control: "/nonexistent/control", virsh: { runText }, signal: life.signal };
  return { ...(await waitForAgents(guests, options)), count };
}

const NONE = { state: "none", label: "none yet" } as const;
const CONNECTED = { state: "connected", label: "has it open" } as const;

test("a guest that had its port before is looked at once", async () => {
  const { agents, hasDaemon, count } = await wait(false, 60_000, [CLOSED, OPEN]);
  expect([agents.get(uuid), hasDaemon, count]).toEqual([NONE, false, 1]);
});

test("a new port is looked at until an agent opens it; without a daemon that is the end", async () => {
  const { agents, hasDaemon, count } = await wait(true, 60_000, [CLOSED, OPEN]);
  expect([agents.get(uuid), hasDaemon, count]).toEqual([CONNECTED, false, 2]);
});

test("a wait without time looks once", async () => {
  const { agents, count } = await wait(true, 0, [CLOSED, OPEN]);
  expect([agents.get(uuid), count]).toEqual([NONE, 1]);
});

test("a domain that is gone has no agent", async () => {
  expect((await wait(false, 0, [])).agents.get(uuid)).toEqual(NONE);
});

test("an aborted wait looks once", async () => {
  const life = new AbortController();
  life.abort();
  expect((await wait(true, 60_000, [CLOSED, OPEN], life)).count).toBe(1);
});

test("no guests are not waited for", async () => {
  const asked = new Error("asked");
  const { signal } = new AbortController();
  const options = {
    waitMs: 60_000,
    control: "/nonexistent/control",
    virsh: { runText: () => Promise.reject(asked) },
    signal,
  };
  expect(await waitForAgents([], options)).toEqual({ agents: new Map(), hasDaemon: false });
});

/** Waits beside a daemon whose answers to `status` are these, one after the other; the last one stays. */
async function waitBeside(
  statuses: readonly Partial<GuestStatus>[],
  looks: readonly string[],
  isNew = false,
) {
  await using directory = await createTemporaryDirectory();
  const control = directory.at("control");
  let asked = 0;
  await using _ = await listenAsDaemon("host", control, () => {
    const changes = statuses[Math.min(asked++, statuses.length - 1)];
    return {
      guests: [guestStatus({ name: "other" }), ...(changes === undefined ? [] : [guestStatus(changes)])],
    };
  });
  let looked = 0;
  const runText: RunText = () => Promise.resolve(answer(looks[Math.min(looked++, looks.length - 1)] ?? ""));
  const guests = [{ name: "web1", uuid, port, isNew }];
  const { signal } = new AbortController();
  const found = await waitForAgents(guests, { waitMs: 60_000, control, virsh: { runText }, signal });
  return { agent: found.agents.get(uuid), hasDaemon: found.hasDaemon, asked, looked };
}

test.each<[string, Partial<GuestStatus>, string]>([
  ["our own agent", { version: "1.2.3" }, "answers (negotiator 1.2.3)"],
  ["an agent without a version", { version: null }, "answers (negotiator)"],
  ["python-negotiator", { dialect: "legacy", version: "0.12" }, "answers (legacy 0.12)"],
])("%s with a session answers, and its port is not looked at", async (_, changes, label) => {
  const outcome = await waitBeside([changes], [CLOSED]);
  expect(outcome).toEqual({ agent: { state: "answers", label }, hasDaemon: true, asked: 1, looked: 0 });
});

test.each<[string, Partial<GuestStatus>]>([
  ["an agent that does not answer", { state: "unresponsive" }],
  ["a guest whose dialect is unknown", { dialect: null }],
  ["an agent of a dialect with other ports", { dialect: "qga" }],
  ["a paused guest", { state: "paused" }],
  ["a saved guest", { state: "saved" }],
  ["a guest that is shut off", { state: "shut off" }],
  ["a guest whose agent is waited for", { state: "waiting" }],
])("the port of %s is looked at", async (_, changes) => {
  const outcome = await waitBeside([changes], [CLOSED]);
  expect(outcome).toEqual({ agent: NONE, hasDaemon: true, asked: 1, looked: 1 });
});

test("an agent that has its port open is waited for until it answers the daemon", async () => {
  const outcome = await waitBeside([{ state: "waiting" }, { state: "waiting" }, {}], [OPEN]);
  const agent = { state: "answers" as const, label: "answers (negotiator 1.0.0)" };
  expect(outcome).toEqual({ agent, hasDaemon: true, asked: 3, looked: 2 });
});

test("a new port of a guest that the daemon does not know is looked at until an agent answers", async () => {
  const outcome = await waitBeside([{ state: "waiting" }, { state: "waiting" }, {}], [CLOSED, OPEN], true);
  const agent = { state: "answers" as const, label: "answers (negotiator 1.0.0)" };
  expect(outcome).toEqual({ agent, hasDaemon: true, asked: 3, looked: 2 });
});
