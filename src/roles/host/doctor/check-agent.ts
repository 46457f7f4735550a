/** Looks whether the agent of one guest answers, how fast, and which release it is. */
import { startCall } from "../../../peers/call-time.ts";
import { defineCheck } from "../../doctor/check.ts";
import type { Check } from "../../doctor/check.ts";
import { askPeer, judgePeer } from "../../doctor/check-peer.ts";
import type { PeerFacts } from "../../doctor/check-peer.ts";
import { warning } from "../../doctor/finding.ts";
import { connectGuest } from "../connect.ts";

/** An agent that does not answer within so many milliseconds is not there now. */
const CONNECT_MS = 6000;

/** Returns the check of the agent in the guest with this name. */
export function createAgentCheck(name: string): Check {
  return defineCheck<PeerFacts>({
    name: "agent",
    async look({ invocation, signal }) {
      const time = startCall({ timeoutMs: 0, connectTimeoutMs: CONNECT_MS });
      return askPeer(() => connectGuest(name, invocation, { time, signal }));
    },
    judge(facts) {
      // An agent of another kind answers, but knows no such question.
      if (facts.kind === "error" && ["UNSUPPORTED", "UNKNOWN_METHOD"].includes(facts.error.code))
        return [
          warning(
            "an agent answers that can do less than negotiator",
            "Install negotiator in the guest: negotiator guest install",
          ),
        ];
      return judgePeer(facts, { other: "the guest", here: "this host" });
    },
  });
}
