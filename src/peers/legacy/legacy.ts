/** The row of python-negotiator. README.md explains why it is here, and when it can be removed. */
import type { ForeignDialect } from "../dialect.ts";
import { NATIVE } from "../native.ts";
import { createObjectFramer } from "../object-framer.ts";
import { createQueuedPeer } from "../queued/queued-peer.ts";
import { createLegacyRequest, LEGACY_METHODS, readLegacyAnswer } from "./calls.ts";
import { legacyEnvelope, refusesHello } from "./envelope.ts";
import { exchange } from "./exchange.ts";
import { createLegacyServer } from "./server.ts";
import { createSyncProbe } from "./sync-probe.ts";

/** An old server keeps several copies of its input in memory, so the input is limited. */
const INPUT_BYTES = 8 * 1024 * 1024;

/** The row of python-negotiator. It shares the native ports, so the hello shows which dialect is spoken. */
export const LEGACY: ForeignDialect = {
  name: "legacy",
  label: "python-negotiator",
  ports: NATIVE.ports,
  can: { methods: LEGACY_METHODS, notices: false, messages: false },
  recognises: (object) => legacyEnvelope.recognises(object),
  readHelloAnswer: (object, nonce) => (refusesHello(object, nonce) ? { kind: "refused" } : undefined),
  createFramer: createObjectFramer,
  createPeer: (line) =>
    createQueuedPeer(
      {
        label: LEGACY.label,
        can: LEGACY.can,
        inputBytes: INPUT_BYTES,
        createRequest: createLegacyRequest,
        async exchange(channel, request, started) {
          const startMs = performance.now();
          const probe = createSyncProbe(line.agent, line.makeId);
          const limitBytes = line.limits.foreignAnswerBytes;
          const answer = await exchange(channel, probe, request, { ...started, limitBytes });
          return answer && readLegacyAnswer(request, answer, performance.now() - startMs);
        },
      },
      line,
    ),
  createServer: createLegacyServer,
};
