/** Detached commands at a native peer: the requests, and the ids and results that count. */
import { describe, expect, test } from "bun:test";
import {
  attachOn,
  cancelOn,
  detachOn,
  listCallsOn,
  signalOn,
  waitOn,
} from "../../src/peers/detached-command.ts";
import type { ExecuteResult } from "../../src/methods/execute-schemas.ts";
import { NegotiatorError } from "../../src/errors.ts";
import { createNativePeer } from "../../src/peers/native.ts";
import type { Peer } from "../../src/peers/peer.ts";
import type { IncomingCall } from "../../src/wire/calls/incoming-call.ts";
import { rejectionOf } from "../support/error-of.ts";
import { createServedLink } from "../support/served-link.ts";

const RESULT: ExecuteResult = { exitCode: 3, signal: null, endedBy: "command", durationMs: 1 };
const REQUEST = { command: "nap", args: ["9"], timeoutMs: 0 };
const OPTIONS = { timeoutMs: 0 };

const explainNoAnswer = (): NegotiatorError => new NegotiatorError("NO_CHANNEL", "never sent");

/** A native peer whose calls go to `answer`, and these calls. */
function createScene(answer: (call: IncomingCall) => void) {
  const calls: IncomingCall[] = [];
  const link = createServedLink((call) => {
    calls.push(call);
    answer(call);
  });
  const peer = createNativePeer(link.caller, { explainNoAnswer });
  return { peer, calls, [Symbol.asyncDispose]: () => link[Symbol.asyncDispose]() };
}

/** A peer that starts the command and does not end it before `end`. */
function createStarter(started: unknown) {
  const running = Promise.withResolvers<IncomingCall>();
  const scene = createScene((call) => {
    call.send("noise", { call: "wrong" });
    call.send("started", started);
    running.resolve(call);
  });
  return { ...scene, running: running.promise };
}

describe("detachOn", () => {
  test("starts a detached call, and resolves with the peer's id while the command runs", async () => {
    await using scene = createStarter({ call: "their-id" });
    const { id, over } = await detachOn(scene.peer, { ...REQUEST, keepMs: 5000 });
    expect(id).toBe("their-id");
    expect(scene.calls).toMatchObject([
      { method: "execute", params: { command: "nap", args: ["9"] }, isDetached: true, keepMs: 5000 },
    ]);
    (await scene.running).respond(RESULT);
    await over;
  });

  test("keeps the id of the request, whatever the peer says", async () => {
    await using scene = createStarter({ call: "their-id" });
    expect((await detachOn(scene.peer, { ...REQUEST, id: "mine" })).id).toBe("mine");
    expect(scene.calls[0]?.id).toBe("mine");
  });

  test("takes the id of the answer if the command has ended before it is said to run", async () => {
    await using scene = createScene((call) => call.respond({ call: "early" }));
    const { id, over } = await detachOn(scene.peer, REQUEST);
    expect(id).toBe("early");
    await over;
  });

  test("rejects with the refusal of the peer", async () => {
    await using scene = createScene((call) => call.fail(new NegotiatorError("NO_COMMAND", "none")));
    expect((await rejectionOf(detachOn(scene.peer, REQUEST))).code).toBe("NO_COMMAND");
  });

  test("resolves `over` also when the command fails later", async () => {
    await using scene = createStarter({ call: "their-id" });
    const { over } = await detachOn(scene.peer, REQUEST);
    (await scene.running).fail(new NegotiatorError("INTERNAL", "lost"));
    expect(await over).toBeUndefined();
  });

  test.each(["a", "a-b", "_", "x".repeat(64)])("takes %s as an id", async (call) => {
    await using scene = createStarter({ call });
    expect((await detachOn(scene.peer, REQUEST)).id).toBe(call);
  });

  test.each([undefined, "id", {}, { call: 5 }, { call: "" }, { call: "-x" }, { call: "x".repeat(65) }])(
    "does not take an id from %j, and says where to look",
    async (started) => {
      await using scene = createStarter(started ?? null);
      expect(await rejectionOf(detachOn(scene.peer, REQUEST))).toMatchObject({
        code: "UNKNOWN_OUTCOME",
        message:
          "The command was started, and its peer does not say its id\n" +
          "Look for it with the subcommand calls",
      });
    },
  );
});

