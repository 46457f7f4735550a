/** A listening peer link, as a daemon creates it. The test answers its calls. */
import { NegotiatorError } from "../../src/errors.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import type { Limits } from "../../src/limits.ts";
import type { Serve } from "../../src/methods/serve.ts";
import { DIALECTS } from "../../src/peers/dialects.ts";
import type { AnswerMemory } from "../../src/peers/answer-memory.ts";
import { createPeerLink } from "../../src/peers/peer-link.ts";
import type { PeerLink } from "../../src/peers/peer-link.ts";
import { describeAgent, makeId } from "../../src/roles/identity.ts";

export function createListener(
  serve: Serve,
  limits: Limits = DEFAULT_LIMITS,
  answerMemory?: AnswerMemory,
): PeerLink {
  return createPeerLink({
    role: "host",
    side: "listener",
    agent: describeAgent("host"),
    makeId,
    limits,
    ...(answerMemory === undefined ? {} : { answerMemory }),
    serve,
    foreign: DIALECTS.besideNative,
    dial: () => Promise.reject(unreachable()),
    isRedialled: true,
    explainNoAnswer: unreachable,
  });
}

function unreachable(): NegotiatorError {
  return new NegotiatorError("NO_CHANNEL", "A listener does not dial");
}
