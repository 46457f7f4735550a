/** A link to a peer of any dialect: detection, upgrade, recheck, release and close. */
import { expect, jest, test } from "bun:test";
import { NegotiatorError } from "../../src/errors.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { DIALECTS } from "../../src/peers/dialects.ts";
import { createLink } from "../../src/peers/link.ts";
import { createPeerLink } from "../../src/peers/peer-link.ts";
import type { PeerLinkOptions } from "../../src/peers/peer-link.ts";
import { describeAgent, makeId } from "../../src/roles/identity.ts";
import type { Channel } from "../../src/wire/channel.ts";
import type { IncomingCall } from "../../src/wire/calls/incoming-call.ts";
import { createMemoryPair } from "../support/memory-channel.ts";
import { createOldPort } from "../support/old-port.ts";
import type { OldPort } from "../support/old-port.ts";
import { rejectionOf } from "../support/error-of.ts";
import { waitTurns } from "../support/event-loop.ts";
import { until } from "../support/until.ts";
import { COMMANDS, runOn } from "./legacy/legacy-calls.ts";
import { useFakeTimers } from "../support/fake-timers.ts";

const RECHECK_MS = 5 * 60_000;
const never = new AbortController().signal;
const RESULT = { exitCode: 5, signal: null, endedBy: "command", durationMs: 1 };
const noAnswer = (): NegotiatorError => new NegotiatorError("NO_CHANNEL", "no answer");

function createHostLink(options: Partial<PeerLinkOptions> = {}) {
  return createPeerLink({
    role: "host",
    side: "dialler",
    agent: describeAgent("host"),
    makeId,
    limits: DEFAULT_LIMITS,
    serve: { call: () => undefined, notice: () => undefined },
    foreign: DIALECTS.besideNative,
    dial: () => Promise.reject(noAnswer()),
    isRedialled: true,
    explainNoAnswer: noAnswer,
    ...options,
  });
}

/** The host's end of a channel to a native agent, which gives its calls to `onCall`. */
function dialNative(
  onCall: (call: IncomingCall) => void = (call) => call.respond(RESULT),
  role: "host" | "guest" = "guest",
): Channel {
  const pair = createMemoryPair();
  pair.flow();
  void createLink({ side: "listener", agent: describeAgent(role), makeId, onCall }).run(pair.ends[1]);
  return pair.ends[0];
}

/** A link whose peer is detected as python-negotiator. `run` is its first run, which has not ended. */
async function createForeignScene(port: OldPort, options: Partial<PeerLinkOptions> = {}) {
  const link = createHostLink({ dial: port.dial, ...options });
  let isEnded = false;
  const run = link.run(await port.dial(), never).finally(() => (isEnded = true));
  const peer = await link.peer(0);
  return { link, run, peer, isEnded: () => isEnded };
}

test("a peer that answers the hello is native, and gets calls over the session", async () => {
  const link = createHostLink();
  const running = link.run(dialNative(), never);
  expect(await runOn(await link.peer(0), { command: "x" })).toMatchObject({ exitCode: 5 });
  expect(link.dialect?.name).toBe("native");
  link.close("done");
  expect(await running).toMatchObject({ state: "ended" });
});

test("a peer that refuses the hello is python-negotiator, and its channel is given back", async () => {
  const port = createOldPort({ commands: COMMANDS });
  const { link, peer, isEnded } = await createForeignScene(port);
  expect(link.dialect?.name).toBe("legacy");
  const other = await port.dial();
  await until("the next client is served", () => port.served === 2);
  await other.close();
  expect(await runOn(peer, { command: "echo", args: ["x"] })).toMatchObject({ stdout: "x\n" });
  expect({ isEnded: isEnded(), death: port.agent.death }).toEqual({ isEnded: false, death: undefined });
});

test("a call opens its channel only after the session's channel is closed", async () => {
  const port = createOldPort({ commands: COMMANDS });
  const link = createHostLink({ dial: port.dial });
  const channel = await port.dial();
  const gate = Promise.withResolvers<void>();
  const close = (): Promise<void> => gate.promise.then(() => channel.close());
  const slow: Channel = {
    label: channel.label,
    [Symbol.asyncIterator]: () => channel[Symbol.asyncIterator](),
    write: (bytes) => channel.write(bytes),
    close,
    [Symbol.asyncDispose]: close,
  };
  void link.run(slow, never);
  const ended = runOn(await link.peer(0), { command: "echo", args: ["x"] });
  await waitTurns(20);
  expect(port.dialled).toBe(1);
  gate.resolve();
  expect(await ended).toMatchObject({ stdout: "x\n" });
});

