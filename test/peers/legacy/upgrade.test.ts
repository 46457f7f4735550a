/** Calls to an old agent while a native agent replaces it: no call fails because of that. */
import { executeOn, listCommandsOf } from "../../../src/peers/remote-command.ts";
import { createNativePeer } from "../../../src/peers/native.ts";
import { expect, test } from "bun:test";
import { createMemoryPair } from "../../support/memory-channel.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { createLink } from "../../../src/peers/link.ts";
import type { Peer } from "../../../src/peers/peer.ts";
import { describeAgent, makeId } from "../../../src/roles/identity.ts";
import type { Channel } from "../../../src/wire/channel.ts";
import type { IncomingCall } from "../../../src/wire/calls/incoming-call.ts";
import { collect } from "../../support/collect.ts";
import { rejectionOf } from "../../support/error-of.ts";
import type { OldCall } from "../../support/old-peer.ts";
import { createOldPort } from "../../support/old-port.ts";
import { createServedLink } from "../../support/served-link.ts";
import { waitTurns } from "../../support/event-loop.ts";
import { until } from "../../support/until.ts";
import { COMMANDS, createPeerOver, runOn } from "./legacy-calls.ts";

const explainNoAnswer = (): NegotiatorError => new NegotiatorError("NO_CHANNEL", "never sent");
const RESULT = { signal: null, endedBy: "command", durationMs: 1 };

/** Channels to a native agent that takes no calls, and the number of dials. */
function createNativePort() {
  let dials = 0;
  const dial = async (): Promise<Channel> => {
    dials++;
    const pair = createMemoryPair();
    pair.flow();
    void createLink({
      side: "listener",
      agent: describeAgent("guest"),
      makeId,
      onCall: (call) => call.fail(new NegotiatorError("INTERNAL", "unexpected call")),
      onState: (state) => expect(state).not.toBe("open"),
    }).run(pair.ends[1]);
    return pair.ends[0];
  };
  return { dial, dials: () => dials };
}

/** A native agent. Its commands print their parameters and the size of their input, and exit with 5. */
function createUpgradedPeer() {
  const calls: IncomingCall[] = [];
  const link = createServedLink(async (call) => {
    calls.push(call);
    const stdout = call.writer("stdout");
    await stdout.write(Buffer.from(`native ${JSON.stringify(call.params)}\n`));
    const input = call.streams.read.includes("stdin") ? await collect(call.reader("stdin")) : Buffer.alloc(0);
    await stdout.write(Buffer.from(`${input.length} bytes\n`));
    stdout.end();
    call.writer("stderr").end();
    call.respond({ ...RESULT, exitCode: 5 });
  });
  return { peer: createNativePeer(link.caller, { explainNoAnswer }), calls, link };
}

test("three queued calls go to the native agent that answers the first one's probe", async () => {
  const port = createNativePort();
  const { peer: upgraded, calls, link } = createUpgradedPeer();
  await using _ = link;
  let asked = 0;
  const peer = createPeerOver(port.dial, async () => (asked++, upgraded));
  const ends = [1, 2, 3].map((number) =>
    runOn(peer, { command: "echo", args: [String(number)], id: `c${number}` }),
  );
  expect(await Promise.all(ends)).toEqual(
    [1, 2, 3].map((number) => ({
      stdout: `native {"command":"echo","args":["${number}"]}\n0 bytes\n`,
      exitCode: 5,
      signal: null,
    })),
  );
  expect({ dials: port.dials(), asked, left: peer.callCount }).toEqual({ dials: 1, asked: 3, left: 0 });
  expect(calls.map(({ id }) => id)).toEqual(["c1", "c2", "c3"]);
});

test("a call that goes to the native agent keeps its input and its deadline", async () => {
  const { peer: upgraded, calls, link } = createUpgradedPeer();
  await using _ = link;
  const peer = createPeerOver(createNativePort().dial, async () => upgraded);
  const input = "line\n".repeat(100_000);
  const ended = await runOn(peer, { command: "cat", input, timeoutMs: 60_000 });
  expect(ended).toMatchObject({ exitCode: 5, stdout: expect.stringContaining("500000 bytes") });
  expect(calls[0]?.timeoutMs).toBeWithin(1, 60_001);
});

