/** A link to python-negotiator 0.1: detection, and an agent that is replaced by another one, and back. */
import { describe, expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import { DIALECTS } from "../../../src/peers/dialects.ts";
import { createLink } from "../../../src/peers/link.ts";
import { createPeerLink } from "../../../src/peers/peer-link.ts";
import type { PeerLinkOptions } from "../../../src/peers/peer-link.ts";
import { describeAgent, makeId } from "../../../src/roles/identity.ts";
import type { Channel } from "../../../src/wire/channel.ts";
import { createMemoryPair } from "../../support/memory-channel.ts";
import { createOldPort } from "../../support/old-port.ts";
import { frame } from "../../support/old-client.ts";
import { until } from "../../support/until.ts";
import { COMMANDS, runOn } from "../legacy/legacy-calls.ts";
import { createOldestPort } from "./oldest-calls.ts";

const RESULT = { exitCode: 5, signal: null, endedBy: "command", durationMs: 1 };
const noAnswer = (): NegotiatorError => new NegotiatorError("NO_CHANNEL", "no answer");

function createHostLink(dial: PeerLinkOptions["dial"], options: Partial<PeerLinkOptions> = {}) {
  return createPeerLink({
    role: "host",
    side: "dialler",
    agent: describeAgent("host"),
    makeId,
    limits: DEFAULT_LIMITS,
    serve: { call: () => undefined, notice: () => undefined },
    foreign: DIALECTS.besideNative,
    dial,
    isRedialled: true,
    explainNoAnswer: noAnswer,
    ...options,
  });
}

/** The host's end of a channel to a native agent, whose commands exit with 5. */
async function dialNative(): Promise<Channel> {
  const pair = createMemoryPair();
  pair.flow();
  void createLink({
    side: "listener",
    agent: describeAgent("guest"),
    makeId,
    onCall: (call) => call.respond(RESULT),
  }).run(pair.ends[1]);
  return pair.ends[0];
}

/** A guest whose agent the test replaces, and a host's link that dials again after each end. */
function createGuest(first: () => Promise<Channel>) {
  let dial = first;
  const stop = new AbortController();
  const link = createHostLink(() => dial());
  const supervise = async (): Promise<void> => {
    while (!stop.signal.aborted) await link.run(await dial(), stop.signal).catch(() => undefined);
  };
  const running = supervise();
  const end = async (): Promise<void> => {
    link.close("done");
    stop.abort();
    await running;
  };
  return {
    link,
    replace: (next: () => Promise<Channel>): void => void (dial = next),
    end,
    [Symbol.asyncDispose]: end,
  };
}

const ranEcho = { stdout: "x\n", exitCode: 0 };
const echo = { command: "echo", args: ["x"], timeoutMs: 20_000 } as const;

describe("detection", () => {
  test("an agent that turns the hello back is detected, lives on, and owes no response", async () => {
    const port = createOldestPort();
    await using guest = createGuest(port.dial);
    const peer = await guest.link.peer(0);
    expect(guest.link.dialect?.name).toBe("legacy-0.1");
    expect(peer.can.methods).toEqual(["execute"]);
    await until("the agent waits for the next request", () => port.agent.isIdle);
    expect({ death: port.agent.death, calls: port.agent.calls.length }).toEqual({
      death: undefined,
      calls: 1,
    });
    expect(await runOn(peer, echo)).toMatchObject(ranEcho);
  });

  test("the channel is given back for a host program of the same release", async () => {
    const port = createOldestPort();
    await using guest = createGuest(port.dial);
    await guest.link.peer(0);
    const host = await port.dial();
    await host.write(new TextEncoder().encode(frame({ command: "find_distributor_id" })));
    let text = "";
    for await (const bytes of host) {
      text += Buffer.from(bytes).toString();
      if (text.includes("}")) break;
    }
    expect(text.slice(text.indexOf("\n") + 1)).toBe('{"result": "Ubuntu", "success": true}');
    await host.close();
  });

  test("an agent that reports a failure to a caller who left is detected with the same hello", async () => {
    const gate = Promise.withResolvers<void>();
    const port = createOldestPort({ work: () => gate.promise });
    const left = await port.dial();
    await left.write(new TextEncoder().encode(frame({ command: "execute", arguments: ["fail", "1"] })));
    await until("the agent works", () => port.agent.calls.length === 1);
    await left.close();
    gate.resolve();
    await using guest = createGuest(port.dial);
    await guest.link.peer(0);
    expect(guest.link.dialect?.name).toBe("legacy-0.1");
    expect({ death: port.agent.death, dialled: port.dialled }).toEqual({ death: undefined, dialled: 2 });
  });

  test("a guest with python-negotiator 0.5 is still legacy", async () => {
    const port = createOldPort({ commands: COMMANDS });
    await using guest = createGuest(port.dial);
    await guest.link.peer(0);
    expect({ name: guest.link.dialect?.name, death: port.agent.death }).toEqual({
      name: "legacy",
      death: undefined,
    });
  });
});

const AGENTS = {
  "python-negotiator 0.1": () => createOldestPort().dial,
  "python-negotiator 0.5": () => createOldPort({ commands: COMMANDS }).dial,
} as const;
const NAMES = { "python-negotiator 0.1": "legacy-0.1", "python-negotiator 0.5": "legacy" } as const;

test.each([
  ["python-negotiator 0.1", "python-negotiator 0.5"],
  ["python-negotiator 0.5", "python-negotiator 0.1"],
] as const)("after %s was replaced by %s a call says so, and the next one works", async (before, after) => {
  await using guest = createGuest(AGENTS[before]());
  expect(await runOn(await guest.link.peer(0), echo)).toMatchObject(ranEcho);
  guest.replace(AGENTS[after]());
  expect(await runOn(await guest.link.peer(0), echo)).toMatchObject({
    code: "CLOSED",
    message: "The peer's agent was upgraded during the call\nCall again",
  });
  expect(await runOn(await guest.link.peer(0), echo)).toMatchObject(ranEcho);
  expect(guest.link.dialect?.name).toBe(NAMES[after]);
});

test("a call to python-negotiator 0.1 goes to the native agent that replaced it", async () => {
  await using guest = createGuest(createOldestPort().dial);
  const peer = await guest.link.peer(0);
  expect(await runOn(peer, echo)).toMatchObject(ranEcho);
  guest.replace(dialNative);
  expect(await runOn(peer, echo)).toMatchObject({ exitCode: 5 });
  expect(guest.link.dialect?.name).toBe("native");
});

test("python-negotiator 0.1 that replaces a native agent is detected at the next hello", async () => {
  const first = createMemoryPair();
  first.flow();
  void createLink({ side: "listener", agent: describeAgent("guest"), makeId, onCall: () => undefined }).run(
    first.ends[1],
  );
  await using guest = createGuest(async () => first.ends[0]);
  await guest.link.peer(0);
  expect(guest.link.dialect?.name).toBe("native");
  const port = createOldestPort();
  guest.replace(port.dial);
  first.cut();
  await until("the dialect is detected", () => guest.link.dialect?.name === "legacy-0.1");
  expect(await runOn(await guest.link.peer(0), echo)).toMatchObject(ranEcho);
  expect(port.agent.death).toBeUndefined();
});