test("a call that meets a native agent asks for a redial, and goes over the new session", async () => {
  const old = createOldPort({ commands: COMMANDS });
  let dial = old.dial;
  const { link, run, peer } = await createForeignScene(old, { dial: () => dial() });
  dial = async () => dialNative();
  const ended = runOn(peer, { command: "x" });
  expect((await run).state).toBe("foreign");
  const running = link.run(dialNative(), never);
  expect(await ended).toMatchObject({ exitCode: 5 });
  expect(link.dialect?.name).toBe("native");
  expect(await runOn(peer, { command: "x" })).toMatchObject({ exitCode: 5 });
  link.close("done");
  await running;
});

test("a call that meets a native agent rejects with CLOSED if the link is not dialled again", async () => {
  const old = createOldPort({ commands: COMMANDS });
  let dial = old.dial;
  const { peer } = await createForeignScene(old, { dial: () => dial(), isRedialled: false });
  dial = async () => dialNative();
  expect(await runOn(peer, { command: "x" })).toMatchObject({
    code: "CLOSED",
    message: "The peer's agent was upgraded during the call\nCall again",
  });
});

test("after a redial that met the old agent again, the run of that agent does not end at once", async () => {
  const old = createOldPort({ commands: COMMANDS });
  let dial = old.dial;
  const { link, run, peer } = await createForeignScene(old, { dial: () => dial() });
  dial = async () => dialNative();
  const refused = runOn(peer, { command: "x" });
  expect((await run).state).toBe("foreign");
  let isEnded = false;
  void link.run(await old.dial(), never).finally(() => (isEnded = true));
  expect(await refused).toMatchObject({ code: "CLOSED" });
  await waitTurns(50);
  expect(isEnded).toBe(false);
});

test("the run of a foreign peer ends after five minutes, for a recheck of its dialect", async () => {
  using _ = useFakeTimers();
  const { run, isEnded } = await createForeignScene(createOldPort({ commands: COMMANDS }));
  await waitTurns(5);
  jest.advanceTimersByTime(RECHECK_MS - 1);
  await waitTurns(5);
  expect(isEnded()).toBe(false);
  jest.advanceTimersByTime(1);
  expect((await run).state).toBe("foreign");
});

test("a recheck waits for the end of a running foreign call", async () => {
  using _ = useFakeTimers();
  const gate = Promise.withResolvers<void>();
  const work = ({ args }: { args: readonly unknown[] }): Promise<void> =>
    args[0] === "echo" ? gate.promise : Promise.resolve();
  const port = createOldPort({ commands: COMMANDS, work });
  const { link, run, peer, isEnded } = await createForeignScene(port);
  const ended = runOn(peer, { command: "echo", args: ["x"] });
  await waitTurns(5);
  expect(link.calls).toEqual({ outgoing: 1, incoming: 0 });
  jest.advanceTimersByTime(RECHECK_MS);
  await waitTurns(5);
  jest.advanceTimersByTime(60_000);
  await waitTurns(5);
  expect(isEnded()).toBe(false);
  gate.resolve();
  expect(await ended).toMatchObject({ stdout: "x\n" });
  jest.advanceTimersByTime(500);
  expect((await run).state).toBe("foreign");
});

test("release ends a wait for the peer with the explanation", async () => {
  const link = createHostLink();
  const waiting = rejectionOf(link.peer(0));
  link.release();
  expect((await waiting).message).toBe("no answer");
});

test("a wait for the peer ends with the explanation after its timeout and on abort", async () => {
  const link = createHostLink();
  expect((await rejectionOf(link.peer(1))).message).toBe("no answer");
  const stop = new AbortController();
  const waiting = rejectionOf(link.peer(0, stop.signal));
  stop.abort();
  expect((await waiting).message).toBe("no answer");
});

test("close ends a wait for the peer, and later waits, with CLOSED and its reason", async () => {
  const link = createHostLink();
  const waiting = rejectionOf(link.peer(0));
  link.close("the guest is gone");
  const closed = { code: "CLOSED", message: "The call was ended: the guest is gone" };
  expect(await waiting).toMatchObject(closed);
  expect(await rejectionOf(link.peer(0))).toMatchObject(closed);
});

test("a native peer of our own role rejects with BAD_REQUEST", async () => {
  const link = createHostLink();
  const running = link.run(dialNative(undefined, "host"), never);
  expect((await rejectionOf(link.peer(0))).code).toBe("BAD_REQUEST");
  link.close("done");
  await running;
});

test("a foreign agent that replaced one of our own role gets calls", async () => {
  const link = createHostLink();
  const stop = new AbortController();
  const running = link.run(dialNative(undefined, "host"), stop.signal);
  await rejectionOf(link.peer(0));
  stop.abort();
  await running;
  const port = createOldPort({ commands: COMMANDS });
  link.run(await port.dial(), never).catch(() => undefined);
  await until("the dialect is detected", () => link.dialect?.name === "legacy");
  expect((await link.peer(0)).can.methods).toContain("execute");
});
