/** Waits for agents on new channels, without a daemon of this host. */
import { expect, test } from "bun:test";
import type { RunText } from "../../../../src/process/run-text.ts";
import { waitForAgents } from "../../../../src/roles/host/channels/agent-wait.ts";
import { answer, complaint, domainXml, UUIDS } from "../../../discovery/libvirt/fake-libvirt.ts";

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
