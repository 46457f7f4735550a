/** Looks whether the agent of one guest answers, how fast, and which release it is. */
import { startCall } from "../../../peers/call-time.ts";
import { NegotiatorError } from "../../../errors.ts";
import { GuestFactsSchema } from "../../../peers/guest-words.ts";
import { askDaemon } from "../../cli/ask-daemon.ts";
import { relayTimeout } from "../../cli/call-limits.ts";
import { dialControl } from "../../cli/control-client.ts";
import type { Invocation } from "../../cli/subcommand.ts";
import { AGENT_PORT } from "../../../peers/qga/port.ts";
import { defineCheck } from "../../doctor/check.ts";
import type { JudgedCheck } from "../../doctor/check.ts";
import { askPeer, judgePeer } from "../../doctor/check-peer.ts";
import type { PeerFacts } from "../../doctor/check-peer.ts";
import { ok, warning } from "../../doctor/finding.ts";
import { askHostStatus } from "../ask-status.ts";
import { connectGuest } from "../connect.ts";
import { findEndpoints } from "../direct.ts";
import { QGA_DIALECT } from "../list-guests.ts";

/**
 * `isKnown`: the guest has a port, or the daemon knows it. Else the check "guest" says what is wrong.
 * `dialect`: of the agent that the daemon talks to.
 */
type AgentFacts = { peer: PeerFacts; isKnown: boolean; dialect: string | null };

/** An agent that does not answer within so many milliseconds is not there now. */
const CONNECT_MS = 6000;

/** The daemon answers when the agent does, or when that time is over. */
const ANSWER_MS = relayTimeout({ timeoutMs: CONNECT_MS, connectTimeoutMs: 0 });

/**
 * Resolves with the reason why a QEMU guest agent does not answer. The daemon refuses the question that
 * other agents get without asking it.
 */
async function findSilence(guest: string, { config }: Invocation): Promise<NegotiatorError | undefined> {
  try {
    await using control = await dialControl("host", config.settings.host.control);
    if (control === undefined) return undefined;
    const params = { guest, connectTimeoutMs: CONNECT_MS };
    await askDaemon(control, "guest-info", GuestFactsSchema, { timeoutMs: ANSWER_MS, params });
    return undefined;
  } catch (thrown) {
    return NegotiatorError.from(thrown);
  }
}

/** Returns the check of the agent in the guest with this name. */
export function createAgentCheck(name: string): JudgedCheck<AgentFacts> {
  return defineCheck<AgentFacts>({
    name: "agent",
    async look({ invocation, signal }) {
      const time = startCall({ timeoutMs: 0, connectTimeoutMs: CONNECT_MS });
      const peer = await askPeer(() => connectGuest(name, invocation, { time, signal }));
      if (peer.kind === "answers") return { peer, isKnown: true, dialect: null };
      const status = await askHostStatus(invocation.config.settings.host.control).catch(() => undefined);
      const known = status?.guests.find((guest) => guest.name === name && guest.state !== "shut off");
      const found = await findEndpoints(invocation, name, signal).catch(() => undefined);
      const own = found?.endpoints.filter(({ guest }) => guest === name) ?? [];
      const hasPort = own.some(({ port }) => port !== AGENT_PORT);
      const isNamed = own.length === 0 && (known !== undefined || found === undefined);
      const isOther = !["NO_GUEST", "NO_CHANNEL"].includes(peer.error.code);
      const dialect = known?.dialect ?? null;
      const silence = dialect === QGA_DIALECT ? await findSilence(name, invocation) : undefined;
      const asked = silence === undefined ? peer : ({ kind: "error", error: silence } as const);
      return { peer: asked, isKnown: hasPort || isNamed || isOther || dialect === QGA_DIALECT, dialect };
    },
    judge({ peer: facts, isKnown, dialect }) {
      if (!isKnown) return [];
      if (dialect === QGA_DIALECT && facts.kind === "error" && facts.error.code === "UNSUPPORTED")
        return [ok("the QEMU guest agent answers, and runs commands that the host keeps for it")];
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
