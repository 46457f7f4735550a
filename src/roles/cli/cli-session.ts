/** One conversation of a command line, over a channel that it opened itself. */
import type { TimeLeft } from "../../delay.ts";
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { makeSyncProbe } from "../../peers/legacy/exchange.ts";
import { createLegacyPeer } from "../../peers/legacy/legacy-peer.ts";
import { createLink } from "../../peers/link.ts";
import type { Link } from "../../peers/link.ts";
import { createNativePeer } from "../../peers/peer.ts";
import type { Peer } from "../../peers/peer.ts";
import type { Channel } from "../../wire/channel.ts";
import type { IncomingCall } from "../../wire/calls/incoming-call.ts";
import type { Session } from "../../wire/session/session.ts";
import type { PeerConnection } from "./execute-through.ts";
import { describeAgent, makeId } from "../identity.ts";
import { createDialectDetection } from "../../peers/dialect-detection.ts";
import type { DialectDetection } from "../../peers/dialect-detection.ts";
import { expectOtherRole } from "../wrong-side.ts";

/** A conversation that ends with the command line, or with its channel. */
export type CliSession = AsyncDisposable & { session: Session; speech: DialectDetection };

const log = logFor("talk");

export function talk(role: "host" | "guest", side: "dialler" | "listener", channel: Channel): CliSession {
  const speech = createDialectDetection();
  const { onState } = speech;
  const link = createLink({ side, agent: describeAgent(role), makeId, onCall: refuseCall, onState });
  const over = endWithChannel(link, channel);
  return {
    session: link.session,
    speech,
    async [Symbol.asyncDispose]() {
      link.session.close("done");
      await over;
    },
  };
}

/** The way through this machine's own daemon. `explainSilence` is told the session, to say why it does not answer. */
export function connectThroughDaemon(
  conversation: CliSession,
  explainSilence: (session: Session) => NegotiatorError,
  extra: Record<string, string> = {},
): PeerConnection {
  const { session } = conversation;
  const options = { extra, keepsLines: true, explainSilence: () => explainSilence(session) };
  return reachPeer(conversation, createNativePeer(session, options));
}

function reachPeer(conversation: CliSession, peer: Peer): PeerConnection {
  return { peer, [Symbol.asyncDispose]: () => conversation[Symbol.asyncDispose]() };
}

type OpenOptions = {
  role: "host" | "guest";
  side: "dialler" | "listener";
  /** Opens the channel; a second time when the other side turns out to be a python-negotiator. */
  open: (signal?: AbortSignal) => Promise<Channel>;
  /** How long the other side may take to show what it speaks. */
  left: TimeLeft;
  explainSilence: (session: Session) => NegotiatorError;
};

/** The way to whoever is at the other end of a channel, whatever it speaks. */
export async function connectDirectly({
  role,
  side,
  open,
  left,
  explainSilence,
}: OpenOptions): Promise<PeerConnection> {
  const conversation = talk(role, side, await open());
  try {
    const dialect = await conversation.speech.heard(left());
    if (dialect === undefined) throw explainSilence(conversation.session);
    expectOtherRole(conversation.session, role);
    if (dialect === "native") {
      const { session } = conversation;
      const native = createNativePeer(session, { explainSilence: () => explainSilence(session) });
      return reachPeer(conversation, native);
    }
  } catch (thrown) {
    await conversation[Symbol.asyncDispose]();
    throw thrown;
  }
  await conversation[Symbol.asyncDispose]();
  const peer = createLegacyPeer({
    dial: (signal) => open(signal),
    makeSyncProbe: () => makeSyncProbe(describeAgent(role), makeId),
    successor: () => Promise.reject(exchanged()),
    isReplaced: () => false,
    life: new AbortController().signal,
  });
  return { peer, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** Between two conversations of one command line another agent has come. */
function exchanged(): NegotiatorError {
  return new NegotiatorError("CLOSED", "The agent at the other end was exchanged for a newer one just now", {
    remedy: "Call again",
  });
}

/** Nobody redials for a command line: what its channel cannot carry any more has failed. */
async function endWithChannel(link: Link, channel: Channel): Promise<void> {
  let why = "the channel ended";
  try {
    const { state, reason } = await link.run(channel);
    why = reason?.message ?? why;
    log.debug(`${channel.label}: ${state}, ${why}`);
  } catch (thrown) {
    why = NegotiatorError.from(thrown).message;
  }
  if (link.session.state !== "ended") link.session.close(why);
}

function refuseCall(call: IncomingCall): void {
  call.fail(new NegotiatorError("UNSUPPORTED", "A command line serves no calls"));
}
