/** The row of python-negotiator 0.1 and 0.2. README.md explains why it is here, and when it can go. */
import type { ForeignDialect } from "../dialect.ts";
import { createSyncProbe } from "../legacy/sync-probe.ts";
import { NATIVE } from "../native.ts";
import { createObjectFramer } from "../object-framer.ts";
import { createQueuedPeer } from "../queued/queued-peer.ts";
import { createOldestCall, readOldestAnswer } from "./calls.ts";
import { isOldestMessage, readHelloAnswer } from "./envelope.ts";
import { exchangeOldest } from "./exchange.ts";
import { createOldestServer } from "./server.ts";

/**
 * The row of python-negotiator 0.1 and 0.2. Only a host calls in it. The documented port is
 * `negotiator-channel.0`, but a guest's agent opens the first port, whatever its name.
 */
export const OLDEST: ForeignDialect = {
  name: "legacy-0.1",
  label: "python-negotiator 0.1 or 0.2",
  ports: NATIVE.ports.filter(({ dialler }) => dialler === "host"),
  can: { methods: ["execute"], notices: false, messages: false },
  recognises: isOldestMessage,
  readHelloAnswer,
  createFramer: createObjectFramer,
  createPeer: (line) =>
    createQueuedPeer(
      {
        label: OLDEST.label,
        can: OLDEST.can,
        inputBytes: 0,
        createRequest: (_, params) => createOldestCall(params),
        async exchange(channel, call, started) {
          const startMs = performance.now();
          const probe = createSyncProbe(line.agent, line.makeId);
          const limitBytes = line.limits.foreignAnswerBytes;
          const answer = await exchangeOldest(channel, probe, call, { ...started, limitBytes });
          const durationMs = performance.now() - startMs;
          return answer && readOldestAnswer(call, answer, { durationMs, write: started.write });
        },
      },
      line,
    ),
  createServer: createOldestServer,
};