test("list-commands goes to the native agent after an upgrade", async () => {
  await using link = createServedLink((call) => call.respond({ commands: [{ name: "new", kind: "user" }] }));
  const upgraded = createNativePeer(link.caller, { explainNoAnswer });
  const peer = createPeerOver(createNativePort().dial, async () => upgraded);
  expect(await listCommandsOf(peer, { timeoutMs: 60_000 })).toEqual([{ name: "new", kind: "user" }]);
});

test("a cancel reaches a call that went to the native agent", async () => {
  const started = Promise.withResolvers<IncomingCall>();
  await using link = createServedLink((call) => started.resolve(call));
  const upgraded = createNativePeer(link.caller, { explainNoAnswer });
  const peer = createPeerOver(createNativePort().dial, async () => upgraded);
  const remote = executeOn(peer, { command: "sleep", args: [], hasInput: false, timeoutMs: 0 });
  const call = await started.promise;
  remote.cancel("the test wants it so");
  await until("the cancel has arrived", () => call.signal.aborted);
  call.fail(NegotiatorError.from(call.signal.reason));
  expect(await rejectionOf(remote.ended)).toMatchObject({
    code: "CANCELLED",
    message: "The call was cancelled: the test wants it so",
  });
});

test("a call that waits for the answer to its probe goes to the native agent after handOver", async () => {
  const { peer: upgraded, link } = createUpgradedPeer();
  await using _ = link;
  const pair = createMemoryPair();
  pair.flow();
  const peer = createPeerOver(
    async () => pair.ends[0],
    async () => upgraded,
  );
  const ended = runOn(peer, { command: "echo" });
  await waitTurns(5);
  peer.handOver();
  expect(await ended).toMatchObject({ exitCode: 5 });
});

test("a call whose input ends after the upgrade goes to the native agent without a dial", async () => {
  const { peer: upgraded, link } = createUpgradedPeer();
  await using _ = link;
  let isUpgraded = false;
  let dials = 0;
  const dial = () => Promise.reject(new Error(`dial ${++dials}`));
  const peer = createPeerOver(dial, async () => upgraded, { isUpgraded: () => isUpgraded });
  const remote = executeOn(peer, { command: "cat", args: [], hasInput: true, timeoutMs: 0 });
  peer.handOver();
  isUpgraded = true;
  await remote.stdin?.write(Buffer.from("late"));
  remote.stdin?.end();
  expect(await remote.ended).toMatchObject({ exitCode: 5 });
  expect(dials).toBe(0);
});

test("running, queued and unfinished calls reject with the guest's reason when its life ends", async () => {
  const life = new AbortController();
  const gate = Promise.withResolvers<void>();
  const port = createOldPort({ commands: COMMANDS, work: () => gate.promise });
  const peer = createPeerOver(port.dial, undefined, { life: life.signal });
  const calls = [
    runOn(peer, { command: "echo" }),
    runOn(peer, { command: "echo" }),
    listCommandsOf(peer, { timeoutMs: 0 }),
  ];
  const input = executeOn(peer, { command: "cat", args: [], hasInput: true, timeoutMs: 0 });
  const ends = [...calls, input.ended].map((end) => end.catch((thrown: unknown) => thrown));
  await until("the agent works", () => port.agent.calls.length > 0);
  life.abort(new NegotiatorError("CLOSED", "the guest is gone"));
  for (const end of await Promise.all(ends)) expect(end).toMatchObject({ message: "the guest is gone" });
  expect(peer.callCount).toBe(0);
});

test("a call that was already made gets its answer from the old agent after handOver", async () => {
  const gate = Promise.withResolvers<void>();
  const work = ({ args }: OldCall): Promise<void> => (args[1] === "old" ? gate.promise : Promise.resolve());
  const port = createOldPort({ commands: COMMANDS, work });
  const peer = createPeerOver(port.dial);
  const ended = runOn(peer, { command: "echo", args: ["old"] });
  await until("the agent works", () => port.agent.calls.length === 2);
  peer.handOver();
  await waitTurns(5);
  gate.resolve();
  expect(await ended).toMatchObject({ stdout: "old\n", exitCode: 0 });
  expect(await runOn(peer, { command: "echo", args: ["still"] })).toMatchObject({ stdout: "still\n" });
});

test("a call whose deadline passes before the native agent connects is TIMEOUT, not made", async () => {
  const peer = createPeerOver(createNativePort().dial, () => Promise.withResolvers<Peer>().promise);
  expect(await runOn(peer, { command: "echo", timeoutMs: 30 })).toMatchObject({
    code: "TIMEOUT",
    message: expect.stringContaining("was not sent"),
  });
});