describe("a detached command", () => {
  test("is attached to with both streams of output, and without input", async () => {
    await using scene = createScene((call) => call.respond(RESULT));
    const command = attachOn(scene.peer, { call: "c1", from: "now" }, OPTIONS);
    expect(await command.ended).toEqual(RESULT);
    expect(command.stdin).toBeUndefined();
    expect(scene.calls).toMatchObject([
      {
        method: "attach-command",
        params: { call: "c1", from: "now" },
        streams: { read: [], written: ["stdout", "stderr"] },
      },
    ]);
  });

  test("is waited for and cancelled by its id, and gives its result", async () => {
    await using scene = createScene((call) => call.respond(RESULT));
    expect(await waitOn(scene.peer, "c1", OPTIONS)).toEqual(RESULT);
    expect(await cancelOn(scene.peer, "c2", OPTIONS)).toEqual(RESULT);
    expect(scene.calls).toMatchObject([
      { method: "attach-command", params: { call: "c1" }, streams: { written: [] } },
      { method: "cancel-command", params: { call: "c2" }, streams: { written: [] } },
    ]);
  });

  test("without a valid result has an unknown outcome", async () => {
    await using scene = createScene((call) => call.respond({}));
    const outcomes = [waitOn(scene.peer, "c1", OPTIONS), cancelOn(scene.peer, "c1", OPTIONS)].map(
      rejectionOf,
    );
    expect((await Promise.all(outcomes)).map(({ code }) => code)).toEqual([
      "UNKNOWN_OUTCOME",
      "UNKNOWN_OUTCOME",
    ]);
  });

  test("gets a signal, and the sender waits for the peer's answer", async () => {
    await using scene = createScene(({ params, ...call }) => call.respond(params));
    await signalOn(scene.peer, { call: "c1", signal: "SIGUSR1" }, OPTIONS);
    expect(scene.calls).toMatchObject([
      { method: "signal-command", params: { call: "c1", signal: "SIGUSR1" } },
    ]);
    await using refusing = createScene((call) => call.fail(new NegotiatorError("NO_CALL", "gone")));
    const sent = signalOn(refusing.peer, { call: "c1", signal: "SIGUSR1" }, OPTIONS);
    expect((await rejectionOf(sent)).code).toBe("NO_CALL");
  });

  test("is listed, and a list of another form is BAD_REQUEST", async () => {
    const listed = { id: "c1", method: "execute", state: "running", isDetached: true, startedMs: 5 };
    await using scene = createScene((call) => call.respond({ calls: [listed] }));
    expect(await listCallsOn(scene.peer, OPTIONS)).toEqual([{ ...listed, state: "running" }]);
    expect(scene.calls[0]?.method).toBe("list-calls");
    await using other = createScene((call) => call.respond({ calls: [{ ...listed, state: "lost" }] }));
    expect((await rejectionOf(listCallsOn(other.peer, OPTIONS))).code).toBe("BAD_REQUEST");
  });
});

test("a peer without messages inside a call has no detached commands, and gets no call", async () => {
  const peer: Peer = {
    can: { methods: undefined, notices: true, messages: false },
    call: () => {
      throw new Error("called");
    },
    notify: () => undefined,
  };
  const attempts = [
    detachOn(peer, REQUEST),
    waitOn(peer, "c1", OPTIONS),
    cancelOn(peer, "c1", OPTIONS),
    signalOn(peer, { call: "c1", signal: "SIGHUP" }, OPTIONS),
    (async () => attachOn(peer, { call: "c1", from: "start" }, OPTIONS))(),
  ];
  const errors = await Promise.all(attempts.map(rejectionOf));
  expect(errors.map(({ code }) => code)).toEqual(Array(5).fill("UNSUPPORTED"));
  expect(errors[0]?.message).toEndWith("\nInstall negotiator there, as MIGRATING.md describes");
});
