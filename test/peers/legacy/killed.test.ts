/** A native agent that is killed without a goodbye, while an old one takes its port: it dies once at most. */
import { describe, expect, test } from "bun:test";
import { setTimeout as delay } from "node:timers/promises";
import { NegotiatorError } from "../../../src/errors.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import type { Limits } from "../../../src/limits.ts";
import { DIALECTS } from "../../../src/peers/dialects.ts";
import { createLink } from "../../../src/peers/link.ts";
import { createPeerLink } from "../../../src/peers/peer-link.ts";
import { describeAgent, makeId } from "../../../src/roles/identity.ts";
import type { Channel } from "../../../src/wire/channel.ts";
import { createMemoryPair } from "../../support/memory-channel.ts";
import { createOldServer } from "../../support/old-peer.ts";
import { createOldestServer } from "../../support/oldest-peer.ts";
import type { OldServer, OldServerOptions } from "../../support/old-peer.ts";
import { until } from "../../support/until.ts";
import { COMMANDS, runOn } from "./legacy-calls.ts";

const TIMEOUT_MS = 180_000;
/** The pause of a supervisor that starts a dead agent again. */
const RESTART_MS = 100;

type Agent = Pick<OldServer, "receive" | "death">;
type StartAgent = (write: OldServerOptions["write"]) => Agent;

/**
 * A guest's port, which stays connected when its agent is killed. A native agent has it at first, and an old
 * one from `kill` on. A supervisor starts that again each time it dies. Bytes that arrive meanwhile wait.
 */
function createPort(start: StartAgent) {
  let deaths = 0;
  let isNative = true;
  let toHost: Channel["write"] | undefined;
  let agent: Agent | undefined;
  let waiting: Uint8Array[] = [];
  const over = new AbortController();

  const revive = async (): Promise<void> => {
    agent = undefined;
    await delay(RESTART_MS);
    const arrived = waiting;
    waiting = [];
    agent = start((bytes) => toHost?.(bytes).catch(() => undefined));
    if (arrived.length > 0) agent.receive(Buffer.concat(arrived));
  };
  const watch = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await delay(5);
      if (agent?.death === undefined) continue;
      deaths++;
      await revive();
    }
  };

  return {
    get deaths() {
      return deaths;
    },
    async dial(): Promise<Channel> {
      const pair = createMemoryPair({ capacityBytes: 1024 * 1024 });
      pair.flow();
      const end = pair.ends[1];
      toHost = (bytes) => end.write(bytes);
      if (isNative) {
        const native: Channel = {
          ...end,
          write: (bytes) => (isNative ? end.write(bytes) : Promise.resolve()),
          async *[Symbol.asyncIterator]() {
            for await (const bytes of end) {
              if (isNative) yield bytes;
              else if (agent === undefined) waiting.push(bytes.slice());
              else agent.receive(bytes);
            }
          },
        };
        void createLink({
          side: "listener",
          agent: describeAgent("guest"),
          makeId,
          onCall: (call) => call.respond({ exitCode: 5, signal: null, endedBy: "command", durationMs: 1 }),
        }).run(native);
        return pair.ends[0];
      }
      void (async () => {
        for await (const bytes of end) {
          if (agent === undefined) waiting.push(bytes.slice());
          else agent.receive(bytes);
        }
        waiting = [];
      })();
      return pair.ends[0];
    },
    /** Kills the native agent with SIGKILL, and starts the old one in its place. */
    async kill(): Promise<void> {
      isNative = false;
      await revive();
      void watch();
    },
    [Symbol.dispose]: () => over.abort(),
  };
}

/** A host's link that dials again after each end. */
function createHost(port: ReturnType<typeof createPort>, limits: Limits = DEFAULT_LIMITS) {
  const stop = new AbortController();
  const link = createPeerLink({
    role: "host",
    side: "dialler",
    agent: describeAgent("host"),
    makeId,
    limits,
    serve: { call: () => undefined, notice: () => undefined },
    foreign: DIALECTS.besideNative,
    dial: () => port.dial(),
    isRedialled: true,
    firstHelloMs: 1000,
    explainNoAnswer: () => new NegotiatorError("NO_CHANNEL", "no answer"),
  });
  const supervise = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await link.run(await port.dial(), stop.signal).catch(() => undefined);
      await delay(50);
    }
  };
  const running = supervise();
  return {
    link,
    async [Symbol.asyncDispose]() {
      link.close("done");
      stop.abort();
      await running;
    },
  };
}

const AGENTS: [string, StartAgent][] = [
  ["python-negotiator 0.12", (write) => createOldServer({ commands: COMMANDS, write })],
  ["python-negotiator 0.1", (write) => createOldestServer({ commands: COMMANDS, write })],
];
const echo = { command: "echo", args: ["x"], timeoutMs: 20_000 } as const;

describe.concurrent.each(AGENTS)("%s in the place of a killed native agent", (_, start) => {
  test(
    "dies once at most on an idle channel, and is called soon after the first ping",
    async () => {
      using port = createPort(start);
      await using host = createHost(port, { ...DEFAULT_LIMITS, pingAfterMs: 1000 });
      expect(await runOn(await host.link.peer(0), echo)).toMatchObject({ exitCode: 5 });
      await port.kill();
      await until("the old agent is detected", () => host.link.dialect?.name.startsWith("legacy"), 12_000);
      expect(await runOn(await host.link.peer(0), echo)).toMatchObject({ stdout: "x\n" });
      expect(port.deaths).toBeLessThan(2);
    },
    TIMEOUT_MS,
  );

  test(
    "dies once at most while calls come, and answers one within five seconds",
    async () => {
      using port = createPort(start);
      await using host = createHost(port);
      expect(await runOn(await host.link.peer(0), echo)).toMatchObject({ exitCode: 5 });
      await port.kill();
      const startMs = performance.now();
      const ends: unknown[] = [];
      const isAnswered = (): boolean => ends.some((end) => Object(end).stdout === "x\n");
      for (let count = 0; count < 100 && !isAnswered(); count++) {
        void host.link
          .peer(20_000)
          .then((peer) => runOn(peer, echo))
          .then((end) => ends.push(end));
        await delay(300);
      }
      expect({ deaths: port.deaths, isAnswered: isAnswered() }).toEqual({ deaths: 1, isAnswered: true });
      expect(performance.now() - startMs).toBeLessThan(8000);
    },
    TIMEOUT_MS,
  );
});
