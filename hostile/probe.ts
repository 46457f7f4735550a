/** Measures the calls of a well-behaved peer of the host's daemon. */
import { setTimeout as delay } from "node:timers/promises";
import { finishCommand, openControl, startCommand } from "../bench/sessions.ts";
import { listenSocket } from "../src/channels/socket/socket-listener.ts";
import { NegotiatorError } from "../src/errors.ts";
import { createLink } from "../src/peers/link.ts";
import { createNativePeer } from "../src/peers/native.ts";
import type { Peer } from "../src/peers/peer.ts";
import { executeOn } from "../src/peers/remote-command.ts";
import { describeAgent, makeId } from "../src/roles/identity.ts";

/** The command of the calls. It is built in and reads one file. */
const COMMAND = "find-distribution-codename";
/** A new call begins so often, also while earlier ones wait. */
const STEP_MS = 25;
/** A call that takes longer counts as failed. */
const CALL_MS = 20_000;

/** Makes one call to its end. */
export type Call = () => Promise<void>;

/** The figures of the calls, in milliseconds. A failed call counts as one without end. */
export type Latency = { p50: number; p99: number; longest: number; calls: number; failed: number };

/** Starts a call every few milliseconds for so many seconds. */
export async function measureCalls(call: Call, seconds: number): Promise<Latency> {
  const times: number[] = [];
  const running: Promise<void>[] = [];
  const endMs = performance.now() + seconds * 1000;
  for (let dueMs = performance.now(); dueMs < endMs; dueMs += STEP_MS) {
    await delay(Math.max(0, dueMs - performance.now()));
    running.push(timeOf(call, dueMs).then((ms) => void times.push(ms)));
  }
  await Promise.all(running);
  return summarize(times);
}

/** Returns the figures of these times. */
export function summarize(times: readonly number[]): Latency {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
  const failed = times.filter((ms) => ms === Number.POSITIVE_INFINITY).length;
  return { p50: at(0.5), p99: at(0.99), longest: at(1), calls: times.length, failed };
}

async function timeOf(call: Call, dueMs: number): Promise<number> {
  try {
    await Promise.race([call(), delay(CALL_MS).then(() => Promise.reject(new Error("too slow")))]);
    return performance.now() - dueMs;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** A guest at its own port, whose host dials `path`. `call` waits until its session is open. */
export async function createGuestProbe(path: string): Promise<AsyncDisposable & { call: Call }> {
  const { promise: opened, resolve } = Promise.withResolvers<Peer>();
  const link = createLink({
    side: "listener",
    agent: describeAgent("guest"),
    makeId,
    onCall: (call) => call.fail(new NegotiatorError("UNSUPPORTED", "The probe answers no calls")),
    onState(state) {
      if (state === "open") resolve(createNativePeer(link.session, { explainNoAnswer }));
    },
  });
  const listening = await listenSocket(path, {
    mode: 0o600,
    onChannel: (channel) => void link.run(channel).catch(() => undefined),
  });
  return {
    async call() {
      const peer = await opened;
      await finishCommand(
        executeOn(peer, { command: COMMAND, args: [], hasInput: false, timeoutMs: CALL_MS }),
        COMMAND,
      );
    },
    [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose](),
  };
}

/** Calls of root over a new connection to the control socket, to a guest that serves them. */
export function createRootProbe(control: string, guest: string): Call {
  return async () => {
    await using opened = await openControl(control, guest);
    await finishCommand(startCommand(opened.peer, COMMAND), COMMAND);
  };
}

function explainNoAnswer(): NegotiatorError {
  return new NegotiatorError("NO_CHANNEL", "The host does not answer");
}
